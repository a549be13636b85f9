"""Losses as curves to draw: thinned, smoothed, with the range of other runs behind them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.agreement.ensemble import Ensemble, Floats, Ints
from vanilla_gan.agreement.verdicts import expected, loss_ranges
from vanilla_gan.runfolder.losses_csv import LossRows

MAX_POINTS = 10_000


class Curve(NamedTuple):
    """One loss over the iterations of `Curves`; NaN where there is no value.

    Attributes:
      raw: float64 [n], the values themselves.
      smooth: float64 [n], the mean over the rows around each value.
      low, high: float64 [n], the range of an ensemble's runs; None if there is no ensemble.
      expected_low, expected_high: float64 [n], the range in which `compare` expects the mean of any
        run, the same for all iterations of one of its windows; None likewise.
      parent: float64 [n], the moving mean of the run that this one is a fork of, from the fork on;
        None if that is not known.
    """

    raw: Floats
    smooth: Floats
    low: Floats | None = None
    high: Floats | None = None
    expected_low: Floats | None = None
    expected_high: Floats | None = None
    parent: Floats | None = None


class Curves(NamedTuple):
    """Both losses of a run.

    Attributes:
      iterations: int64 [n], ascending.
      d_loss, g_loss: the curves.
      rows_per_bin: how many rows each pair of points (their smallest and largest value) stands for;
        1 if every row is a point.
      window: how many rows `smooth` is the mean of.
    """

    iterations: Ints
    d_loss: Curve
    g_loss: Curve
    rows_per_bin: int
    window: int


def curves(
    rows: LossRows,
    ensemble: Ensemble | None,
    parent: LossRows | None = None,
    max_points: int = MAX_POINTS,
) -> Curves:
    """Returns the curves of a run's losses.

    If there are more rows than `max_points`, bins of equally many rows become two points each, so
    that no peak is lost: the smallest and the largest value of a bin, in their original order, are
    placed at its first and its middle iteration.

    Args:
      rows: of `losses.csv`.
      ensemble: the runs whose range lies behind the curves.
      parent: rows of the run that this one is a fork of, from the fork on.
      max_points: at least 2.
    """
    window = smoothing_window(len(rows.iteration))
    per_bin = -(-len(rows.iteration) // (max_points // 2))
    thin = len(rows.iteration) > max_points
    places = _two_a_bin(len(rows.iteration), per_bin) if thin else np.arange(len(rows.iteration))
    iterations = rows.iteration[places]

    def curve(values: Floats, recorded: Floats | None, of_parent: Floats | None) -> Curve:
        raw = _extremes(values, per_bin) if thin else values
        edges = {}
        if ensemble is not None and recorded is not None:
            recorded_at = ensemble.loss_iterations
            for name, edge in expected(recorded, widen=0.0)._asdict().items():
                edges[name] = np.interp(iterations, recorded_at, edge, right=np.nan)
            ranges = loss_ranges(recorded_at, recorded, int(recorded_at[-1]))
            marks = np.searchsorted([*ranges.windows], iterations)
            for name, edge in (("low", ranges.low), ("high", ranges.high)):
                edges[f"expected_{name}"] = np.append(edge, np.nan)[marks]
        beside = None
        if parent is not None and of_parent is not None:
            rows = len(of_parent)
            smooth = moving_mean(of_parent, smoothing_window(rows), np.arange(rows))
            beside = np.interp(iterations, parent.iteration, smooth, left=np.nan, right=np.nan)
        return Curve(raw, moving_mean(values, window, places), **edges, parent=beside)

    return Curves(
        iterations,
        curve(rows.d_loss, ensemble and ensemble.d_loss, parent and parent.d_loss),
        curve(rows.g_loss, ensemble and ensemble.g_loss, parent and parent.g_loss),
        per_bin if thin else 1,
        window,
    )


def smoothing_window(rows: int) -> int:
    """Returns over how many rows to smooth: an odd number near a fiftieth, 1 for few rows."""
    return 1 if rows < 20 else max(5, rows // 100 * 2 + 1)


def moving_mean(values: Floats, window: int, places: npt.NDArray[np.intp]) -> Floats:
    """Returns the mean of the `window` (odd) values around each of the `places`.

    At the ends it is the mean of the values that exist. Values that are not finite are left out; if
    none remains, the mean is NaN.
    """
    finite = np.isfinite(values)
    half = window // 2
    first, behind = np.maximum(places - half, 0), np.minimum(places + half + 1, len(values))

    ends = np.stack([first, behind], axis=1).ravel()

    def sums(of: npt.NDArray[np.bool_] | Floats) -> Floats:
        # A window of 20,000 rows over a million of them is too much for a convolution. Differences
        # of running sums would round off rows that are far smaller than the sum of all before them.
        return np.asarray(np.add.reduceat(np.append(of, 0.0), ends)[::2], np.float64)

    counts = sums(finite)
    means = sums(np.where(finite, values, 0.0)) / np.maximum(counts, 1)
    return np.where(counts > 0, means, np.nan)


def _two_a_bin(count: int, per_bin: int) -> npt.NDArray[np.intp]:
    """Returns the first and the middle place of each bin, or the only place of a bin of one."""
    first = np.arange(0, count, per_bin)
    size = np.minimum(per_bin, count - first)
    places: npt.NDArray[np.intp] = np.unique(np.stack([first, first + size // 2], axis=1))
    return places


def _extremes(values: Floats, per_bin: int) -> Floats:
    """Returns the smallest and the largest value of each bin, in the order in which they came."""
    found: list[float] = []
    for first in range(0, len(values), per_bin):
        part = values[first : first + per_bin]
        known = np.where(np.isfinite(part), part, np.nan)
        if len(part) > 1 and not np.isnan(known).all():
            known = known[sorted([np.nanargmin(known), np.nanargmax(known)])]
        found.extend(known[:2])
    return np.array(found)
