"""The explorer of a report: both networks of a run as numbers that the page computes with."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.shape import POINT
from vanilla_gan.data.streams import EXPLORED, seeded
from vanilla_gan.generator.dense import Layer, NotDense, read_dense
from vanilla_gan.report.parts import asset, in_base64, json_text

# With these losses D's output is the log-odds that an image is real; with others it is a score.
_LOG_ODDS = ("sigmoid_cross_entropy", "log", "log_epsilon", "minimax")
# Noise vectors; a map has one at each of its four corners.
_NOISE = 64
# Bytes of weights: a page with more is slow to open on a phone.
MAX_BYTES = 12_000_000


class Explorer(NamedTuple):
    """What a report needs to let its reader play with the networks.

    Attributes:
      data: what `explore.js` reads; None if there is nothing to play with.
      iteration: how many iterations the networks were trained for.
      reason: why there is nothing, as a sentence; otherwise empty.
    """

    data: dict[str, Any] | None
    iteration: int = 0
    reason: str = ""


def explorer_of(source: str, inform: Callable[[str], None]) -> Explorer:
    """Returns the networks of a run, or why a page cannot compute with them.

    Args:
      source: the folder of the run.
      inform: called with a line for each damaged checkpoint that is passed over.

    Raises:
      VanillaGanError: there is no checkpoint, or none that is whole.
    """
    only = "The explorer is for fully connected systems that draw images"
    try:
        origin, networks = read_dense(source, inform)
    except NotDense as error:
        return Explorer(None, reason=f"{only}; here {error}.")
    config = origin.config
    if config.image_shape == POINT:
        return Explorer(None, reason=f"{only}; this one draws points.")
    layers = (*networks.generator, *networks.discriminator)
    size = sum(layer.W.nbytes + layer.b.nbytes for layer in layers)
    if size > MAX_BYTES:
        most = f"{MAX_BYTES // 10**6} MB"
        reason = f"The networks have {size / 1e6:.0f} MB; the explorer takes at most {most}."
        return Explorer(None, reason=reason)
    low, high = origin.system.pixels()[[0, 255]].tolist()
    noise = origin.system.sample_Z(seeded(0, EXPLORED), _NOISE, config.resolved_int("z_dim"))
    classes = config.classes
    data = {
        "generator": [_layer(each) for each in networks.generator],
        "discriminator": [_layer(each) for each in networks.discriminator],
        "G_sees_class": networks.G_sees_class,
        "D_sees_class": networks.D_sees_class,
        "has_probability": config.loss in _LOG_ODDS,
        "shape": list(config.image_shape),
        "low": low,
        "high": high,
        "noise": _floats(noise),
        "class_count": config.num_classes,
        "classes": [[label, classes.named(label)] for label in classes.trained],
    }
    return Explorer(data, origin.iteration)


def explorer_html(explorer: Explorer) -> str:
    """Returns the section of the page."""
    if explorer.data is None:
        return (
            '<section id="explore" aria-labelledby="explore-title"><h2 id="explore-title">Explore'
            f'</h2><p class="hint">{explorer.reason}</p></section>'
        )
    data = json_text(explorer.data)
    return string.Template(asset("explore.html")).substitute(
        iteration=f"{explorer.iteration:,}",
        size=f"{len(data) / 1e6:.1f} MB",
        data_json=data,
        script=asset("explore.js"),
    )


def _layer(layer: Layer) -> dict[str, Any]:
    return {**layer._asdict(), "W": _floats(layer.W), "b": _floats(layer.b)}


def _floats(values: npt.NDArray[Any]) -> str:
    """Returns values as base64 of little-endian float32, row by row."""
    return in_base64(np.ascontiguousarray(values, "<f4").tobytes())
