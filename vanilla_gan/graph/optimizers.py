"""The optimizers of the solvers: Adam, as in most of the published programs, and others."""

from __future__ import annotations

from typing import Any

from vanilla_gan.graph.system import System
from vanilla_gan.graph.tf1 import tf


def adam(rate: float, beta1: float | None, beta2: float | None, epsilon: float, name: str) -> Any:
    """Returns an Adam optimizer; `beta1` is 0.9 and `beta2` 0.999 by default, as in TensorFlow.

    `alpha = lr * sqrt(1 - beta2^t) / (1 - beta1^t)`, `theta -= alpha * m / (sqrt(v) + epsilon)`.
    Keras adds epsilon in the same place; its default is 1e-7, that of TensorFlow 1e-8.
    """
    beta1 = 0.9 if beta1 is None else beta1
    beta2 = 0.999 if beta2 is None else beta2
    return tf.train.AdamOptimizer(rate, beta1, beta2, epsilon, name=name)


def rmsprop(
    rate: float, beta1: float | None, beta2: float | None, epsilon: float, name: str
) -> Any:
    """Returns an RMSProp optimizer: `beta2` is the decay of its mean square, 0.9 by default.

    `beta1` is its momentum, none by default, as in Wasserstein GANs
    (Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875). `epsilon` is added under the root, and
    the mean square starts at 1.
    """
    decay = 0.9 if beta2 is None else beta2
    return tf.train.RMSPropOptimizer(rate, decay, beta1 or 0.0, epsilon, name=name)


def sgd(rate: float, beta1: float | None, beta2: float | None, epsilon: float, name: str) -> Any:
    """Returns gradient descent with the momentum `beta1`, none by default."""
    return tf.train.MomentumOptimizer(rate, beta1 or 0.0, name=name)


OWN = "own"  # the optimizer that a system itself brings
OPTIMIZERS = {"adam": adam, "rmsprop": rmsprop, "sgd": sgd}


def rate_of(config: Any, player: str) -> float:
    """Returns a player's learning rate: its own, or the common one; "Q" has that of "G"."""
    own = config.D_learning_rate if player == "D" else config.G_learning_rate
    rate: float = config.learning_rate if own is None else own
    return rate


def optimizer(system: System, config: Any, player: str) -> Any:
    """Returns a player's optimizer, as the settings say; its slots are named after the player.

    The player is "D", "G" or, in a program with a third solver, "Q", which trains G as well and has
    G's rate.
    """
    make = system.optimizer if config.optimizer == OWN else OPTIMIZERS[config.optimizer]
    assert make is not None, f"{config.system} brings no optimizer"
    return make(
        rate_of(config, player), config.beta1, config.beta2, config.adam_epsilon, f"{player}_solver"
    )
