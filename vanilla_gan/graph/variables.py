"""Variables made by `tf.get_variable`: `weight_var` (xavier), `bias_var` (zero), and others."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

from vanilla_gan.graph.tf1 import tf


def weight_var(
    shape: Sequence[int], name: str, init: str | float = "xavier", fan_in: int | None = None
) -> Any:
    """Returns the randomly initialised weight `name` of the current variable scope.

    Args:
      shape: rows and columns of a matrix; or height, width and two numbers of channels of a
        convolution's kernel, where each fan is height * width times its number of channels.
      name: its name within the scope, as in the listing.
      init: `xavier`, uniform in +-sqrt(6 / (fan_in + fan_out)), which is the default form of
        `tf.contrib.layers.xavier_initializer`; or `xavier_normal`, normal with standard deviation
        `1 / sqrt(fan_in / 2)`, the form of the published repository; or a number, uniform between
        minus and plus this number.
      fan_in: for the normal form; by default the number of rows.

    Returns:
      A float32 resource variable. Its initial value depends on the graph's seed, its own full name
      and its shape, and on nothing else in the graph.

    Source: `weight_var` of the 2016 post; `xavier_init` of `gan_tensorflow.py`.
    """
    seed = seed_of(name)
    if isinstance(init, float):
        return _variable(shape, name, tf.random_uniform_initializer(-init, init, seed=seed))
    return _variable(shape, name, _XAVIER[init](fan_in or shape[0], seed))


def bias_var(shape: Sequence[int], name: str) -> Any:
    """Returns the bias `name` of the current variable scope, float32, initially zero.

    Source: `bias_var` of the 2016 post.
    """
    return _variable(shape, name, tf.zeros_initializer())


def scale_var(shape: Sequence[int], name: str) -> Any:
    """Returns the factor `name` of the current variable scope, float32, initially one."""
    return _variable(shape, name, tf.ones_initializer())


def statistic_var(shape: Sequence[int], name: str, initial: float) -> Any:
    """Returns a float32 variable that operations of the graph update and no solver trains.

    It is saved and restored like the trained ones.
    """
    return _variable(shape, name, tf.constant_initializer(initial), trainable=False)


def seed_of(name: str) -> int:
    """Returns a seed in 0..2**31 - 1 for `name` in the current variable scope.

    By default, TensorFlow numbers random operations in the order of construction (1.15: all
    operations), so that one more anywhere would change every initial weight after it.
    """
    return seed_of_full(f"{tf.get_variable_scope().name}/{name}")


def seed_of_full(name: str) -> int:
    """Returns the seed for a full name, whatever the scope."""
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


def _variable(shape: Sequence[int], name: str, initializer: Any, trainable: bool = True) -> Any:
    # Resource variables, whatever the host program has set: a while loop can use no others.
    return tf.get_variable(
        name,
        shape,
        dtype=tf.float32,
        initializer=initializer,
        trainable=trainable,
        use_resource=True,
    )


def _xavier_uniform(fan_in: int, seed: int) -> Any:
    del fan_in  # the initializer sees the shape
    return tf.glorot_uniform_initializer(seed=seed)


def _xavier_normal(fan_in: int, seed: int) -> Any:
    return tf.random_normal_initializer(stddev=1.0 / math.sqrt(fan_in / 2.0), seed=seed)


_XAVIER = {"xavier": _xavier_uniform, "xavier_normal": _xavier_normal}
