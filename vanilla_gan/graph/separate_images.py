"""Both losses' gradients from one backward pass, if the discriminator sees images separately."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vanilla_gan.errors import PluginError
from vanilla_gan.graph.losses import Objective
from vanilla_gan.graph.passes import Passes
from vanilla_gan.graph.tf1 import tf

Gradients = list[Any]
# Replaces D_loss's derivative where that vanishes, because it is divided by. It adds next to
# nothing to a gradient of the weights (Adam's epsilon is 1e-7 in `conv`). And float32 has room for
# another 1e-23 in the backward pass.
LEAST_DERIVATIVE = 1e-15


def gradients_of_separate_images(
    passes: Passes, goal: Objective, theta_D: Sequence[Any], theta_G: Sequence[Any]
) -> tuple[Gradients, Gradients]:
    """Returns both losses' gradients, from one backward pass through the discriminator of samples.

    Both losses depend on a sample only through its logit, and the logit on no other sample. So what
    they pass back to a sample differs by one factor: the ratio of their derivatives with respect to
    its logit. D_loss's gradient is passed back; at the samples, the ratio makes it G_loss's.

    Returns:
      The gradients of D_loss with respect to theta_D, and of G_loss to theta_G: the same sums as
      `tf.gradients` forms, rounded differently; None where a loss does not depend on a variable.
      If D_loss's are NaN, both are.

    Raises:
      PluginError: the discriminator has a batch norm, which mixes the samples.
    """
    assert passes.fake is not None
    if passes.fake.updates:
        raise PluginError(
            "the discriminator has a batch norm, which mixes images; give the system "
            "separate_images=False"
        )
    logit = passes.D_logit_fake
    (D_derivative,) = tf.gradients(goal.D_loss, logit)  # [B, 1]
    (G_derivative,) = tf.gradients(goal.G_loss, logit)
    if D_derivative is None or G_derivative is None:  # a plug-in's loss
        return tf.gradients(goal.D_loss, theta_D), tf.gradients(goal.G_loss, theta_G)
    passed = _not_zero(D_derivative)
    *by_fake, by_samples = tf.gradients(logit, [*theta_D, passes.G_sample], grad_ys=[passed])
    by_real = tf.gradients(goal.D_loss, theta_D, stop_gradients=[logit])
    D_gradients = [
        fake if real is None else real + fake for real, fake in zip(by_real, by_fake, strict=True)
    ]
    by_samples *= G_derivative / passed
    return D_gradients, tf.gradients(passes.G_sample, theta_G, grad_ys=[by_samples])


def _not_zero(derivative: Any) -> Any:
    """Returns derivatives that are safe to divide by: those nearer to 0 become LEAST_DERIVATIVE."""
    least = tf.fill(tf.shape(derivative), LEAST_DERIVATIVE)
    return tf.where(tf.abs(derivative) < least, least, derivative)
