"""The discriminator as it is applied: between the images and a system's network stand the cures.

All applications come through `discriminate`: to images and to samples, in training and inference.
"""

from __future__ import annotations

from typing import Any

from vanilla_gan.graph.network import Weights, network
from vanilla_gan.graph.system import Simultaneous, System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.training_pass import TrainingPass


def draws(config: Any) -> bool:
    """Returns whether the settings let the discriminator draw numbers while it trains."""
    return bool(config.D_noise or getattr(config, "D_dropout", None))


def has_two_modes(system: System, config: Any) -> bool:
    """Returns whether the discriminator is another one in training than in inference."""
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
) -> tuple[Any, Any]:
    """Returns `(D_prob, D_logit)`, float32 [B, 1].

    Args:
      system: the published program.
      config: the settings of the run.
      name: of the application, for the names of its operations.
      images: real ones or samples, float32 [B, X_dim].
      y: their labels, one-hot float32 [B, num_classes], of a conditional system; or None.
      training: the pass in training mode; None for inference, and where there is one mode.
      reuse: False where the variables are created.
      weights: see `network`.
    """
    with network(name, reuse=reuse, weights=weights):
        images = with_noise(images, config.D_noise, training)
        prob_and_logit: tuple[Any, Any] = system.discriminator(images, config, y, training)
        return prob_and_logit


def with_noise(images: Any, sigma: float, training: TrainingPass | None) -> Any:
    """Returns images with normal noise of standard deviation `sigma`, which only training adds.

    Images and samples then have distributions that overlap, so that the best discriminator is none
    that tells all of them apart. Which noise it is follows from seed, iteration and pass.

    Source: Sonderby et al. 2017 (https://arxiv.org/abs/1610.04490), section 3; Arjovsky and Bottou
    2017 (https://arxiv.org/abs/1701.04862), section 4.
    """
    if not sigma or training is None:
        return images
    seed = training.seed_for("noise")
    return images + sigma * tf.random.stateless_normal(tf.shape(images), seed)
