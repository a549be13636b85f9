"""`losses.png`: both losses over the iterations, in front of the spread of other runs."""

from __future__ import annotations

import io
import warnings

import numpy as np
import PIL.Image
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    StrMethodFormatter,
)

from vanilla_gan.agreement.ensemble import Ensemble, Floats, Ints
from vanilla_gan.drawing.style import drawn_in
from vanilla_gan.report.losses import Curve, Curves, curves
from vanilla_gan.runfolder.losses_csv import LossRows

_SIZE_IN = (8.0, 6.0)
_DPI = 100
# More points than pixels add nothing visible. Bins keep their smallest and their largest value.
_MAX_POINTS = 2_000
# Up to this many rows are marked individually: a single one makes no line.
_MARKED = 60
_D_COLOUR, _G_COLOUR, _PARENT_COLOUR = "#1764ab", "#b8430b", "#404040"
_RECORDED_COLOUR, _EXPECTED_COLOUR = "#cccccc", "#eeeeee"
# If the largest value is less than this many times the smallest, 2 and 5 are labelled, too.
_MANY_LABELS = 2e3
# Letters of the other runs' name in the legend; a parent's entry leaves less room.
_MAX_NAME, _MAX_NAME_OF_FORK = 27, 15


def losses_png(
    rows: LossRows, ensemble: Ensemble | None, title: str, parent: LossRows | None = None
) -> bytes:
    """Draws the losses as a PNG of 800x600 px.

    The values are faint, and their moving mean over a fiftieth of the rows is strong. Behind both,
    a dark band shows the range of an ensemble's runs at the same iterations, and a light band shows
    where `compare` expects the mean of another run over some hundred iterations. The mean of the
    run that this one is a fork of is dashed. The axes are logarithmic. A loss that is never
    positive, such as G's of `--loss minimax`, is drawn by its magnitude; one with both signs gets a
    linear axis. The panel says how many values its axis cannot show: NaN, infinities, and zero on a
    logarithmic axis. Equal arguments give equal bytes.

    Args:
      rows: of `losses.csv`, at least one.
      ensemble: the recorded runs, if the system has any on the data set, or those of a sweep.
      title: a line above both panels.
      parent: rows of the run that this one is a fork of, from the fork on.

    Side effects: none. The settings in use are those of matplotlib's own default style.
    """
    drawn = curves(rows, ensemble, parent, max_points=_MAX_POINTS)
    # A name with dollar signs is not a formula.
    with drawn_in(["default", {"text.parse_math": False}]):
        figure = Figure(figsize=_SIZE_IN, dpi=_DPI)
        figure.subplots_adjust(left=0.1, right=0.97, bottom=0.08, top=0.91, hspace=0.16)
        figure.suptitle(title, x=0.1, y=0.985, ha="left")
        upper, lower = figure.subplots(2, 1, sharex=True)
        runs = ensemble.name if ensemble else ""
        _draw(upper, drawn, drawn.d_loss, rows.d_loss, "D loss", _D_COLOUR, runs)
        _draw(lower, drawn, drawn.g_loss, rows.g_loss, "G loss", _G_COLOUR, runs)
        lower.set_xlabel("iteration")
        label_iterations(lower, drawn.iterations)
        if len(drawn.iterations) > _MARKED:
            lower.set_xlim(rows.iteration[0], rows.iteration[-1])
        return encode(figure)


def _draw(
    axes: Axes, drawn: Curves, curve: Curve, values: Floats, name: str, colour: str, runs: str
) -> None:
    """Draws one loss into an empty panel; `values`, float64 [rows], has every row's value."""
    sign, logarithmic = axis_of(values)
    shown = on_axis(sign * values, logarithmic)
    shown = shown[np.isfinite(shown)]
    if logarithmic and len(shown):
        axes.set_yscale("log")
        label_between(axes, shown)
    edges: list[Floats] = []
    most = _MAX_NAME if curve.parent is None else _MAX_NAME_OF_FORK
    for low, high, shade, label in (
        (curve.expected_low, curve.expected_high, _EXPECTED_COLOUR, "expected mean"),
        (curve.low, curve.high, _RECORDED_COLOUR, shortened(runs, most)),
    ):
        if low is None or high is None:
            continue
        low, high = (low, high) if sign > 0 else (-high, -low)
        # A logarithmic axis cannot show a range of the other sign.
        high = on_axis(high, logarithmic)
        if shade == _RECORDED_COLOUR:
            edges += [on_axis(low, logarithmic), high]
        if np.isfinite(high).any():
            axes.fill_between(drawn.iterations, low, high, color=shade, linewidth=0, label=label)
    smoothed = drawn.window > 1
    few = len(drawn.iterations) <= _MARKED
    raw, smooth = (on_axis(sign * line, logarithmic) for line in (curve.raw, curve.smooth))
    axes.plot(
        drawn.iterations,
        raw,
        color=colour,
        alpha=0.4 if smoothed else 1.0,
        linewidth=0.8 if smoothed else 1.5,
        marker="." if few else None,
        label="each row of losses.csv",
    )
    if smoothed:
        label = f"mean of {drawn.window} rows"
        axes.plot(drawn.iterations, smooth, color=colour, linewidth=1.8, label=label)
    if curve.parent is not None:
        beside = on_axis(sign * curve.parent, logarithmic)
        axes.plot(drawn.iterations, beside, "--", color=_PARENT_COLOUR, label="parent, mean")
    _keep_near(axes, [raw, *edges], logarithmic)
    missing = len(values) - len(shown)
    if missing:
        what = "zero, NaN or infinite" if logarithmic else "NaN or infinite"
        note = f"not drawn: {missing} of {len(values)} rows, which are {what}"
        axes.text(0.01, 0.03, note, transform=axes.transAxes, fontsize="small")
    axes.set_ylabel(name if sign > 0 else f"\N{MINUS SIGN} {name}")
    axes.grid(True, color="#eeeeee")
    axes.set_axisbelow(True)
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=5,
        fontsize="small",
        frameon=False,
        borderaxespad=0.2,
    )


def _keep_near(axes: Axes, lines: list[Floats], logarithmic: bool) -> None:
    """Limits the axis to the surroundings of the lines: few runs have a far wider light range."""
    near = np.concatenate(lines)
    near = near[np.isfinite(near)]
    if len(near):
        least, most = float(near.min()), float(near.max())
        span = most - least
        ends = (least / 10, most * 10) if logarithmic else (least - 3 * span, most + 3 * span)
        low, high = axes.get_ylim()
        if ends[0] < ends[1]:
            axes.set_ylim(max(low, ends[0]), min(high, ends[1]))


def shortened(name: str, most: int = _MAX_NAME) -> str:
    """Returns a name, or `...` and its end if it has more than `most` letters."""
    return name if len(name) <= most else f"...{name[3 - most :]}"


def axis_of(values: Floats) -> tuple[int, bool]:
    """Returns the sign to draw values with, 1 or -1, and whether the axis is logarithmic."""
    finite = values[np.isfinite(values)]
    if (finite >= 0).all():
        return 1, True
    return (-1, True) if (finite <= 0).all() else (1, False)


def on_axis(values: Floats, logarithmic: bool) -> Floats:
    """Returns values, float64 [n], with NaN in place of those that the axis cannot show."""
    return np.where(np.isfinite(values) & (values > 0 if logarithmic else True), values, np.nan)


def label_between(axes: Axes, shown: Floats) -> None:
    """Labels 2, 5, 20, 50, ... as well as the powers of ten if there is room."""
    if shown.max() < _MANY_LABELS * shown.min():
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def label_iterations(axes: Axes, iterations: Ints, most: int = 10) -> None:
    """Labels whole iterations, with at most `most` steps between labels, or the only iteration."""
    if len(np.unique(iterations)) == 1:
        axes.xaxis.set_major_locator(FixedLocator(iterations[:1].tolist()))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=most, integer=True))


def encode(figure: Figure) -> bytes:
    """Draws a figure as a PNG of 256 colours, 40% of the size of one with all colours."""
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        # The name of a data set may have letters that the font lacks.
        warnings.filterwarnings("ignore", "Glyph ")
        canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.array(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).quantize(256).save(buffer, "png", dpi=(_DPI, _DPI))
    return buffer.getvalue()
