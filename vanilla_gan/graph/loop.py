"""Many iterations in one `session.run`: the two updates as the body of a `tf.while_loop`.

The body applies the same networks, losses and optimizers as the feed graph, to rows of a data set
that lives on the device instead of to placeholders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from vanilla_gan.data.dataset import NUM_CLASSES
from vanilla_gan.graph.gan import Gan
from vanilla_gan.graph.joint import joint_solvers
from vanilla_gan.graph.step import Forward, Weights, forward, losses, network, network_inputs, read
from vanilla_gan.graph.system import System
from vanilla_gan.graph.tf1 import tf


class LoopGraph(NamedTuple):
    """The handles of the loop.

    Attributes:
      images: variable, uint8 [N, 784], the training split; a local variable, so that no checkpoint
        carries it.
      labels: variable, uint8 [N], of the same kind; None in a system that takes no labels.
      rows: placeholder, int32 [k, B], the batches of `k` iterations as rows of `images`; B is the
        run's batch size, or any in a system with short batches.
      Z_D, Z_G: placeholders, float32 [k, B, Z_dim], the noise of the two solvers' steps; one and
        the same placeholder in a system that shares it.
      first: placeholder, int64 scalar, the first of the iterations; None in a system whose step
        does not depend on it.
      D_loss, G_loss: float32 [k]; fetching them trains the `k` iterations.
    """

    images: Any
    labels: Any
    rows: Any
    Z_D: Any
    Z_G: Any
    first: Any
    D_loss: Any
    G_loss: Any


def build_loop(system: System, config: Any, gan: Gan, images_shape: tuple[int, int]) -> LoopGraph:
    """Adds the loop to the graph of `gan`.

    Within an iteration only what must wait does: unless a system has joint updates, the
    discriminator's comes before the generator's step reads the discriminator; and both updates come
    before the next iteration reads anything. The two generators and the two discriminators of an
    iteration may run side by side.

    Args:
      system: the published program that `gan` was built of.
      config: the settings that it was built with.
      gan: the feed graph, whose variables and optimizers are used.
      images_shape: (N, 784) of the training split.

    Returns:
      The loop's handles. `images` has to be initialised before the loop runs.
    """
    images = _data_variable("training_images", images_shape)
    labels = _data_variable("training_labels", images_shape[:1]) if system.conditional else None
    # A size that is known spares the graph the operations that would look for it each time.
    batch = None if system.short_batches else config.batch_size
    rows = tf.placeholder(tf.int32, [None, batch], name="rows")
    Z_D = tf.placeholder(tf.float32, [None, batch, config.z_dim], name="Z_D")
    Z_G = Z_D
    if not system.shared_noise:
        Z_G = tf.placeholder(tf.float32, [None, batch, config.z_dim], name="Z_G")
    first = tf.placeholder(tf.int64, [], name="first") if system.two_modes else None
    steps = tf.shape(rows)[0]

    def step(k: Any, D_losses: Any, G_losses: Any) -> tuple[Any, Any, Any]:
        # `k` comes out of the last iteration's updates: nothing is read before they are done.
        with tf.control_dependencies([k]):
            weights = read([*gan.theta_D, *gan.theta_G])
        X_mb = system.scale(tf.cast(tf.gather(images, rows[k]), tf.float32))
        y_mb = None
        if labels is not None:
            y_mb = tf.one_hot(tf.cast(tf.gather(labels, rows[k]), tf.int32), NUM_CLASSES)
        iteration = None if first is None else first + tf.cast(k, tf.int64)
        forward_D = forward(
            system, config, X_mb, Z_D[k], y_mb, iteration, reuse=True, weights=weights
        )
        if system.joint_updates:
            G_loss = forward_D.G_loss
            D_solver, G_solver = joint_solvers(
                system, forward_D, gan.D_optimizer, gan.G_optimizer, gan.theta_D, gan.theta_G
            )
        else:
            D_solver = gan.D_optimizer.minimize(forward_D.D_loss, var_list=gan.theta_D)
            G_sample = generator_samples(forward_D, Z_G[k], y_mb, weights)
            with tf.control_dependencies([D_solver]):
                weights_D = read(gan.theta_D)
            G_loss, G_solver = generator_step(forward_D, G_sample, y_mb, weights_D)

        with tf.control_dependencies([D_solver, G_solver]):
            return k + 1, D_losses.write(k, forward_D.D_loss), G_losses.write(k, G_loss)

    def generator_samples(forward_D: Forward, Z_mb: Any, y_mb: Any, weights: Weights) -> Any:
        # The discriminator's update leaves the generator alone: the same noise gives the same.
        if system.shared_noise:
            return forward_D.G_sample
        # Behind what the discriminator's update waits for: one core makes the samples of that step,
        # the other looks at the real images, and then has the time for these.
        with tf.control_dependencies([forward_D.D_logit_real]):
            Z_mb = tf.identity(Z_mb)
        with network("generator_G", reuse=True, weights=weights):
            return system.generator(Z_mb, config, **network_inputs(system, y_mb))

    def generator_step(
        forward_D: Forward, G_sample: Any, y_mb: Any, weights: Weights
    ) -> tuple[Any, Any]:
        D_logits_fake = []
        for G_half, y_half in _halves(G_sample, y_mb, config.batch_size):
            with network("discriminator_updated", reuse=True, weights=weights):
                inputs = network_inputs(system, y_half)
                D_logits_fake.append(system.discriminator(G_half, config, **inputs)[1])
        D_logit_fake = tf.concat(D_logits_fake, axis=0)
        _, G_loss = losses(config, forward_D.D_logit_real, D_logit_fake)
        # No update before the last gradient: a small one would keep a core from a large product.
        gate = tf.train.Optimizer.GATE_GRAPH
        return G_loss, gan.G_optimizer.minimize(G_loss, var_list=gan.theta_G, gate_gradients=gate)

    with tf.name_scope("training_loop"):
        _, D_losses, G_losses = tf.while_loop(
            lambda k, *_: k < steps,
            step,
            [
                tf.constant(0),
                tf.TensorArray(tf.float32, size=steps),
                tf.TensorArray(tf.float32, size=steps),
            ],
            # More would only let the next iteration's constants run ahead.
            parallel_iterations=1,
        )
        return LoopGraph(images, labels, rows, Z_D, Z_G, first, D_losses.stack(), G_losses.stack())


def _halves(G_sample: Any, y_mb: Any, batch_size: int) -> list[tuple[Any, Any]]:
    """Returns the samples of the generator's step, and their labels, in two halves.

    The products of this step wait for each other, and TensorFlow gives a product of this size one
    thread. Two halves of the batch keep two cores busy: 1.02 ms an iteration instead of 1.07 on
    such a machine. What the discriminator makes of a row, and the gradient there, is the same to
    the bit. So would the generator's samples be; but its weights' gradients would become sums of
    two sums, and in 100 iterations that rounding was seen to grow past 1e-6.
    """
    half = batch_size // 2
    if not half:
        return [(G_sample, y_mb)]
    sizes = [half, batch_size - half]
    y_halves = [None, None] if y_mb is None else tf.split(y_mb, sizes)
    return list(zip(tf.split(G_sample, sizes), y_halves, strict=True))


def _data_variable(name: str, shape: Sequence[int]) -> Any:
    """Returns a variable for uint8 data, which no solver trains and no checkpoint carries."""
    return tf.get_variable(
        name,
        shape,
        tf.uint8,
        initializer=tf.zeros_initializer(),
        trainable=False,
        collections=[tf.GraphKeys.LOCAL_VARIABLES],
        use_resource=True,
    )
