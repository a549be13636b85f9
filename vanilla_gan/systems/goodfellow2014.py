"""The GAN of 2014: ReLU against maxout with dropout, growing momentum, both in one update.

Source: goodfeli/adversarial, `mnist.yaml` (commit f77a509) and `__init__.py`, with pylearn2 of June
2014; Goodfellow et al. 2014 (https://arxiv.org/abs/1406.2661). Differences: the images are the
55,000 of the training split, where the program has the first 50,000 of the file, but momentum still
grows by the program's epochs of 500 updates; training takes 250 epochs, in which momentum grows,
where the program goes on until somebody stops it; and the random numbers are those of this package.
If `h_dim` is one number, both hidden layers of both networks have that many linear units.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.dataset import unit_scale
from vanilla_gan.graph.dropout import dropout
from vanilla_gan.graph.layers import dense
from vanilla_gan.graph.system import Draws, Names, Pictures, Simultaneous, System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.systems import noise

PIECES = 5
INPUT_DROPOUT = 0.2
G_RANGE, D_RANGE = 0.05, 0.005
DECAY, LEAST_RATE = 1.000004, 1e-6
FINAL_MOMENTUM, START, SATURATE, EPOCH = 0.7, 1, 250, 500


def generator(z: Any, config: Any, y: Any, training: Any) -> Any:
    """Returns images, float32 [B, X_dim] in [0, 1], for noise `z`, float32 [B, Z_dim]."""
    init = G_RANGE if config.init == "own" else config.init
    with tf.variable_scope("generator"):
        h = z
        for layer, units in enumerate(_widths(config)):
            h = tf.nn.relu(dense(h, units, f"h{layer}", init, training))
        h = dense(h, config.image_shape.size, "y", init, training)
        return tf.nn.sigmoid(tf.cast(h, tf.float32))


def discriminator(x: Any, config: Any, y: Any, training: Any) -> tuple[Any, Any]:
    """Returns `(D_prob, D_logit)`, float32 [B, 1], for images, float32 [B, X_dim] in [0, 1].

    In training, part of each layer's input is dropped out; of the images, a fifth at most.
    """
    init = D_RANGE if config.init == "own" else config.init
    rate = config.dropout_rate
    with tf.variable_scope("discriminator"):
        h = dropout(x, min(rate, INPUT_DROPOUT), "dropout_x", training)
        for layer, units in enumerate(_widths(config)):
            h = maxout(h, max(1, units // PIECES), f"h{layer}", init, training)
            h = dropout(h, rate, f"dropout{layer}", training)
        logit = tf.cast(dense(h, 1, "y", init, training), tf.float32)
        return tf.sigmoid(logit), logit


def maxout(x: Any, units: int, name: str, init: Any, training: Any) -> Any:
    """Returns units, each the largest of five linear ones, [B, n] -> [B, units]."""
    pieces = dense(x, units * PIECES, name, init, training)
    return tf.reduce_max(tf.reshape(pieces, [-1, units, PIECES]), axis=2)


def _widths(config: Any) -> tuple[int, ...]:
    h_dim = config.h_dim
    return h_dim if isinstance(h_dim, tuple) else (h_dim, h_dim)


def objective(goal: Any, passes: Any) -> Any:
    """Returns the losses, D's halved, as in `AdversaryCost2`."""
    return goal._replace(D_loss=0.5 * goal.D_loss)


def schedule(rate: float, momentum: float, updates: Any) -> tuple[Any, Any]:
    """Returns learning rate and momentum, float32 scalars, after `updates` updates.

    The rate falls with each update (`ExponentialDecay`), and momentum grows with each epoch
    (`MomentumAdjustor`, whose count is 1 in the first epoch).
    """
    done = tf.cast(updates, tf.float64)
    falling = tf.maximum(rate / tf.pow(tf.constant(DECAY, tf.float64), done), LEAST_RATE)
    count = tf.floor(done / EPOCH) + 1.0
    share = tf.clip_by_value((count - START) / (SATURATE - START), 0.0, 1.0)
    growing = momentum * (1.0 - share) + share * FINAL_MOMENTUM
    return tf.cast(falling, tf.float32), tf.cast(growing, tf.float32)


def optimizer(
    rate: float, beta1: float | None, beta2: float | None, epsilon: float, name: str
) -> Any:
    """Returns gradient descent with pylearn2's momentum, which starts at `beta1`.

    `step = momentum * step - rate * gradient`, `theta += step`: unlike in TensorFlow, a gradient in
    `step` keeps the rate of its own update. A variable counts the updates.
    """

    class Momentum(tf.train.MomentumOptimizer):  # type: ignore[misc]
        def _create_slots(self, var_list: Any) -> None:
            super()._create_slots(var_list)
            first = min(var_list, key=lambda variable: variable.name)
            self._create_non_slot_variable(0.0, "updates", first)

        def _updates(self) -> Any:
            with tf.init_scope():  # outside a loop's body, which is a graph of its own
                return self._get_non_slot_variable("updates", tf.get_default_graph())

        def _prepare(self) -> None:
            updates = self._updates().read_value()
            self._rate, self._momentum_tensor = schedule(rate, beta1 or 0.0, updates)
            self._learning_rate_tensor = tf.constant(1.0)

        def _resource_apply_dense(self, gradient: Any, variable: Any) -> Any:
            return super()._resource_apply_dense(self._rate * gradient, variable)

        def _finish(self, update_ops: Any, name_scope: str) -> Any:
            with tf.control_dependencies(update_ops):
                counted = self._updates().assign_add(1.0)
            return tf.group(*update_ops, counted, name=name_scope)

    return Momentum(1.0, 0.0, name=name)


def first_weights(config: Any, images: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
    """Returns the bias with which the generator's output layer starts at the images' mean.

    Args:
      config: the run's settings; without `--init own` there are no such weights.
      images: the training images, uint8 [N, X_dim].
    """
    if config.init != "own":
        return {}
    mean = np.clip(images.mean(axis=0) / 255.0, 1e-7, 1.0 - 1e-7)
    return {"generator/y/bias": np.log(mean / (1.0 - mean)).astype(np.float32)}


def theta_of(hidden: int) -> tuple[Names, Names]:
    """Returns the names of theta_D and theta_G for `hidden` hidden layers."""
    layers = [*(f"h{layer}" for layer in range(hidden)), "y"]
    names = [f"{layer}/{part}" for layer in layers for part in ("kernel", "bias")]
    return tuple(f"discriminator/{n}" for n in names), tuple(f"generator/{n}" for n in names)


_THETA_D, _THETA_G = theta_of(2)

SYSTEM = System(
    source="https://github.com/goodfeli/adversarial, mnist.yaml",
    defaults={
        "epochs": 250,
        "batch_size": 100,
        "z_dim": 100,
        "h_dim": 1200,
        "learning_rate": 0.1,
        "adam_epsilon": 1e-8,
        "label_smoothing": 0.0,
        "dropout_rate": 0.5,
    },
    published={"init": "own", "optimizer": "own", "beta1": 0.5},
    generator=generator,
    discriminator=discriminator,
    objective=objective,
    optimizer=optimizer,
    unused=("beta2", "adam_epsilon"),
    first_weights=first_weights,
    theta_G=_THETA_G,
    theta_D=_THETA_D,
    sample_Z=noise.uniform_of_variance_one,
    scale=unit_scale,
    update=Simultaneous(),
    draws=Draws(pictures=Pictures.FIXED),
    separate_images=True,
    theta_of=theta_of,
)
