"""The discriminator as it is applied: a system's network, and the cures that act on it.

It is always applied by `discriminate`: to images and to samples, in training and in inference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from vanilla_gan.data.classes import all_classes
from vanilla_gan.data.shape import ImageShape
from vanilla_gan.graph.draws import normal
from vanilla_gan.graph.network import Weights, network
from vanilla_gan.graph.spectral import Spectral
from vanilla_gan.graph.system import Simultaneous, System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.training_pass import TrainingPass


class Verdict(NamedTuple):
    """What the discriminator says about a batch.

    Attributes:
      D_prob, D_logit: float32 [B, 1]; for groups of images [B // pack, 1].
      kept: by full name, the values after D's step of the variables that no solver trains.
    """

    D_prob: Any
    D_logit: Any
    kept: Mapping[str, Any]


def draws(config: Any) -> bool:
    """Returns whether the settings let the discriminator draw numbers while it trains."""
    return bool(config.D_noise or getattr(config, "D_dropout", None))


def has_two_modes(system: System, config: Any) -> bool:
    """Returns whether the discriminator differs between training and inference."""
    return isinstance(system.update, Simultaneous) or draws(config)


def discriminate(
    system: System,
    config: Any,
    name: str,
    images: Any,
    y: Any,
    training: TrainingPass | None,
    *,
    reuse: bool,
    weights: Weights | None = None,
) -> Verdict:
    """Applies the discriminator.

    With `pack` it judges that many consecutive images together, as one image that has their
    channels and labels side by side. Images that are left over in a batch are not judged.

    Source: PacGAN, Lin et al. 2018 (https://arxiv.org/abs/1712.04086), section 2: a group is all
    real or all generated, so samples that lack the images' variety give themselves away. As in the
    authors' program, a batch has `batch_size` groups, so `pack` times as many images and noise.

    Args:
      system: the published program.
      config: the settings of the run.
      name: of the application, for the names of its operations.
      images: real ones or samples, float32 [B, X_dim].
      y: their labels, one-hot float32 [B, num_classes], in a conditional system; else None.
      training: the pass in training mode; None for inference, and if there is only one mode.
      reuse: False to create the variables.
      weights: see `network`.
    """
    spectral = Spectral() if config.spectral_norm else None
    with network(name, reuse=reuse, weights=weights, through=spectral):
        images = with_noise(images, config.D_noise, training)
        D_prob, D_logit = system.discriminator(*packed(images, config, y), training)
    return Verdict(D_prob, D_logit, spectral.vectors if spectral else {})


def with_noise(images: Any, sigma: float, training: TrainingPass | None) -> Any:
    """Returns images with normal noise of standard deviation `sigma`, added in training only.

    The distributions of images and samples then overlap, so that even the best discriminator cannot
    tell all of them apart. The noise is determined by the seed, the iteration and the pass.

    Source: Sonderby et al. 2017 (https://arxiv.org/abs/1610.04490), section 3; Arjovsky and Bottou
    2017 (https://arxiv.org/abs/1701.04862), section 4.
    """
    if not sigma or training is None:
        return images
    seed = training.seed_for("noise")
    return images + sigma * normal(tf.shape(images), seed)


def packed(images: Any, config: Any, y: Any) -> tuple[Any, Any, Any]:
    """Returns each group of `config.pack` images as one image, with its settings and labels.

    Args:
      images: float32 [B, H * W * C].
      config: the settings of the run.
      y: labels, one-hot float32 [B, num_classes], or None.

    Returns:
      float32 [B // pack, H * W * pack * C]; the settings with images of that shape and `pack` times
      the classes; float32 [B // pack, pack * num_classes], or None.
    """
    pack, shape = config.pack, config.image_shape
    if pack == 1:
        return images, config, y
    whole = tf.shape(images)[0] // pack * pack
    pixels = shape.height * shape.width
    groups = tf.reshape(images[:whole], [-1, pack, pixels, shape.channels])
    groups = tf.reshape(tf.transpose(groups, [0, 2, 1, 3]), [-1, pack * shape.size])
    classes = all_classes(pack * config.num_classes)
    wide = ImageShape(shape.height, shape.width, pack * shape.channels)
    if y is not None:
        y = tf.reshape(y[:whole], [-1, classes.total])
    return groups, config.filled({"image_shape": wide, "classes": classes}), y
