"""The Parzen log-likelihood: how probable real images are under a density around samples.

Source: Goodfellow et al. 2014, Generative adversarial nets, section 5 (https://arxiv.org/abs/
1406.2661), after Breuleux et al. 2011; the grid and the sizes are those of the authors' published
`parzen_ll.py` (https://github.com/goodfeli/adversarial). The measure has a high variance and does
not judge sharpness well, as the paper itself says; it is here because the paper reports it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.quality.neighbours import BLOCK, Floats, blocks, over_blocks, squared_distances

# 10 widths from 0.1 to 1, evenly on a log scale.
SIGMAS = tuple(np.logspace(-1.0, 0.0, 10).tolist())


class Parzen(NamedTuple):
    """A log-likelihood.

    Attributes:
      nats: the mean over the images, in nats.
      error: its standard error; None for a single image.
      sigma: the width of the density.
    """

    nats: float
    error: float | None
    sigma: float


def log_likelihood(
    samples: npt.NDArray[Any], validation: npt.NDArray[Any], test: npt.NDArray[Any]
) -> Parzen:
    """Returns the mean log-likelihood of `test` under a Parzen window around `samples`.

    The width is the one of `SIGMAS` that gives `validation` the highest mean.

    Args:
      samples: [n, d]; images in [0, 1], 10,000 in the paper.
      validation: [v, d], 1,000 in the paper.
      test: [t, d], 10,000 in the paper.

    Raises:
      ValueError: one of them is empty.
    """
    if not (len(samples) and len(validation) and len(test)):
        raise ValueError(
            f"{len(samples)} samples, {len(validation)} validation and {len(test)} test images: "
            "expected at least one of each"
        )
    means = log_densities(samples, validation, SIGMAS).mean(axis=1)
    sigma = SIGMAS[int(means.argmax())]
    of_test = log_densities(samples, test, [sigma])[0]
    # As in `parzen_ll.py`: the deviation divides by t, not t - 1.
    error = float(of_test.std() / math.sqrt(len(test))) if len(test) > 1 else None
    return Parzen(float(of_test.mean()), error, sigma)


def log_densities(
    samples: npt.NDArray[Any], points: npt.NDArray[Any], sigmas: npt.ArrayLike, block: int = BLOCK
) -> Floats:
    """Returns the log density of Gaussians around all samples at each point, [len(sigmas), m].

        log p(x) = log sum_i exp(-|x - s_i|^2 / (2 sigma^2)) - log n - d/2 log(2 pi sigma^2)

    All of it stays in log space: in 784 dimensions the densities themselves underflow.

    Args:
      samples: [n, d], the centres.
      points: [m, d], where to evaluate.
      sigmas: [k], widths above 0.
      block: points that are evaluated at once.

    Source: section 5 of the paper; `theano_parzen` of `parzen_ll.py`.
    """
    widths = np.asarray(sigmas, np.float64)
    n, d = np.shape(samples)
    # Single precision is enough once centring has made vectors short: figures differ by 1e-6.
    middle = np.mean(samples, axis=0, dtype=np.float64)
    centres = np.empty((n, d), np.float32)
    # In blocks: in float64, samples of 128x128x3 would take 4 GB more.
    for some in blocks(n):
        centres[some] = samples[some] - middle
    constants = math.log(n) + d / 2 * np.log(2 * math.pi * widths**2)
    found = np.empty((len(widths), len(points)))

    def evaluate(rows: slice) -> None:
        distances = squared_distances(points[rows] - middle, centres, np.float32)
        least = distances.min(axis=1)
        distances -= least[:, None]
        for row, width in enumerate(widths):
            factor = -0.5 / width**2
            terms = distances * np.float32(factor)
            np.exp(terms, out=terms)
            sums = terms.sum(axis=1, dtype=np.float64)
            found[row, rows] = least.astype(np.float64) * factor + np.log(sums)

    for _ in over_blocks(len(points), evaluate, block):
        pass
    return found - constants[:, None]
