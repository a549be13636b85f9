"""Four numbers that describe sets of pictures, and the spread of such numbers over seeds.

Training a GAN is chaotic: after some hundred iterations two faithful ports share no pixel. What
they do share is how much ink there is, how many pixels are on, how different the tiles of a picture
are, and how rough they are; and these vary with the seed. So pictures of one program are compared
with another program's spread over seeds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.shape import PUBLISHED_SHAPE, ImageShape

NAMES = ("ink", "share_on", "diversity", "roughness")

Floats = npt.NDArray[np.float64]


def ink(samples: npt.ArrayLike) -> Floats:
    """Returns the mean value of all pixels, [...] for samples [..., n, size] in [0, 1]."""
    return np.asarray(np.asarray(samples, np.float64).mean(axis=(-2, -1)))


def share_on(samples: npt.ArrayLike, threshold: float = 0.5) -> Floats:
    """Returns the share of pixels above `threshold`, [...] for samples [..., n, size] in [0, 1]."""
    return np.asarray((np.asarray(samples) > threshold).mean(axis=(-2, -1)))


def diversity(samples: npt.ArrayLike) -> Floats:
    """Returns the mean Euclidean distance of two samples, [...] for samples [..., n, size].

    It is 0 for a generator that makes the same picture from any noise.

    Raises:
      ValueError: there are fewer than two samples.
    """
    values = np.asarray(samples, np.float64)
    n = values.shape[-2]
    if n < 2:
        raise ValueError(f"diversity of {n} samples: expected at least 2")
    # Not all pairs at once: a picture with a row for each of 100 classes has half a million.
    distances = [
        np.linalg.norm(values[..., k : k + 1, :] - values[..., k + 1 :, :], axis=-1)
        for k in range(n - 1)
    ]
    return np.asarray(np.concatenate(distances, axis=-1).mean(axis=-1))


def roughness(samples: npt.ArrayLike, shape: ImageShape = PUBLISHED_SHAPE) -> Floats:
    """Returns the mean absolute difference of neighbouring pixels, [...] for [..., n, size].

    Neighbours across and down count alike. Noise is rough, strokes are smooth.
    """
    values = np.asarray(samples, np.float64)
    images = values.reshape(*values.shape[:-1], *shape.array)
    rows, columns = (-2, -1) if shape.channels == 1 else (-3, -2)
    of_a_picture = tuple(range(rows - 1, 0))
    # Images of one row or column have no neighbours in that direction.
    none = np.zeros(values.shape[:-2])
    steps = (np.abs(np.diff(images, axis=axis)) for axis in (columns, rows))
    across, down = (step.mean(axis=of_a_picture) if step.size else none for step in steps)
    return np.asarray((across + down) / 2)


def picture_statistics(samples: npt.ArrayLike, shape: ImageShape = PUBLISHED_SHAPE) -> Floats:
    """Returns ink, share of pixels on, diversity and roughness, in the order of `NAMES`.

    Args:
      samples: [..., n, size] in [0, 1], the n tiles of one or more pictures.
      shape: of a tile.

    Returns:
      float64 [..., 4].
    """
    values = np.asarray(samples, np.float64)
    return np.stack(
        [ink(values), share_on(values), diversity(values), roughness(values, shape)], axis=-1
    )


class Spread(NamedTuple):
    """The range of something over seeds; `low` and `high` are float64, any shape."""

    low: Floats
    high: Floats

    def outside(self, values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Returns which values, [..., *shape], lie below `low` or above `high`, or are NaN."""
        found = np.asarray(values, np.float64)
        return ~((found >= self.low) & (found <= self.high))


def spread(values: npt.ArrayLike, widen: float = 0.5) -> Spread:
    """Returns the range over seeds, widened by `widen` times its width on each side.

    Args:
      values: [seeds, ...], at least two seeds.
      widen: 0.5 makes the range twice as wide.

    Raises:
      ValueError: there are fewer than two seeds.
    """
    seeds = np.asarray(values, np.float64)
    if len(seeds) < 2:
        raise ValueError(f"spread of {len(seeds)} seeds: expected at least 2")
    low, high = seeds.min(axis=0), seeds.max(axis=0)
    margin = widen * (high - low)
    return Spread(low - margin, high + margin)
