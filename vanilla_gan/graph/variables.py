"""Weights and biases: `weight_var` (xavier) and `bias_var` (zero) through `tf.get_variable`."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

from vanilla_gan.graph.tf1 import tf


def weight_var(shape: Sequence[int], name: str, init: str = "xavier") -> Any:
    """Returns the xavier-initialised weight `name` of the current variable scope.

    Args:
      shape: the weight's sizes; rows are the fan-in of a matrix.
      name: its name within the scope, as in the listing.
      init: `xavier`, uniform in +-sqrt(6 / (fan_in + fan_out)), which is the default form of
        `tf.contrib.layers.xavier_initializer`; or `xavier_normal`, normal with standard deviation
        `1 / sqrt(fan_in / 2)`, the form of the published repository.

    Returns:
      A float32 resource variable. Its initial value depends on the graph's seed, its own full name
      and its shape, and on nothing else in the graph.

    Source: `weight_var` of the 2016 post; `xavier_init` of `gan_tensorflow.py`.
    """
    return _variable(shape, name, _XAVIER[init](shape, _operation_seed(name)))


def bias_var(shape: Sequence[int], name: str) -> Any:
    """Returns the bias `name` of the current variable scope, float32, initially zero.

    Source: `bias_var` of the 2016 post.
    """
    return _variable(shape, name, tf.zeros_initializer())


def dense(x: Any, units: int, name: str, init: str = "xavier") -> Any:
    """Returns a fully connected layer of `x`, float32 [B, n] -> [B, units], without activation.

    Its variables are `NAME/kernel`, xavier, and `NAME/bias`, zero, as `tf.layers.dense` names them.

    Source: `tf.layers.dense` of TensorFlow 1.x with its defaults.
    """
    with tf.variable_scope(name):
        kernel = weight_var([x.shape.as_list()[-1], units], "kernel", init)
        bias = bias_var([units], "bias")
        return tf.nn.bias_add(tf.matmul(x, kernel), bias)


def _variable(shape: Sequence[int], name: str, initializer: Any) -> Any:
    # Resource variables whatever the program around us has set: their Adam is one fused kernel.
    return tf.get_variable(
        name, shape, dtype=tf.float32, initializer=initializer, use_resource=True
    )


def _operation_seed(name: str) -> int:
    """Returns a seed of the variable's full name.

    Left to itself TensorFlow numbers its random operations in the order of construction, so that
    one more node anywhere would change every initial weight.
    """
    scope = tf.get_variable_scope().name
    return zlib.crc32(f"{scope}/{name}".encode()) & 0x7FFFFFFF


def _xavier_uniform(shape: Sequence[int], seed: int) -> Any:
    del shape  # the initializer is told again
    return tf.glorot_uniform_initializer(seed=seed)


def _xavier_normal(shape: Sequence[int], seed: int) -> Any:
    return tf.random_normal_initializer(stddev=1.0 / math.sqrt(shape[0] / 2.0), seed=seed)


_XAVIER = {"xavier": _xavier_uniform, "xavier_normal": _xavier_normal}
