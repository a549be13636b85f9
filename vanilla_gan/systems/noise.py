"""The priors of noise and classes, drawn from a run's single random stream."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


def uniform(random_stream: np.random.RandomState, m: int, n: int) -> npt.NDArray[np.float64]:
    """Draws noise, float64 [m, n], uniform in [-1, 1).

    Source: `sample_Z` of the published program.
    """
    return random_stream.uniform(-1.0, 1.0, size=[m, n])


def uniform_of_variance_one(
    random_stream: np.random.RandomState, m: int, n: int
) -> npt.NDArray[np.float64]:
    """Draws noise, float64 [m, n], uniform in [-sqrt(3), sqrt(3))."""
    return random_stream.uniform(-math.sqrt(3.0), math.sqrt(3.0), size=[m, n])


def normal(random_stream: np.random.RandomState, m: int, n: int) -> npt.NDArray[np.float64]:
    """Draws noise, float64 [m, n], normal with mean 0 and standard deviation 1."""
    return random_stream.normal(size=[m, n])


def classes(random_stream: np.random.RandomState, m: int, n: int) -> npt.NDArray[np.intp]:
    """Draws classes, intp [m], uniform in 0..n-1.

    Source: `sample_c` of the published InfoGAN, whose draws are one-hot.
    """
    drawn: npt.NDArray[np.intp] = random_stream.multinomial(1, n * [1.0 / n], size=m).argmax(axis=1)
    return drawn
