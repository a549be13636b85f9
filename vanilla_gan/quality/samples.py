"""The samples that are judged: drawn from a stream of their own, mapped to [0, 1]."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.streams import EVALUATION, seeded
from vanilla_gan.graph.system import System
from vanilla_gan.quality.neighbours import blocks
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS

Images = npt.NDArray[np.float32]
Labels = npt.NDArray[np.intp]
Sampler = Callable[[Images, Labels | None], Images]


def draw_samples(sample: Sampler, config: RunConfig, n: int, seed: int) -> Images:
    """Returns samples of a generator, float32 [n, size] in [0, 1], as real images are.

    The arguments are those of `draw_with_classes`.
    """
    return draw_with_classes(sample, config, n, seed)[0]


def draw_with_classes(
    sample: Sampler, config: RunConfig, n: int, seed: int
) -> tuple[Images, Labels | None]:
    """Returns samples, float32 [n, size] in [0, 1], and the classes asked for, ints [n].

    There are no classes unless the system is conditional.

    Args:
      sample: from noise, float32 [B, z_dim], and classes, ints [B] (None unless the system is
        conditional), to images, [B, ...], in the range of the system's own training images.
      config: the settings of the run; for a conditional system all classes with training images
        are drawn with the same probability.
      n: how many.
      seed: of noise and classes, 0..2**32 - 1; training never draws from this stream.
    """
    system, size = SYSTEMS[config.system], config.image_shape.size
    random_stream = seeded(seed, EVALUATION)
    Z = system.sample_Z(random_stream, n, config.resolved_int("z_dim")).astype(np.float32)
    classes = None
    if system.conditional:
        trained = np.array(config.classes.trained)
        classes = trained[random_stream.randint(0, len(trained), n)]
    images = np.empty((n, size), np.float32)
    for rows in blocks(n):
        drawn = sample(Z[rows], None if classes is None else classes[rows])
        images[rows] = to_unit(system, drawn.reshape(-1, size))
    return images, classes


def to_unit(system: System, images: Images) -> Images:
    """Returns images in a system's own range as float32 in [0, 1], black 0 and white 1."""
    black, white = system.pixels()[[0, 255]]
    return np.asarray((images - black) / (white - black), np.float32)
