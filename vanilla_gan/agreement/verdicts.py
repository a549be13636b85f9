"""Whether numbers of one run lie within the spread of recorded ones: a verdict for each.

Training a GAN is chaotic, so past some hundred iterations a faithful run shares no digit with a
recorded one; it shares the distribution over seeds. Ten recorded seeds span a range for each
quantity at each iteration. Positive quantities vary by factors, so their ranges are taken of
logarithms; others, such as WGAN's losses, are taken as they are. A value of a run passes if it is
within the range widened by twice its width on each side.

Why twice: a run has up to 70 such verdicts, and each of them may fail a faithful run by chance. For
a normal distribution, a new value lies outside the widened range of ten with probability 0.005%,
and one of 70 independent values with 0.4%. No number of a recorded seed is farther than 1.4 widths
from the range of the other nine; for 16 seeds of ours, in both forms of the initial weights, none
is farther than 1.2. `WIDENINGS` keeps that probability the same for other numbers of seeds, because
few seeds span too little. The wrong programs of `tests/wrong_programs.py` are at least 2.1 widths
off somewhere, with each of up to four seeds, but they need time to show: a tenth of the learning
rate always shows at 3000 iterations, a batch that never changes at 5000. Twice the learning rate is
1.2 off after 10,000, so one run cannot show it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.agreement.ensemble import Floats, Ints
from vanilla_gan.agreement.statistics import Spread, spread

# By the number of seeds; a number between two of these is treated as the smaller one. More than 20
# count as 20, because seeds are not quite normally distributed: rare kinds of runs are the rule.
WIDENINGS = {5: 7.8, 6: 4.84, 7: 3.5, 8: 2.77, 9: 2.31, 10: 2.0, 12: 1.61, 15: 1.29, 20: 1.01}
LEAST_SEEDS = min(WIDENINGS)
# How many times as far as a plain replica a run may be from recorded losses before the effect of
# rounding on this machine is measured.
ALLOWANCE = 10.0
_LEAST = 1e-12  # for the logarithm of values that are not positive


class Verdict(NamedTuple):
    """What was found of one quantity.

    Attributes:
      what: the quantity.
      iteration: at which it was measured.
      value: the run's.
      low, high: the range in which it is expected, inclusive.
      rounding: what rounding alone does there on this machine, if that was measured; see `drift`.
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
    """Returns at which iterations losses are judged, and over how many iterations up to there.

    They are judged at 0, at each thousand, and twice before the first thousand, where seeds differ
    least; from 10,000 on at each ten thousand, and so on. If `last` is below 300, they are judged
    at 0, at its half, and at `last`.

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


# For the recorded runs.
LOSS_WINDOWS = loss_windows(10_000)


def expected(
    recorded: npt.ArrayLike, widen: float | None = None, *, by_factors: bool | None = None
) -> Spread:
    """Returns the widened range of values over seeds, [seeds, ...]; see this module's docstring.

    Args:
      recorded: finite values.
      widen: by how many widths on each side; by default as `WIDENINGS` says for that many seeds.
      by_factors: unless False, logarithms are used where all seeds have positive values.

    Raises:
      ValueError: there are fewer than two seeds.
    """
    values = np.asarray(recorded, np.float64)
    if widen is None:
        widen = WIDENINGS[max(n for n in WIDENINGS if n <= max(len(values), LEAST_SEEDS))]
    positive = (values > 0).all(axis=0) & (by_factors is not False)
    low, high = spread(values, widen)
    ranges = spread(np.log(np.where(positive, values, 1.0)), widen)
    # A range of width 0 must include its own value, which the exponential of a logarithm misses.
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
      reached: the last iteration for which the losses are known.
      windows: the width of each mark's window, see `loss_windows`.
      by_factors: take the geometric mean; a loss that is not positive counts as nearly 0.

    Returns:
      float64 [..., marks], NaN where the window has no row, or the run has not reached the mark.
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
    """The ranges in which the means of a loss are expected.

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
    """Returns the ranges in which a loss of another run is expected, given that of some runs.

    Args:
      iterations: int64 [n], of the losses.
      losses: float64 [seeds, n]; unless all are positive, no logarithms are taken.
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
      iterations: int64 [n], those that both sides have.
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
