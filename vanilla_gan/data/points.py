"""The built-in data sets `ring8` and `grid25`: points in the plane around 8 and 25 centres.

Source: section 4.1 of Lin et al. 2018, PacGAN (https://arxiv.org/abs/1712.04086), after Srivastava
et al. 2017, VEEGAN (https://arxiv.org/abs/1705.07761): centres on the unit circle with a standard
deviation of 0.01, and on the grid -4, -2, 0, 2, 4 with one of 0.05. Differences: coordinates are
stored as bytes, like grey values, so that each is off by up to 0.2% of the square's side; the
points of a set are drawn once, 105,000 to train on and 10,000 to test with, and each centre has the
same number of points, while the papers draw with replacement.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.folder import RawData, raw_data
from vanilla_gan.data.streams import DIGITS, POINTS, seeded

TRAIN, TEST = 105_000, 10_000  # 5,000 of the training points are for validation


class Mixture(NamedTuple):
    """Normal distributions of the same width and weight.

    Attributes:
      centres: float64 [k, 2].
      sigma: standard deviation of both coordinates.
      half: the square of the data reaches from -half to half, which are 0 and 1 in an image.
    """

    centres: npt.NDArray[np.float64]
    sigma: float
    half: float

    def coordinates(self, samples: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Returns the points, float64 [n, 2], for samples in [0, 1], [n, 2]."""
        return (2.0 * np.asarray(samples, np.float64).reshape(-1, 2) - 1.0) * self.half


_ANGLES = 2 * np.pi * np.arange(8) / 8
_PLACES = (-4.0, -2.0, 0.0, 2.0, 4.0)
MIXTURES = {
    "ring8": Mixture(np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1), 0.01, 1.1),
    "grid25": Mixture(np.array([(x, y) for x in _PLACES for y in _PLACES]), 0.05, 4.4),
}


def draw(name: str) -> RawData:
    """Draws a set: images uint8 [N, 1, 2], each labelled with the number of its centre.

    The same name always gives the same points: they are drawn from a random stream of their own.
    """
    mixture, random_stream = MIXTURES[name], seeded(DIGITS, POINTS)
    arrays = []
    for count in (TRAIN, TEST):
        labels = (np.arange(count) % len(mixture.centres)).astype(np.uint8)
        random_stream.shuffle(labels)
        points = mixture.centres[labels] + random_stream.normal(0, mixture.sigma, (count, 2))
        unit = (points / mixture.half + 1.0) / 2.0
        images = np.rint(255.0 * unit.clip(0.0, 1.0)).astype(np.uint8)
        arrays += [images.reshape(count, 1, 2), labels]
    return raw_data(*arrays)
