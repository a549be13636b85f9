"""What a published program consists of, as far as programs differ from one another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True, kw_only=True)
class System:
    """One published program: its networks, their variables, its constants, its noise.

    Attributes:
      source: where the program was published.
      defaults: the settings that come with the system (`batch_size`, `z_dim`, ...); each is a flag,
        and a flag that is not among them does not apply to the system.
      generator: `(z, config) -> G_sample`; creates or reuses its variables in the current scope.
        A conditional one takes the labels too, `(z, config, y)`.
      discriminator: `(x, config) -> (D_prob, D_logit)`, or `(x, config, y)`; likewise.
      theta_G, theta_D: full names of the variables that G_solver and D_solver train, in the order
        of the listing's own lists.
      sample_Z: `(random_stream, m, n) -> [m, n]`, the prior of the noise.
      scale: elementwise, what grey values 0..255 become before they are fed to `X`; for a float32
        array or tensor alike.
      conditional: whether the networks take `y`, one-hot labels float32 [B, 10].
      shared_noise: whether both solvers' steps of an iteration see the same noise.
      epoch_samples: whether a single sample is drawn after each epoch, and kept. Then the noise of
        the 4x4 pictures, of which the published program knows nothing, comes from a stream apart.
    """

    source: str
    defaults: Mapping[str, int | float | str]
    generator: Callable[..., Any]
    discriminator: Callable[..., tuple[Any, Any]]
    theta_G: tuple[str, ...]
    theta_D: tuple[str, ...]
    sample_Z: Callable[[np.random.RandomState, int, int], npt.NDArray[np.float64]]
    scale: Callable[[Any], Any]
    conditional: bool = False
    shared_noise: bool = False
    epoch_samples: bool = False

    def pixels(self) -> npt.NDArray[np.float32]:
        """Returns `scale` of 0..255, float32 [256]."""
        return np.asarray(self.scale(np.arange(256, dtype=np.float32)), np.float32)
