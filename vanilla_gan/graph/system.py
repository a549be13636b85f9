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
        A conditional one takes the labels too, `y=`, one with two modes the pass, `training=`.
      discriminator: `(x, config) -> (D_prob, D_logit)`; likewise.
      theta_G, theta_D: full names of the variables that G_solver and D_solver train, in the order
        of the listing's own lists.
      sample_Z: `(random_stream, m, n) -> [m, n]`, the prior of the noise.
      scale: elementwise, what grey values 0..255 become before they are fed to `X`; for a float32
        array or tensor alike.
      conditional: whether the networks take `y`, one-hot labels float32 [B, 10].
      shared_noise: whether both solvers' steps of an iteration see the same noise.
      short_batches: whether an epoch ends with a batch of what is left of it; otherwise the last
        batch reaches over into the next epoch.
      two_modes: whether the networks differ in training and inference. Then they take `training`, a
        `TrainingPass`, or None for inference; it needs `joint_updates`.
      joint_updates: whether both gradients come from one forward pass and are applied together;
        otherwise the generator's step sees the updated discriminator. It needs `shared_noise`.
      separate_images: whether the discriminator looks at each image by itself: no batch norm. Then
        one pass back through it serves both solvers. It needs `two_modes`.
      epoch_samples: whether a single sample is drawn after each epoch, and kept.
      fixed_picture_noise: whether all 4x4 pictures show the same noise, drawn from a stream apart
        and not from the one that training draws from.
      last_picture: whether a picture that would be due right behind the last iteration is drawn,
        as by a listing that draws after its epochs; it needs `fixed_picture_noise`.
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
    short_batches: bool = False
    two_modes: bool = False
    joint_updates: bool = False
    separate_images: bool = False
    epoch_samples: bool = False
    fixed_picture_noise: bool = False
    last_picture: bool = False

    def __post_init__(self) -> None:
        """Checks that the attributes go together.

        Raises:
          ValueError: one needs another that is not set.
        """
        for name, needed in (
            ("two_modes", "joint_updates"),
            ("joint_updates", "shared_noise"),
            ("separate_images", "two_modes"),
            ("last_picture", "fixed_picture_noise"),
        ):
            if getattr(self, name) and not getattr(self, needed):
                raise ValueError(f"a system with {name} needs {needed}")

    def pixels(self) -> npt.NDArray[np.float32]:
        """Returns `scale` of 0..255, float32 [256]."""
        return np.asarray(self.scale(np.arange(256, dtype=np.float32)), np.float32)
