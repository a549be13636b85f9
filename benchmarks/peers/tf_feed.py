"""The published program's loop, two `session.run` an iteration, on TensorFlow 1.15 or 2.x.

The published graph and loop, written anew; nothing here comes from the package `vanilla_gan`.
"""

from __future__ import annotations

import itertools

import numpy as np
import task
import tensorflow.compat.v1 as tf


class Gan:
    """The published graph: placeholders `X` and `Z`, `G_sample`, losses, solvers."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        """Adds the graph, which starts from `weights`, to the current one."""
        self._variables = {name: tf.Variable(value, name=name) for name, value in weights.items()}
        theta_D = [self._variables[name] for name in ("D_W1", "D_W2", "D_b1", "D_b2")]
        theta_G = [self._variables[name] for name in ("G_W1", "G_W2", "G_b1", "G_b2")]

        self.X = tf.placeholder(tf.float32, [None, task.X_DIM])
        self.Z = tf.placeholder(tf.float32, [None, task.Z_DIM])
        self.G_sample = tf.nn.sigmoid(self._layers("G", self.Z))
        D_logit_real = self._layers("D", self.X)
        D_logit_fake = self._layers("D", self.G_sample)

        self.D_loss = mean_cross_entropy(D_logit_real, tf.ones_like(D_logit_real))
        self.D_loss += mean_cross_entropy(D_logit_fake, tf.zeros_like(D_logit_fake))
        self.G_loss = mean_cross_entropy(D_logit_fake, tf.ones_like(D_logit_fake))
        D_adam = tf.train.AdamOptimizer(task.LEARNING_RATE)
        G_adam = tf.train.AdamOptimizer(task.LEARNING_RATE)
        self.D_solver = D_adam.minimize(self.D_loss, var_list=theta_D)
        self.G_solver = G_adam.minimize(self.G_loss, var_list=theta_G)

    def _layers(self, network: str, x: tf.Tensor) -> tf.Tensor:
        W1, b1, W2, b2 = (self._variables[f"{network}_{name}"] for name in ("W1", "b1", "W2", "b2"))
        return tf.matmul(tf.nn.relu(tf.matmul(x, W1) + b1), W2) + b2


def mean_cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns a network's loss, a scalar."""
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=labels))


def main() -> None:
    """Measures."""
    options = task.parser(__doc__).parse_args()
    if options.device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise SystemExit("TensorFlow sees no GPU")
    draws = task.PublishedDraws(task.read_images(options.data_dir)).iterations(options.batch)
    tf.disable_v2_behavior()
    gan = Gan(task.first_weights(options.hidden))

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())

        def train(n: int) -> np.ndarray:
            losses = np.empty((n, 2), np.float32)
            for k, (X_mb, Z_D, Z_G) in enumerate(itertools.islice(draws, n)):
                _, losses[k, 0] = sess.run(
                    [gan.D_solver, gan.D_loss], feed_dict={gan.X: X_mb, gan.Z: Z_D}
                )
                _, losses[k, 1] = sess.run([gan.G_solver, gan.G_loss], feed_dict={gan.Z: Z_G})
            return losses

        task.measure(options, train, {"TensorFlow": tf.VERSION})


if __name__ == "__main__":
    main()
