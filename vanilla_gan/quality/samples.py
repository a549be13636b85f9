"""The samples that are judged: drawn from a stream of their own, mapped to [0, 1]."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.dataset import NUM_CLASSES
from vanilla_gan.data.streams import EVALUATION, seeded
from vanilla_gan.graph.system import System
from vanilla_gan.quality.neighbours import blocks

Images = npt.NDArray[np.float32]
Sampler = Callable[[Images, npt.NDArray[np.intp] | None], Images]


def draw_samples(sample: Sampler, system: System, z_dim: int, n: int, seed: int) -> Images:
    """Returns samples of a generator, float32 [n, 784], as real images are in [0, 1].

    Args:
      sample: from noise, float32 [B, z_dim], and classes, ints [B] (None unless the system is
        conditional), to images, [B, ...], in the range of the system's own training images.
      system: the published program; of a conditional one all classes are drawn alike often.
      z_dim: length of a noise vector.
      n: how many.
      seed: of noise and classes, 0..2**32 - 1; no run draws from this stream.
    """
    random_stream = seeded(seed, EVALUATION)
    Z = system.sample_Z(random_stream, n, z_dim).astype(np.float32)
    classes = random_stream.randint(0, NUM_CLASSES, n) if system.conditional else None
    images = np.empty((n, 784), np.float32)
    for rows in blocks(n):
        drawn = sample(Z[rows], None if classes is None else classes[rows])
        images[rows] = to_unit(system, drawn.reshape(-1, 784))
    return images


def to_unit(system: System, images: Images) -> Images:
    """Returns images of a system's own range as float32 in [0, 1], black 0 and white 1."""
    black, white = system.pixels()[[0, 255]]
    return np.asarray((images - black) / (white - black), np.float32)
