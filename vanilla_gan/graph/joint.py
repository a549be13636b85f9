"""The joint update: both networks' gradients from the old weights, then both Adams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vanilla_gan.graph.step import Forward
from vanilla_gan.graph.system import System
from vanilla_gan.graph.tf1 import tf

Gradients = list[Any]
# Stands for D_loss's derivative where that vanishes, so that there is a ratio to it. In a gradient
# of the weights it is as good as nothing: Adam's epsilon is 1e-7 by default. And float32 has room
# for another 1e-23 on the way back.
LEAST_DERIVATIVE = 1e-15


def joint_solvers(
    system: System,
    step: Forward,
    D_optimizer: Any,
    G_optimizer: Any,
    theta_D: Sequence[Any],
    theta_G: Sequence[Any],
) -> tuple[Any, Any]:
    """Returns `(D_solver, G_solver)`, whose gradients both come from `step`, from the old weights.

    Neither solver changes a variable before both gradients are there. G_solver runs the updates of
    the pass too.

    Raises:
      ValueError: `separate_images` is said of a system that it is not true of.
    """
    if system.separate_images:
        D_gradients, G_gradients = gradients_of_separate_images(step, theta_D, theta_G)
    else:
        D_gradients = tf.gradients(step.D_loss, theta_D)
        G_gradients = tf.gradients(step.G_loss, theta_G)
    with tf.control_dependencies(D_gradients + G_gradients):
        D_solver = D_optimizer.apply_gradients(zip(D_gradients, theta_D, strict=True))
        G_solver = G_optimizer.apply_gradients(zip(G_gradients, theta_G, strict=True))
    return D_solver, tf.group(G_solver, *step.updates)


def gradients_of_separate_images(
    step: Forward, theta_D: Sequence[Any], theta_G: Sequence[Any]
) -> tuple[Gradients, Gradients]:
    """Returns both losses' gradients, from one pass back through the discriminator of samples.

    Both losses see a sample through its logit alone, and the discriminator sees each sample by
    itself. So what they pass back to it differs by one factor for each sample, the ratio of their
    derivatives by its logit. D_loss's is passed back; the ratio comes in at the sample.

    Args:
      step: with the pass of the discriminator on samples.
      theta_D, theta_G: the networks' variables.

    Returns:
      The gradients of D_loss by theta_D and of G_loss by theta_G: the same sums as
      `tf.gradients` forms, with other roundings. Where D_loss's are NaN, so are both.

    Raises:
      ValueError: the discriminator mixes the samples.
    """
    assert step.fake is not None
    if step.fake.updates:
        raise ValueError("separate_images: the discriminator has a batch norm, which mixes images")
    logit = step.D_logit_fake
    (D_derivative,) = tf.gradients(step.D_loss, logit)  # [B, 1]
    (G_derivative,) = tf.gradients(step.G_loss, logit)
    passed = _not_zero(D_derivative)
    *by_fake, by_samples = tf.gradients(logit, [*theta_D, step.G_sample], grad_ys=[passed])
    by_real = tf.gradients(step.D_loss, theta_D, stop_gradients=[logit])
    D_gradients = [real + fake for real, fake in zip(by_real, by_fake, strict=True)]
    by_samples *= G_derivative / passed
    return D_gradients, tf.gradients(step.G_sample, theta_G, grad_ys=[by_samples])


def _not_zero(derivative: Any) -> Any:
    """Returns derivatives that can be divided by: what is nearer to 0 becomes the least one."""
    least = tf.fill(tf.shape(derivative), LEAST_DERIVATIVE)
    return tf.where(tf.abs(derivative) < least, least, derivative)
