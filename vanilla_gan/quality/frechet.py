"""The Frechet distance of two sets of features, each treated as a normal distribution.

NumPy is enough for the trace of the matrix root: it is the sum of the roots of the eigenvalues of a
symmetric matrix, so neither SciPy's `sqrtm` nor its complex results are needed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vanilla_gan.quality.neighbours import Floats


class Moments(NamedTuple):
    """Mean, float64 [d], and covariance, float64 [d, d], of features."""

    mean: Floats
    covariance: Floats


def moments(features: Floats) -> Moments:
    """Returns mean and covariance of features, [n, d], the latter divided by n - 1.

    Raises:
      ValueError: there are fewer than two.
    """
    if len(features) < 2:
        raise ValueError(f"the covariance of {len(features)} features: expected at least 2")
    covariance = np.asarray(np.cov(features, rowvar=False), np.float64)
    return Moments(features.mean(axis=0), covariance.reshape(2 * [features.shape[1]]))


def frechet_distance(first: Moments, second: Moments) -> float:
    """Returns the squared Frechet distance of two normal distributions, at least 0.

        |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2))

    `C1 C2` has the eigenvalues of the symmetric `C1^(1/2) C2 C1^(1/2)`. The fewer samples there
    are, the more the distance is overestimated: compare only distances of equally many samples.

    Source: Heusel et al. 2017, GANs trained by a two time-scale update rule, section 4 and equation
    6 (https://arxiv.org/abs/1706.08500), who take the features of an Inception network; the
    distance is that of Dowson and Landau 1982.
    """
    offset = first.mean - second.mean
    values, vectors = np.linalg.eigh(first.covariance)
    # Where features are constant, rounding leaves eigenvalues a little below 0.
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    product = np.linalg.eigvalsh(root @ second.covariance @ root)
    trace = np.trace(first.covariance) + np.trace(second.covariance)
    shared = np.sqrt(np.maximum(product, 0.0)).sum()
    return max(0.0, float(offset @ offset + trace - 2.0 * shared))
