"""The joint update: both networks' gradients from the old weights, then both Adams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vanilla_gan.graph.step import Forward
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.systems.system import System

Gradients = list[Any]


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
    itself. So what they pass back to a layer differs by one factor for each sample, their
    derivatives by its logit. What is passed back here is the derivative of the logit; each loss
    gives its factor where the weights sum over the samples, and where the generator takes over.

    Args:
      step: with the pass of the discriminator on samples.
      theta_D, theta_G: the networks' variables.

    Returns:
      The gradients of D_loss by theta_D and of G_loss by theta_G: the same sums as
      `tf.gradients` forms, with other roundings.

    Raises:
      ValueError: the samples are not looked at each by itself, or a variable of theta_D is in no
        layer that told the pass of it.
    """
    assert step.fake is not None
    if step.fake.updates:
        raise ValueError("separate_images: the discriminator has a batch norm, which mixes images")
    logit = step.D_logit_fake
    inputs, sums = (list(tensors) for tensors in zip(*step.fake.layers, strict=True))
    (D_factor,) = tf.gradients(step.D_loss, logit)  # [B, 1]
    (G_factor,) = tf.gradients(step.G_loss, logit)
    *by_sums, by_samples = tf.gradients(logit, [*sums, step.G_sample])
    by_real = tf.gradients(step.D_loss, theta_D, stop_gradients=[logit])
    by_fake = tf.gradients(
        sums,
        theta_D,
        grad_ys=[derivative * _like(D_factor, derivative) for derivative in by_sums],
        stop_gradients=inputs,
    )
    untold = [v.op.name for v, by in zip(theta_D, by_fake, strict=True) if by is None]
    if untold:
        raise ValueError(f"separate_images: no layer told its pass of {untold}")
    D_gradients = [real + fake for real, fake in zip(by_real, by_fake, strict=True)]
    G_gradients = tf.gradients(step.G_sample, theta_G, grad_ys=[by_samples * G_factor])
    return D_gradients, G_gradients


def _like(factor: Any, tensor: Any) -> Any:
    """Returns a factor for each sample, [B, 1], with as many axes as a tensor [B, ...]."""
    return tf.reshape(factor, [-1] + [1] * (tensor.shape.rank - 1))
