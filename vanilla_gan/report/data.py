"""The numbers of a report as its scripts read them: lists that JSON can hold, None for no value."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.agreement.ensemble import Ensemble
from vanilla_gan.agreement.published_gif import FRAME_ITERATIONS
from vanilla_gan.agreement.statistics import NAMES
from vanilla_gan.agreement.verdicts import expected
from vanilla_gan.data.shape import POINT
from vanilla_gan.drawing.points import picture_layout
from vanilla_gan.report.contents import Report
from vanilla_gan.report.losses import Curve, curves
from vanilla_gan.report.quality import figure_names, real_of
from vanilla_gan.runfolder.health_csv import SIGNS
from vanilla_gan.runfolder.pictures import picture_path

STATISTICS = ("Ink", "Pixels on", "Diversity", "Roughness")
assert len(STATISTICS) == len(NAMES)

# Charts are thinned to about this many rows of signs, always to fewer than twice as many.
MAX_SIGNS = 1000
_DIGITS = 5  # more than a screen can show


def page_data(report: Report) -> dict[str, Any]:
    """Returns what the scripts of the page read, except the pictures themselves."""
    d_loss, g_loss = losses_at(report)
    config = report.facts.record.config
    rows, columns = config.picture_tiles
    return {
        "names": () if config.image_shape == POINT else STATISTICS,
        "reload_s": report.reload_s,
        "pictures": {
            "iterations": report.iterations(),
            "files": [picture_path(report.folder, p.number).name for p in report.pictures],
            "statistics": [numbers(p.statistics) for p in report.pictures],
            "d_loss": d_loss,
            "g_loss": g_loss,
            "samples": rows * columns,
            "layout": dataclasses.asdict(picture_layout(rows, columns, config.image_shape)),
        },
        "published": report.ensemble and _ensemble(report.ensemble),
        "frame_iterations": [FRAME_ITERATIONS * k for k in range(len(report.frames))],
        "losses": _losses(report),
        "health": _health(report),
        "quality": {
            "iterations": [each.iteration for each in report.quality],
            "figures": {
                name: values
                for figure in figure_names(report.quality)
                for name, values in (
                    (figure, [each.figures.get(figure) for each in report.quality]),
                    (f"{figure}_real", [real_of(each, figure) for each in report.quality]),
                )
                if any(value is not None for value in values)
            },
        },
    }


def _health(report: Report) -> dict[str, Any]:
    rows = report.health
    # Every k-th row: curves that are a few hundred pixels wide show no more.
    step = max(1, len(rows.iteration) // MAX_SIGNS)
    return {
        "iterations": rows.iteration[::step].tolist(),
        "figures": {name: numbers(rows.of(name)[::step]) for name in SIGNS},
    }


def losses_at(report: Report) -> tuple[list[float | None], list[float | None]]:
    """Returns both losses at the iteration of each picture, None where there is no such row."""
    rows = report.losses
    iterations = np.array(report.iterations(), np.int64)
    # A dictionary of a million rows would take 150 MB.
    places = np.searchsorted(rows.iteration, iterations)
    there = np.isin(iterations, rows.iteration)

    def at(values: npt.NDArray[np.float64]) -> list[float | None]:
        found = np.full(len(places), np.nan)
        found[there] = values[places[there]]
        return numbers(found)

    return at(rows.d_loss), at(rows.g_loss)


def numbers(values: npt.NDArray[np.float64]) -> list[float | None]:
    """Returns the values with five significant digits, None for those that are not finite."""
    return [
        float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()
    ]


def _ensemble(ensemble: Ensemble) -> dict[str, Any]:
    drawn = ensemble.statistics
    found: dict[str, Any] = {"iterations": ensemble.iterations.tolist()}
    for name, ranges in (("", expected(drawn, widen=0.0)), ("expected_", expected(drawn))):
        found[f"{name}low"] = [numbers(four) for four in ranges.low]
        found[f"{name}high"] = [numbers(four) for four in ranges.high]
    return found


def _losses(report: Report) -> dict[str, Any]:
    drawn = curves(report.losses, report.ensemble, report.parent_losses)
    return {
        "iterations": drawn.iterations.tolist(),
        "window": drawn.window,
        "d_loss": _curve(drawn.d_loss),
        "g_loss": _curve(drawn.g_loss),
    }


def _curve(curve: Curve) -> dict[str, Any]:
    # A logarithmic axis cannot show 0, which a confident discriminator's loss reaches in float32.
    logarithmic = not (curve.raw < 0).any()
    found: dict[str, Any] = dict.fromkeys(curve._fields)
    found["logarithmic"] = logarithmic
    for name, values in curve._asdict().items():
        if values is not None:
            found[name] = numbers(np.where(values > 0, values, np.nan) if logarithmic else values)
    return found
