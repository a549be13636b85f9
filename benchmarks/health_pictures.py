"""The pictures of docs/health.md: samples of a sick and a healthy run, and a sign of both."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import matplotlib.image
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from vanilla_gan.report.curves import encode
from vanilla_gan.runfolder.health_csv import HealthRows, read_health
from vanilla_gan.runfolder.names import HEALTH

DPI = 75
_SICK, _HEALTHY = "#d2601a", "#2f7fd0"


class Shown(NamedTuple):
    """The picture of a disease.

    Attributes:
      run: the name of the sick run.
      sign: the name of the sign whose curve is drawn, for people.
      of: takes the sign from rows.
      limit: the value beyond which the sign shows the disease; None if there is no such value.
      logarithmic: whether the axis of the sign is logarithmic.
    """

    run: str
    sign: str
    of: Callable[[HealthRows], npt.NDArray[np.float64]]
    limit: float | None
    logarithmic: bool = False


def column(name: str) -> Callable[[HealthRows], npt.NDArray[np.float64]]:
    """Returns the function that takes a sign from rows."""
    return lambda rows: rows.of(name)


def share(name: str) -> Callable[[HealthRows], npt.NDArray[np.float64]]:
    """Returns the function that divides a sign of samples by the same sign of images."""
    return lambda rows: rows.of(name) / rows.of(f"{name}_real")


# By disease.
SHOWN = {
    "overpowering": Shown("D's learning rate x10", "logit_gap", column("logit_gap"), 22),
    "collapse": Shown(
        "both learning rates x50", "diversity / diversity_real", share("diversity"), 0.05
    ),
    "partial_collapse": Shown(
        "G's learning rate x30", "nearest / nearest_real", share("nearest"), 0.09
    ),
    "frozen": Shown("minimax and D x10", "g_gradient", column("g_gradient"), 1e-6, True),
    "memorising": Shown(
        "500 images",
        "unseen_gap / logit_gap",
        lambda rows: rows.of("unseen_gap") / rows.of("logit_gap"),
        0.2,
    ),
    "oscillation": Shown("SGD with momentum 0.9", "fake_right", column("fake_right"), None),
    "numbers": Shown("saturated sigmoid", "largest_logit", column("largest_logit"), 100, True),
    "scale": Shown("images in 0..255", "largest_pixel", column("largest_pixel"), 2, True),
    "swapped": Shown("swapped labels", "logit_gap", column("logit_gap"), -1),
    "one_class": Shown("one class", "diversity_real", column("diversity_real"), None),
}


def drawn(shown: Shown, sick: pathlib.Path, healthy: pathlib.Path) -> bytes:
    """Returns a PNG: the last samples of both runs, and the curves of their sign.

    Args:
      shown: what to draw.
      sick, healthy: folders of runs.
    """
    figure = Figure(figsize=(9.6, 2.56), dpi=DPI)
    columns = figure.add_gridspec(
        1, 3, width_ratios=(1, 1, 2), left=0.01, right=0.99, top=0.88, bottom=0.17, wspace=0.12
    )
    pairs = ((sick, shown.run, _SICK), (healthy, "healthy", _HEALTHY))
    for k, (folder, name, colour) in enumerate(pairs):
        axes = figure.add_subplot(columns[k])
        axes.imshow(matplotlib.image.imread(folder / "latest.png"))
        axes.set_axis_off()
        axes.set_title(name, color=colour, fontsize=10)
    axes = figure.add_subplot(columns[2])
    for folder, _, colour in pairs:
        rows = read_health(folder / HEALTH).with_signs()
        axes.plot(rows.iteration, shown.of(rows), color=colour, marker=".", markersize=4)
    if shown.limit is not None:
        axes.axhline(shown.limit, color="#777777", linestyle="--", linewidth=1)
    if shown.logarithmic:
        axes.set_yscale("log")
    axes.set_title(shown.sign, fontsize=10)
    axes.set_xlabel("iteration", fontsize=9, labelpad=1)
    axes.tick_params(labelsize=8)
    axes.grid(True, color="#eeeeee")
    return encode(figure)
