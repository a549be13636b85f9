"""Whether samples are copies: compares each with its nearest training image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.streams import SPLIT, seeded
from vanilla_gan.quality.neighbours import Floats, nearest

# How many real test images show which distance is usual, and the share of them that are nearer to a
# training image than the distance below which a sample counts as memorised.
TEST_IMAGES = 1000
NEARER_SHARE = 0.01


class Memorised(NamedTuple):
    """The nearest training image of each shown sample.

    Attributes:
      row: intp [m], its row among the training images.
      distance: float64 [m], Euclidean, of pixels in [0, 1].
      limit: the distance below which 1% of real test images lie.
      typical: the median of the real test images' distances.
    """

    row: npt.NDArray[np.intp]
    distance: Floats
    limit: float
    typical: float

    @property
    def is_memorised(self) -> npt.NDArray[np.bool_]:
        """Which samples are nearer to a training image than 99% of real test images, bool [m]."""
        return self.distance < self.limit


def find_memorised(
    samples: npt.NDArray[np.float32], train: npt.NDArray[np.uint8], test: npt.NDArray[np.uint8]
) -> Memorised:
    """Returns the nearest training image of each sample, and how near real images come.

    Real test images show how near to the training images an image is that is no copy. One in a
    hundred samples of a perfect generator is nearer than 99% of them; more than that, or a sample
    at distance 0, is a sign of memorisation.

    Args:
      samples: [m, size] in [0, 1].
      train: grey values, [n, size].
      test: grey values, [t, size], t at least 1; 1,000 of them are used, drawn with a fixed seed
        because files may be sorted by class.

    Source: the nearest training images beside the samples are figure 2 of Goodfellow et al. 2014,
    Generative adversarial nets (https://arxiv.org/abs/1406.2661); the comparison with real test
    images is that of Meehan et al. 2020, A non-parametric test to detect data-copying in generative
    models (https://arxiv.org/abs/2004.05675), here for single samples.
    """
    of_samples = nearest(samples.astype(np.float64) * 255.0, train)
    some = test[seeded(SPLIT).permutation(len(test))[:TEST_IMAGES]]
    usual = nearest(some.astype(np.float64), train).distance / 255.0
    limit, typical = np.quantile(usual, [NEARER_SHARE, 0.5])
    return Memorised(of_samples.row, of_samples.distance / 255.0, float(limit), float(typical))
