"""Several runs in one figure: the mean of each number, and the range in which the runs lie."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vanilla_gan.agreement.ensemble import Floats, Ints
from vanilla_gan.drawing.style import drawn_in
from vanilla_gan.report.curves import axis_of, encode, label_between, label_iterations, on_axis
from vanilla_gan.report.losses import moving_mean, smoothing_window

_WIDTH_PX, _WIDE_PX, _SMALL_PX = 800, 300, 220
_DPI = 100
_MAX_POINTS = 2_000
# Up to this many points are marked individually.
_MARKED = 20
# No more names than this fit above a panel.
_MAX_NAMES = 8
# The names above the first panel: the width and height of a row, the width of a stroke with its
# spacing, and roughly the largest width of a letter.
_NAMES_PX, _NAMES_ROW_PX, _STROKE_PX, _LETTER_PX = 690, 18, 55, 7
# Distinguishable on white and on black.
_COLOURS = ("#2f7fd0", "#d2601a", "#2a9d5c", "#b04fb8", "#b58900", "#3aa6b0", "#d1495b", "#7a7f87")
# Once every colour is used, they repeat with the next of these.
_STROKES = ("-", "--", ":", "-.")
_LIGHT = {"page": "#ffffff", "text": "#1f2328", "grid": "#eeeeee"}
_DARK = {"page": "#1c1f23", "text": "#e6e4df", "grid": "#31353b"}


class Series(NamedTuple):
    """One number of one run: int64 [n] iterations, ascending, and float64 [n] values."""

    iterations: Ints
    values: Floats


class Band(NamedTuple):
    """One number of several runs, at the iterations for which all of them have it.

    Attributes:
      iterations: int64 [n], ascending.
      mean, low, high: float64 [n], of the runs; NaN where one of them has no finite value.
    """

    iterations: Ints
    mean: Floats
    low: Floats
    high: Floats


# From the name of a number to groups of runs; each group has the series of at least one run.
Panels = Mapping[str, Mapping[str, Sequence[Series]]]


def band(runs: Sequence[Series]) -> Band:
    """Returns the mean and range of one number over runs, at least one, each smoothed first."""
    shared = functools.reduce(np.intersect1d, [run.iterations for run in runs])
    window = smoothing_window(len(shared))
    places = np.unique(np.linspace(0, len(shared) - 1, _MAX_POINTS).astype(int))[: len(shared)]
    smooth = np.stack(
        [moving_mean(run.values[np.isin(run.iterations, shared)], window, places) for run in runs]
    )
    return Band(shared[places], smooth.mean(axis=0), smooth.min(axis=0), smooth.max(axis=0))


def bands_png(wide: Panels, small: Panels, title: str, *, dark: bool = False) -> bytes:
    """Draws numbers of groups of runs as a PNG: a mean and a band for each group, in panels.

    Wide panels are 800 px wide, one below another; small ones are two to a row. Equal arguments
    give equal bytes.

    Args:
      wide: the losses; their axes are logarithmic unless a loss takes both signs.
      small: other numbers.
      title: a line above all panels.
      dark: light lines on a dark page.
    """
    colours = _DARK if dark else _LIGHT
    looks = {
        **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), colours["text"]),
        **dict.fromkeys(("xtick.color", "ytick.color"), colours["text"]),
        **dict.fromkeys(("axes.facecolor", "figure.facecolor"), colours["page"]),
        "text.parse_math": False,
    }
    rows = -(-len(small) // 2)
    names = dict.fromkeys(group for panel in (*wide.values(), *small.values()) for group in panel)
    lines = dict(zip(names, itertools.cycle(itertools.product(_STROKES, _COLOURS))))
    heights = [_WIDE_PX] * len(wide) + [_SMALL_PX] * rows
    named = list(names)[:_MAX_NAMES]
    columns = _columns(named)
    # The layout always has room for one row of names.
    more_names_px = _NAMES_ROW_PX * max(-(-len(named) // columns) - 1, 0)
    with drawn_in(["default", looks]):
        height = sum(heights) + more_names_px
        # Half a pixel more: a size that rounding leaves just below a whole pixel would lose it.
        size = ((_WIDTH_PX + 0.5) / _DPI, (height + 0.5) / _DPI)
        figure = Figure(figsize=size, dpi=_DPI)
        figure.suptitle(title, x=0.1, y=1 - 9 / height, ha="left", va="top")
        grid = figure.add_gridspec(len(heights), 2, height_ratios=heights, hspace=0.3, wspace=0.22)
        edges = {"bottom": 48 / height, "top": 1 - (54 + more_names_px) / height}
        figure.subplots_adjust(left=0.1, right=0.97, **edges)
        places = [grid[row, :] for row in range(len(wide))]
        places += [grid[len(wide) + k // 2, k % 2] for k in range(len(small))]
        for place, (name, groups) in zip(places, [*wide.items(), *small.items()], strict=True):
            axes = figure.add_subplot(place)
            drawn = {group: band(runs) for group, runs in groups.items()}
            _draw(axes, drawn, lines, name, name in wide)
            if place is places[0] and len(drawn) > 1:
                _name(axes, columns)
            axes.grid(True, color=colours["grid"])
            axes.set_axisbelow(True)
            iterations = np.concatenate([each.iterations for each in drawn.values()])
            label_iterations(axes, iterations, 8 if name in wide else 4)
        figure.supxlabel("iteration", fontsize="medium", y=8 / height)
        return encode(figure)


def _draw(
    axes: Axes,
    drawn: Mapping[str, Band],
    lines: Mapping[str, tuple[str, str]],
    name: str,
    is_wide: bool,
) -> None:
    """Draws one number; `lines` has the stroke and the colour of each group."""
    edges = np.concatenate([edge for each in drawn.values() for edge in each[1:]])
    sign, logarithmic = axis_of(edges) if is_wide else (1, False)
    shown: list[Floats] = []
    for number, (group, each) in enumerate(drawn.items()):
        stroke, colour = lines[group]
        mean, low, high = (on_axis(sign * line, logarithmic) for line in each[1:])
        shown += [line[np.isfinite(line)] for line in (low, high)]
        axes.fill_between(each.iterations, low, high, color=colour, alpha=0.25, linewidth=0)
        marker = "." if len(each.iterations) <= _MARKED else None
        label = group if number < _MAX_NAMES else None
        axes.plot(each.iterations, mean, stroke, color=colour, label=label, marker=marker)
    if logarithmic and any(len(line) for line in shown):
        axes.set_yscale("log")
        label_between(axes, np.concatenate(shown))
    if is_wide:
        axes.set_ylabel(name if sign > 0 else f"\N{MINUS SIGN} {name}")
    else:
        axes.set_title(name, fontsize="medium")


def _name(axes: Axes, columns: int) -> None:
    """Names the groups above the first panel; all panels use the same colours."""
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=columns,
        fontsize="small",
        frameon=False,
        borderaxespad=0.2,
    )


def _columns(names: Sequence[str]) -> int:
    """Returns how many names of groups fit side by side, at most four."""
    longest = max(map(len, names), default=0)
    return max(1, min(4, _NAMES_PX // (_STROKE_PX + _LETTER_PX * longest)))
