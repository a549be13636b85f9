"""Both losses' gradients from one pass back through a discriminator of separate images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vanilla_gan.graph.losses import Objective
from vanilla_gan.graph.passes import Passes
from vanilla_gan.graph.tf1 import tf

Gradients = list[Any]
# Stands for D_loss's derivative where that vanishes, so that there is a ratio to it. In a gradient
# of the weights it is as good as nothing: Adam's epsilon is 1e-7 by default. And float32 has room
# for another 1e-23 on the way back.
LEAST_DERIVATIVE = 1e-15


def gradients_of_separate_images(
    passes: Passes, goal: Objective, theta_D: Sequence[Any], theta_G: Sequence[Any]
) -> tuple[Gradients, Gradients]:
    """Returns both losses' gradients, from one pass back through the discriminator of samples.

    Both losses see a sample through its logit alone, and the discriminator sees each sample by
    itself. So what they pass back to it differs by one factor for each sample, the ratio of their
    derivatives by its logit. D_loss's is passed back; the ratio comes in at the sample.

    Returns:
      The gradients of D_loss by theta_D and of G_loss by theta_G: the same sums as
      `tf.gradients` forms, with other roundings. Where D_loss's are NaN, so are both.

    Raises:
      ValueError: the discriminator mixes the samples.
    """
    assert passes.fake is not None
    if passes.fake.updates:
        raise ValueError("separate_images: the discriminator has a batch norm, which mixes images")
    logit = passes.D_logit_fake
    (D_derivative,) = tf.gradients(goal.D_loss, logit)  # [B, 1]
    (G_derivative,) = tf.gradients(goal.G_loss, logit)
    passed = _not_zero(D_derivative)
    *by_fake, by_samples = tf.gradients(logit, [*theta_D, passes.G_sample], grad_ys=[passed])
    by_real = tf.gradients(goal.D_loss, theta_D, stop_gradients=[logit])
    D_gradients = [real + fake for real, fake in zip(by_real, by_fake, strict=True)]
    by_samples *= G_derivative / passed
    return D_gradients, tf.gradients(passes.G_sample, theta_G, grad_ys=[by_samples])


def _not_zero(derivative: Any) -> Any:
    """Returns derivatives that can be divided by: what is nearer to 0 becomes the least one."""
    least = tf.fill(tf.shape(derivative), LEAST_DERIVATIVE)
    return tf.where(tf.abs(derivative) < least, least, derivative)
