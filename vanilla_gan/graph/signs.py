"""Signs of a run's health: scalars of one batch, computed in a `session.run` of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vanilla_gan.graph.gan import Gan
from vanilla_gan.graph.objective import objective, with_penalties
from vanilla_gan.graph.system import System
from vanilla_gan.graph.tf1 import tf

# How many images of a batch are compared with each other: enough for a mean, and cheap.
COMPARED = 64
# The threshold between fake and real in D's logits; a loss that is not named here has none, and
# neither has a plug-in's: the table `LABELLED` grows.
_STEP = {"sigmoid_cross_entropy": 0.0, "log": 0.0, "minimax": 0.0, "log_epsilon": 0.0}
_STEP |= {"hinge": 0.0, "lsgan": 0.5}


def build_signs(system: System, config: Any, gan: Gan) -> dict[str, Any]:
    """Adds the signs to the graph of `gan`; training does not depend on them.

    They are fetched in a run without solvers, so that training runs the same graph with or without
    them, to the bit. In every iteration, the gradient norms alone would take a few percent of the
    time. They need all placeholders of `gan`.

    Returns:
      float32 scalars by name, with the current weights:
        real_right, fake_right: share of images, and of samples, that D gets right. If the loss has
          no threshold between them, half way between the mean logits is used.
        logit_gap: D's mean logit of images minus that of samples.
        largest_logit: the largest magnitude of a logit.
        seen: D's mean logit of images, in inference.
        d_gradient, g_gradient: norms of the losses' gradients, each for its own network's weights.
        d_weights, g_weights: norms of these weights.
        diversity, diversity_real: mean distance of two samples, of two images, in [0, 1]^X_dim.
        nearest, nearest_real: mean distance of a sample, of an image, to its nearest neighbour.
        ink, ink_real: mean brightness of samples and images, black 0 and white 1.
        largest_pixel: the largest magnitude in the images as D sees them.
    """
    with tf.name_scope("signs"):
        real, fake = gan.D_logit_real, gan.D_logit_fake
        mean_real, mean_fake = tf.reduce_mean(real), tf.reduce_mean(fake)
        step = _STEP.get(config.loss, (mean_real + mean_fake) / 2)
        # Samples of moving averages would show the weights of long ago.
        samples = _in_unit(system, gan.passes.G_sample if gan.averages else gan.G_sample)
        images = _in_unit(system, gan.X)
        diversity, nearest = _distances(samples)
        diversity_real, nearest_real = _distances(images)
        D_loss, G_loss = gan.D_loss, gan.G_loss
        if config.towers > 1:
            # What towers exchange in the backward pass is connected for their solvers only.
            goal = objective(system, config, gan.passes)
            D_loss, G_loss = with_penalties(config, gan.passes, goal).D_loss, goal.G_loss
        return {
            "real_right": tf.reduce_mean(tf.cast(real > step, tf.float32)),
            "fake_right": tf.reduce_mean(tf.cast(fake < step, tf.float32)),
            "logit_gap": mean_real - mean_fake,
            "largest_logit": tf.reduce_max(tf.abs(tf.concat([real, fake], axis=0))),
            "seen": tf.reduce_mean(gan.D_logit),
            "d_gradient": _gradient(D_loss, gan.theta_D),
            "g_gradient": _gradient(G_loss, gan.theta_G),
            "d_weights": tf.global_norm([variable.read_value() for variable in gan.theta_D]),
            "g_weights": tf.global_norm([variable.read_value() for variable in gan.theta_G]),
            "diversity": diversity,
            "diversity_real": diversity_real,
            "nearest": nearest,
            "nearest_real": nearest_real,
            "ink": tf.reduce_mean(samples),
            "ink_real": tf.reduce_mean(images),
            "largest_pixel": tf.reduce_max(tf.abs(gan.X)),
        }


def _gradient(loss: Any, theta: Sequence[Any]) -> Any:
    found = tf.gradients(loss, theta)
    return tf.global_norm([gradient for gradient in found if gradient is not None])


def _in_unit(system: System, images: Any) -> Any:
    black, white = system.pixels()[[0, 255]].tolist()
    return (images - black) / (white - black)


def _distances(images: Any) -> tuple[Any, Any]:
    """Returns the mean distance between two images, and to the nearest one; NaN and inf for one."""
    some = images[:COMPARED]
    # Centred, so that less cancels below. Equal images stay equal, whatever is rounded.
    some -= tf.reduce_mean(some, axis=0, keepdims=True)
    squares = tf.reduce_sum(tf.square(some), axis=1, keepdims=True)  # [n, 1]
    products = tf.matmul(some, some, transpose_b=True)  # [n, n]
    apart = tf.sqrt(tf.maximum(squares + tf.transpose(squares) - 2.0 * products, 0.0))
    n = tf.shape(some)[0]
    itself = tf.cast(tf.eye(n), tf.bool)
    others = tf.where(itself, tf.zeros_like(apart), apart)
    pairs = tf.cast(n * (n - 1), tf.float32)
    nearest = tf.reduce_min(tf.where(itself, tf.fill(tf.shape(apart), float("inf")), apart), axis=1)
    return tf.reduce_sum(others) / pairs, tf.reduce_mean(nearest)
