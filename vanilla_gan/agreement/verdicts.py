"""Whether numbers of one run lie within the spread of recorded ones: a verdict for each.

Training a GAN is chaotic, so past some hundred iterations a faithful run shares no digit with a
recorded one; it shares the distribution over seeds. Ten recorded seeds span a range for each
quantity at each iteration. All quantities are positive and vary by factors, so ranges are taken of
logarithms. A run is inside where it is within the range widened by `WIDEN` times its width on each
side.

Why 2: a run has up to 70 such verdicts, and each of them may fail a faithful run by chance. Of a
normal distribution a new value lies outside of the widened range of ten with 0.005%, one of 70
independent ones with 0.4%. Of the recorded seeds no number is farther than 1.4 widths from the
range of the other nine, of 16 seeds of ours, in both forms of the initial weights, none farther
than 1.2. The wrong programs of `tests/wrong_programs.py` are at least 2.1 widths off somewhere, at
each of up to four seeds, but need their time: a learning rate of a tenth shows for certain at 3000
iterations, a batch that never changes at 5000. A learning rate twice too high is 1.2 off after
10,000: one run does not tell it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.agreement.statistics import Spread, spread

WIDEN = 2.0
# How much farther than a plain replica a run may be from recorded losses before it is asked what
# rounding does on this machine.
ALLOWANCE = 10.0
# Where losses are judged, and over how many iterations up to there: each thousand, and twice
# before the first of them, where seeds differ least.
LOSS_WINDOWS = {0: 0, 300: 300, 500: 300} | dict.fromkeys(range(1000, 10_001, 1000), 1000)
LOSS_MARKS = tuple(LOSS_WINDOWS)
_LEAST = 1e-12  # for the logarithm of what is not positive

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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


def expected(recorded: npt.ArrayLike, widen: float = WIDEN) -> Spread:
    """Returns the widened range of positive values over seeds, [seeds, ...], by their logarithms.

    Raises:
      ValueError: there are fewer than two seeds.
    """
    ranges = spread(np.log(np.maximum(np.asarray(recorded, np.float64), _LEAST)), widen)
    return Spread(np.exp(ranges.low), np.exp(ranges.high))


def judge(
    what: str, iterations: Sequence[int], values: npt.ArrayLike, recorded: npt.ArrayLike
) -> list[Verdict]:
    """Returns a verdict for each iteration; none where a value is missing.

    Args:
      what: the quantity.
      iterations: [n].
      values: [n], NaN where there is none.
      recorded: [seeds, n], positive.
    """
    ranges = expected(recorded)
    rows = zip(iterations, np.asarray(values, np.float64), ranges.low, ranges.high, strict=True)
    return [
        Verdict(what, int(it), float(value), float(low), float(high))
        for it, value, low, high in rows
        if not np.isnan(value)
    ]


def loss_means(iterations: Ints, losses: Floats, reached: int) -> Floats:
    """Returns a loss at each of `LOSS_MARKS`: its geometric mean over the window that ends there.

    A window holds the rows in `(mark - width, mark]`; at iteration 0 it is the loss itself. A loss
    that is not positive counts as one of nearly 0.

    Args:
      iterations: int64 [n], of the rows, ascending.
      losses: float64 [..., n].
      reached: the last iteration of which the losses are known.

    Returns:
      float64 [..., marks], NaN where no row is, or the run has not come.
    """
    logarithms = np.log(np.maximum(losses, _LEAST))
    means = np.full((*losses.shape[:-1], len(LOSS_MARKS)), np.nan)
    for place, (mark, width) in enumerate(LOSS_WINDOWS.items()):
        behind = mark - width if mark else -1
        rows = (iterations > behind) & (iterations <= mark)
        if rows.any() and mark <= reached:
            means[..., place] = np.exp(logarithms[..., rows].mean(axis=-1))
    return means


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
