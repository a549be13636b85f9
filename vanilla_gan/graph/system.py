"""What a published program consists of: everything in which the programs differ."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.shape import ImageShape

Names = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Alternating:
    """The update in two steps: D's, and then G's, which sees the updated discriminator.

    Its networks have one mode: their `training` is None, except for a discriminator in which a cure
    draws numbers.

    Attributes:
      shared_noise: whether both steps of an iteration see the same noise.
    """

    shared_noise: bool = False


@dataclasses.dataclass(frozen=True)
class Simultaneous:
    """The update in one step: both gradients come from one pass of both networks, with one noise.

    Its networks have two modes: their `training` is the `TrainingPass`, or None for inference.
    """

    shared_noise: ClassVar[bool] = True


class Pictures(enum.Enum):
    """Which noise the 4x4 pictures show."""

    DRAWN = "drawn for each from the stream that training draws from"
    FIXED = "the same for all, from a stream apart"
    FIXED_AND_LAST = "likewise, with a picture that is due right behind the last iteration"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Draws:
    """What a program draws, apart from the noise of its update.

    Attributes:
      short_batches: whether an epoch ends with a shorter batch of the images that are left;
        otherwise its last batch extends into the next epoch.
      classes: whether the labels of a conditional system are drawn after the noise of D's step;
        otherwise they are those of the batch.
      unused: whether a batch and its noise are drawn before the generator's step, and not used.
      epoch_samples: whether a single sample is drawn after each epoch, and kept.
      pictures: the noise of the pictures.
    """

    short_batches: bool = False
    classes: bool = False
    unused: bool = False
    epoch_samples: bool = False
    pictures: Pictures = Pictures.DRAWN


@dataclasses.dataclass(frozen=True, kw_only=True)
class System:
    """One published program: its networks, their variables, its constants, its noise, its order.

    Attributes:
      source: where the program was published.
      defaults: the system's own settings and their defaults (`batch_size`, `z_dim`, ...). Each is a
        flag, which does not apply to a system that does not name it.
      published: the program's values of settings that all systems have; they replace the defaults
        of settings that nobody gave, unless a preset is asked for.
      auxiliary: `(x, config) -> logits`, float32 [B, num_classes]: the program's classifier of
        images; its variables are in `theta_Q` or in `theta_D`. None in a program without one.
      objective: `(goal, passes) -> goal`, what the program adds to the losses of the settings.
      optimizer: `(rate, beta1, beta2, epsilon, name) -> optimizer`, for `--optimizer own`; None in
        a program whose optimizer is one of TensorFlow's.
      unused: settings that this optimizer ignores.
      first_weights: `(config, images uint8 [N, X_dim]) -> {name: array}`, the initial values of
        some variables; None if they do not depend on the images.
      theta_Q: full names of the variables that a third solver trains after the other two, together
        with the generator's; only the alternating update has one.
      without: settings that all other systems have, but that do not fit this one's networks.
      generator: `(z, config, y, training) -> G_sample`; creates or reuses its variables in the
        current scope. It takes the sizes of images and labels from `config.image_shape` and
        `config.num_classes`. `y` are the labels in a conditional system, else None. `training` is
        the pass in training mode, or None; see `update`.
      discriminator: `(x, config, y, training) -> (D_prob, D_logit)`; likewise.
      theta_G, theta_D: full names of the variables that G_solver and D_solver train, in the order
        of the listing's own lists; those of the published networks.
      theta_of: `(depth) -> (theta_D, theta_G)`; the depth is the number of hidden layers if
        `h_dim` names several, or `strided_layers` in a system that has these.
      sample_Z: `(random_stream, m, n) -> [m, n]`, the prior of the noise.
      strided_layers: `shape -> n`, how many layers halve images of that shape, unless the setting
        `strided_layers` is given; height and width must be multiples of 2**n. None in a system that
        takes images of any size.
      scale: maps grey values 0..255, elementwise, to what is fed to `X`; takes a float32 array or
        tensor.
      update: how an iteration trains.
      draws: what else is drawn.
      conditional: whether the networks see `y`, one-hot labels float32 [B, num_classes].
      separate_images: whether the discriminator looks at each image by itself, so that a batch may
        be split, and one backward pass through it may serve both solvers.
    """

    source: str
    defaults: Mapping[str, int | float | str]
    generator: Callable[[Any, Any, Any, Any], Any]
    discriminator: Callable[[Any, Any, Any, Any], tuple[Any, Any]]
    theta_G: tuple[str, ...]
    theta_D: tuple[str, ...]
    sample_Z: Callable[[np.random.RandomState, int, int], npt.NDArray[np.float64]]
    scale: Callable[[Any], Any]
    update: Alternating | Simultaneous
    draws: Draws = Draws()
    auxiliary: Callable[[Any, Any], Any] | None = None
    objective: Callable[[Any, Any], Any] | None = None
    optimizer: Callable[..., Any] | None = None
    unused: tuple[str, ...] = ()
    first_weights: Callable[[Any, Any], dict[str, npt.NDArray[np.float32]]] | None = None
    theta_Q: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    published: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    conditional: bool = False
    separate_images: bool = False
    strided_layers: Callable[[ImageShape], int] | None = None
    theta_of: Callable[[int], tuple[Names, Names]] | None = None

    def theta(self, config: Any) -> tuple[Names, Names, Names]:
        """Returns theta_D, theta_G and theta_Q of the networks that the settings describe."""
        theta_D, theta_G = self.theta_D, self.theta_G
        if self.theta_of is not None:
            if self.strided_layers is not None:
                theta_D, theta_G = self.theta_of(config.strided_layers)
            elif isinstance(config.h_dim, tuple):
                theta_D, theta_G = self.theta_of(len(config.h_dim))
        return theta_D, theta_G, self.theta_Q

    def pixels(self) -> npt.NDArray[np.float32]:
        """Returns `scale` of 0..255, float32 [256]."""
        return np.asarray(self.scale(np.arange(256, dtype=np.float32)), np.float32)
