"""The losses of several runs in one figure: their mean, and between what they lie."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vanilla_gan.report.curves import axis_of, encode, fits, label_between
from vanilla_gan.report.losses import moving_mean, smoothing_window
from vanilla_gan.runfolder.losses_csv import LossRows

_SIZE_IN = (8.0, 6.0)
_DPI = 100
_MAX_POINTS = 2_000
# More names than these do not fit above a panel.
_MAX_NAMES = 8
# To be told apart on white and on black.
_COLOURS = ("#2f7fd0", "#d2601a", "#2a9d5c", "#b04fb8", "#b58900", "#3aa6b0", "#d1495b", "#7a7f87")
_LIGHT = {"page": "#ffffff", "text": "#1f2328", "grid": "#eeeeee"}
_DARK = {"page": "#1c1f23", "text": "#e6e4df", "grid": "#31353b"}

Floats = npt.NDArray[np.float64]


class Band(NamedTuple):
    """One loss of several runs, at the iterations of which all have a row.

    Attributes:
      iterations: int64 [n], ascending.
      mean, low, high: float64 [n], of the runs' moving means.
    """

    iterations: npt.NDArray[np.int64]
    mean: Floats
    low: Floats
    high: Floats


def bands(runs: Sequence[LossRows]) -> tuple[Band, Band]:
    """Returns what D's losses and G's of some runs are together; each is smoothed before.

    Args:
      runs: the rows of each, at least one run.
    """
    shared = functools.reduce(np.intersect1d, [rows.iteration for rows in runs])
    window = smoothing_window(len(shared))
    places = np.unique(np.linspace(0, len(shared) - 1, _MAX_POINTS).astype(int))
    places = places[: len(shared)]

    def band(columns: Sequence[Floats]) -> Band:
        smooth = np.stack(
            [
                moving_mean(column[np.isin(rows.iteration, shared)], window, places)
                for rows, column in zip(runs, columns, strict=True)
            ]
        )
        return Band(shared[places], smooth.mean(axis=0), smooth.min(axis=0), smooth.max(axis=0))

    return band([rows.d_loss for rows in runs]), band([rows.g_loss for rows in runs])


def bands_png(groups: Mapping[str, Sequence[LossRows]], title: str, *, dark: bool = False) -> bytes:
    """Draws both losses of groups of runs as a PNG of 800x600 px: a mean and a band for each group.

    Equal arguments give equal bytes.

    Args:
      groups: runs by the name of their group, at least one run in each.
      title: a line above it all.
      dark: light lines on a dark page.
    """
    colours = _DARK if dark else _LIGHT
    drawn = {name: bands(runs) for name, runs in groups.items()}
    looks = {
        "text.color": colours["text"],
        "axes.labelcolor": colours["text"],
        "axes.edgecolor": colours["text"],
        "axes.facecolor": colours["page"],
        "figure.facecolor": colours["page"],
        "xtick.color": colours["text"],
        "ytick.color": colours["text"],
    }
    with matplotlib.style.context(["default", looks]):
        figure = Figure(figsize=_SIZE_IN, dpi=_DPI)
        figure.subplots_adjust(left=0.1, right=0.97, bottom=0.08, top=0.91, hspace=0.2)
        figure.suptitle(title, x=0.1, y=0.985, ha="left")
        upper, lower = figure.subplots(2, 1, sharex=True)
        for place, (axes, loss) in enumerate(((upper, "D loss"), (lower, "G loss"))):
            _draw(axes, {name: both[place] for name, both in drawn.items()}, loss)
            axes.grid(True, color=colours["grid"])
            axes.set_axisbelow(True)
        lower.set_xlabel("iteration")
        lower.xaxis.set_major_locator(MaxNLocator(integer=True))
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.array(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    return encode(pixels)


def _draw(axes: Axes, drawn: Mapping[str, Band], loss: str) -> None:
    sign, logarithmic = axis_of(np.concatenate([edge for b in drawn.values() for edge in b[1:]]))
    shown: list[Floats] = []
    for number, (name, band) in enumerate(drawn.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        mean, low, high = (
            np.where(fits(sign * line, logarithmic), sign * line, np.nan)
            for line in (band.mean, band.low, band.high)
        )
        shown += [line[np.isfinite(line)] for line in (low, high)]
        axes.fill_between(band.iterations, low, high, color=colour, alpha=0.25, linewidth=0)
        label = name if number < _MAX_NAMES else None
        few = len(band.iterations) == 1
        axes.plot(band.iterations, mean, color=colour, label=label, marker="." if few else None)
    if logarithmic and any(len(line) for line in shown):
        axes.set_yscale("log")
        label_between(axes, np.concatenate(shown))
    axes.set_ylabel(loss if sign > 0 else f"\N{MINUS SIGN} {loss}")
    if len(drawn) > 1:
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=4,
            fontsize="small",
            frameon=False,
            borderaxespad=0.2,
        )
