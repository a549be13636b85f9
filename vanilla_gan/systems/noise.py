"""The priors of the noise, drawn from a run's one random stream."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def uniform(random_stream: np.random.RandomState, m: int, n: int) -> npt.NDArray[np.float64]:
    """Draws noise, float64 [m, n], uniform in [-1, 1).

    Source: `sample_Z` of the published program.
    """
    return random_stream.uniform(-1.0, 1.0, size=[m, n])


def normal(random_stream: np.random.RandomState, m: int, n: int) -> npt.NDArray[np.float64]:
    """Draws noise, float64 [m, n], normal with mean 0 and standard deviation 1."""
    return random_stream.normal(size=[m, n])
