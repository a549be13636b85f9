"""Precision, recall, density and coverage: how well samples and real images fill the same regions.

Each set of features defines a region: the union of balls around its points, each reaching to the
point's k-th nearest neighbour in the set.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.quality.neighbours import BLOCK, Floats, over_blocks, radii, squared_distances

PRECISION_K = 3
DENSITY_K = 5


class Region(NamedTuple):
    """A set of features with the radii of their balls.

    Attributes:
      features: float64 [n, d].
      precision_radii: float64 [n], to the `PRECISION_K`-th neighbour.
      density_radii: float64 [n], to the `DENSITY_K`-th neighbour.
    """

    features: Floats
    precision_radii: Floats
    density_radii: Floats


class Overlap(NamedTuple):
    """How the regions of samples and of real images overlap.

    Attributes:
      precision: share of samples within the real region, in [0, 1].
      recall: share of real images within the samples' region, in [0, 1].
      density: mean number of real balls that a sample lies in, divided by `DENSITY_K`; about 1 for
        real images, above 1 if samples crowd where real images are dense.
      coverage: share of real balls with a sample in them, in [0, 1].
    """

    precision: float
    recall: float
    density: float
    coverage: float


def region(features: Floats) -> Region:
    """Returns the region of features, [n, d].

    Raises:
      ValueError: there are no more than `DENSITY_K` features.
    """
    return Region(features, *radii(features, (PRECISION_K, DENSITY_K)))


def overlap(real: Region, samples: Region, block: int = BLOCK) -> Overlap:
    """Returns precision, recall, density and coverage of samples.

    A point on the edge of a ball is in it. Distances are computed for `block` real images at once.

    Source: precision and recall: Kynkaanniemi et al. 2019, Improved precision and recall metric for
    assessing generative models, section 2, equations 1 and 2 (https://arxiv.org/abs/1904.06991),
    k = 3 as they choose. Density and coverage: Naeem et al. 2020, Reliable fidelity and diversity
    metrics for generative models, section 3.2 (https://arxiv.org/abs/2002.09797), k = 5 as they
    choose. They use features of an Inception or VGG network.
    """
    count = len(samples.features)
    is_precise = np.zeros(count, np.bool_)
    in_all = np.zeros(3, np.intp)

    def compare(rows: slice) -> tuple[Any, npt.NDArray[np.intp]]:
        distances = squared_distances(real.features[rows], samples.features)
        np.sqrt(distances, out=distances)
        precise = np.any(distances <= real.precision_radii[rows, None], axis=0)
        near = (distances <= samples.precision_radii).any(axis=1)
        within = distances <= real.density_radii[rows, None]
        counts = near.sum(), np.count_nonzero(within), within.any(axis=1).sum()
        return precise, np.array(counts, np.intp)

    for precise, counts in over_blocks(len(real.features), compare, block):
        is_precise |= precise
        in_all += counts
    recalled, balls, covered = in_all.tolist()
    return Overlap(
        precision=float(is_precise.mean()),
        recall=recalled / len(real.features),
        density=balls / (DENSITY_K * count),
        coverage=covered / len(real.features),
    )
