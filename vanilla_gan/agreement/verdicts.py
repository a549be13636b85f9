"""Whether numbers of one run lie within the spread of recorded ones: a verdict for each.

Training a GAN is chaotic, so past some hundred iterations a faithful run shares no digit with a
recorded one; it shares the distribution over seeds. Ten recorded seeds span a range for each
quantity at each iteration. Quantities that are positive vary by factors, so ranges are taken of
logarithms; others, such as WGAN's losses, are taken as they are. A run is inside where it is within
the range widened by twice its width on each side.

Why 2: a run has up to 70 such verdicts, and each of them may fail a faithful run by chance. Of a
normal distribution a new value lies outside of the widened range of ten with 0.005%, one of 70
independent ones with 0.4%. Of the recorded seeds no number is farther than 1.4 widths from the
range of the other nine, of 16 seeds of ours, in both forms of the initial weights, none farther
than 1.2. Other numbers of seeds widen by as much as makes that chance the same, `WIDENINGS`: few
seeds span too little of what seeds do. The wrong programs of `tests/wrong_programs.py` are at least
2.1 widths off somewhere, at each of up to four seeds, but need their time: a learning rate of a
tenth shows for certain at 3000 iterations, a batch that never changes at 5000. A learning rate
twice too high is 1.2 off after 10,000: one run does not tell it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.agreement.ensemble import Floats, Ints
from vanilla_gan.agreement.statistics import Spread, spread

# By the number of seeds; between two of these as for the smaller one. More than 20 seeds are not
# taken for a normal distribution's: rare kinds of runs are the rule.
WIDENINGS = {5: 7.8, 6: 4.84, 7: 3.5, 8: 2.77, 9: 2.31, 10: 2.0, 12: 1.61, 15: 1.29, 20: 1.01}
LEAST_SEEDS = min(WIDENINGS)
# How much farther than a plain replica a run may be from recorded losses before it is asked what
# rounding does on this machine.
ALLOWANCE = 10.0
_LEAST = 1e-12  # for the logarithm of what is not positive


class Verdict(NamedTuple):
    """What was found of one quantity.

    Attributes:
      what: the quantity.
      iteration: where.
      value: of the run.
      low, high: between which it is expected, inclusive.
      rounding: where it was asked for, what rounding alone does there on this machine, see `drift`.
    """

    what: str
    iteration: int
    value: float
    low: float
    high: float
    rounding: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the value is expected; NaN never is."""
        return self.low <= self.value <= self.high


def loss_windows(last: int) -> dict[int, int]:
    """Returns where losses are judged, and over how many iterations up to there.

    That is each thousand, and twice before the first of them, where seeds differ least; from 10,000
    on each ten thousand, and so on. Less than 300 iterations are judged in halves.

    Args:
      last: the last iteration of the runs by which they are judged.
    """
    if last < 300:
        return {0: 0, last // 2: last // 2, last: last - last // 2}
    windows, mark, step = {0: 0, 300: 300, 500: 300}, 1000, 1000
    while mark <= last:
        windows[mark] = step
        step *= 10 if mark == 10 * step else 1
        mark += step
    return {mark: width for mark, width in windows.items() if mark <= last}


# Of the recorded runs.
LOSS_WINDOWS = loss_windows(10_000)


def expected(
    recorded: npt.ArrayLike, widen: float | None = None, *, by_factors: bool | None = None
) -> Spread:
    """Returns the widened range of values over seeds, [seeds, ...]; see this module's docstring.

    Args:
      recorded: finite values.
      widen: by how many widths on each side; by default as `WIDENINGS` says for so many seeds.
      by_factors: whether their logarithms count; by default where all seeds have positive ones.

    Raises:
      ValueError: there are fewer than two seeds.
    """
    values = np.asarray(recorded, np.float64)
    if widen is None:
        widen = WIDENINGS[max(n for n in WIDENINGS if n <= max(len(values), LEAST_SEEDS))]
    positive = (values > 0).all(axis=0) & (by_factors is not False)
    low, high = spread(values, widen)
    ranges = spread(np.log(np.where(positive, values, 1.0)), widen)
    # A range without a width holds its own value, which the exponential of a logarithm misses.
    return Spread(
        np.where(positive, np.minimum(np.exp(ranges.low), values.min(axis=0)), low),
        np.where(positive, np.maximum(np.exp(ranges.high), values.max(axis=0)), high),
    )


def judge(
    what: str, iterations: Sequence[int], values: npt.ArrayLike, recorded: npt.ArrayLike
) -> list[Verdict]:
    """Returns a verdict for each iteration; none where a value is missing.

    Args:
      what: the quantity.
      iterations: [n].
      values: [n], NaN where there is none.
      recorded: [seeds, n].
    """
    ranges = expected(recorded)
    rows = zip(iterations, np.asarray(values, np.float64), ranges.low, ranges.high, strict=True)
    return [
        Verdict(what, int(it), float(value), float(low), float(high))
        for it, value, low, high in rows
        if not np.isnan(value)
    ]


def loss_means(
    iterations: Ints,
    losses: Floats,
    reached: int,
    windows: Mapping[int, int] = LOSS_WINDOWS,
    *,
    by_factors: bool = True,
) -> Floats:
    """Returns a loss at each mark: its mean over the window that ends there.

    A window holds the rows in `(mark - width, mark]`; at iteration 0 it is the loss itself.

    Args:
      iterations: int64 [n], of the rows, ascending.
      losses: float64 [..., n].
      reached: the last iteration of which the losses are known.
      windows: the width of each mark's window, see `loss_windows`.
      by_factors: the geometric mean; a loss that is not positive counts as one of nearly 0.

    Returns:
      float64 [..., marks], NaN where no row is, or the run has not come.
    """
    values = np.log(np.maximum(losses, _LEAST)) if by_factors else losses
    means = np.full((*losses.shape[:-1], len(windows)), np.nan)
    for place, (mark, width) in enumerate(windows.items()):
        behind = mark - width if mark else -1
        rows = (iterations > behind) & (iterations <= mark)
        if rows.any() and mark <= reached:
            means[..., place] = values[..., rows].mean(axis=-1)
    return np.exp(means) if by_factors else means


class LossRanges(NamedTuple):
    """Between what the means of a loss are expected.

    Attributes:
      windows: the width of the window that ends at each mark.
      by_factors: whether means are geometric.
      low, high: float64 [marks]; NaN where the runs have no row.
    """

    windows: Mapping[int, int]
    by_factors: bool
    low: Floats
    high: Floats

    def judge(self, what: str, iterations: Ints, losses: Floats, reached: int) -> list[Verdict]:
        """Returns a verdict for each mark that a run has reached; see `loss_means`."""
        values = loss_means(
            iterations, losses, reached, self.windows, by_factors=self.by_factors
        ).tolist()
        rows = zip(self.windows, values, self.low.tolist(), self.high.tolist(), strict=True)
        return [Verdict(what, *row) for row in rows if not np.isnan(row[1:]).any()]


def loss_ranges(iterations: Ints, losses: Floats, last: int) -> LossRanges:
    """Returns between what a loss of some runs, float64 [seeds, n], lets expect that of another.

    Args:
      iterations: int64 [n], of the losses.
      losses: where one is not positive, neither means nor ranges are of logarithms.
      last: the last iteration of these runs.
    """
    windows, by_factors = loss_windows(last), bool((losses > 0).all())
    means = loss_means(iterations, losses, last, windows, by_factors=by_factors)
    return LossRanges(windows, by_factors, *expected(means, by_factors=by_factors))


def judge_recorded(
    what: str,
    limits: Sequence[tuple[int, float]],
    iterations: Ints,
    losses: Floats,
    recorded: Floats,
) -> list[Verdict]:
    """Returns a verdict for each range of iterations: the largest relative difference there.

    Args:
      what: the quantity.
      limits: `(last iteration, largest difference of a plain replica)`, ascending; `ALLOWANCE`
        times as much is allowed.
      iterations: int64 [n], which both sides have.
      losses: float64 [n, ...], of the run.
      recorded: float64 [n, ...].
    """
    differences = np.abs(losses / recorded - 1).reshape(len(iterations), -1)
    found, first = [], 0
    for last, limit in limits:
        rows = (iterations >= first) & (iterations <= last)
        if rows.any() and iterations[-1] >= last:
            largest = float(differences[rows].max())
            found.append(Verdict(what, last, largest, 0.0, ALLOWANCE * limit))
        first = last + 1
    return found
