"""Dropout: its draws need not be saved, and its factor costs no pass over the layer."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from vanilla_gan.graph.draws import words
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.training_pass import TrainingPass


class Scaled(NamedTuple):
    """A layer after dropout: `values` times the number `factor`.

    The next layer is linear, so it can scale its kernel instead, which has fewer values:
    `layers.dense` and `layers.conv2d` do so, and `layers.flatten` keeps the factor. No other layer
    accepts a `Scaled`.
    """

    values: Any
    factor: float


def dropout(x: Any, rate: float, name: str, training: TrainingPass | None) -> Any | Scaled:
    """Returns `x` with a share `rate` of its values set to 0 and the others times `1 / (1 - rate)`.

    In inference, and if `rate` is 0, it returns `x`. The run's seed, the iteration, the pass and
    this layer's full name determine which values are dropped, so a run can be continued without
    saved draws. The rate is exact to 2**-16, and at most 1 - 2**-16.

    Source: Srivastava et al. 2014 (https://jmlr.org/papers/v15/srivastava14a.html), scaled in
    training instead of in inference, as in `keras.layers.Dropout`.

    Args:
      x: [B, ...], float32 or bfloat16; all sizes but B are static.
      rate: in [0, 1).
      name: of the layer, within the current variable scope.
      training: the pass in training mode; None for inference.
    """
    if training is None or rate == 0.0:
        return x
    sizes = x.shape.as_list()[1:]
    # Not the size of `x` itself, so that the bits can be drawn before `x` is computed.
    size = training.n_images * math.prod(sizes)
    kept = tf.reshape(_kept(rate, size, training.seed_for(name)), [-1, *sizes], f"{name}_kept")
    return Scaled(_kept_values(x, kept), 1.0 / (1.0 - rate))


def dropped(x: Any, rate: float, name: str, training: TrainingPass | None) -> Any:
    """Returns `dropout` of a fully connected layer as a plain tensor, already scaled."""
    found = dropout(x, rate, name, training)
    return found.values * found.factor if isinstance(found, Scaled) else found


def _kept(rate: float, size: Any, seed: Any) -> Any:
    """Returns for each of `size` values whether it is kept, with probability 1 - `rate`; bool.

    Random bits are expensive, so one 16-bit word decides for two values. Each is dropped if the
    word is in an interval of length `rate`; the two intervals share `rate`**2, as for independent
    values. Each byte is the high byte of one word and the low byte of another. The low byte matters
    only if the high byte is a tie: at a rate of 0.3, values of two such words correlate by 0.001.
    """
    pairs = (size + 3) // 4  # 16-bit words in each of two rows, which are a byte apart
    octets = tf.reshape(tf.bitcast(words([(2 * pairs + 4) // 4], seed), tf.uint8), [-1])
    rows = [tf.reshape(octets[byte : byte + 2 * pairs], [pairs, 2]) for byte in (0, 1)]
    drawn = tf.bitcast(tf.concat(rows, axis=0), tf.uint16)
    until, begin, end = (
        np.uint16(min(round(share * 2**16), 2**16 - 1))
        for share in (rate, rate - rate**2, 2 * rate - rate**2)
    )
    first, second = drawn >= until, tf.logical_or(drawn < begin, drawn >= end)
    return tf.concat([first, second], axis=0)[:size]


def _kept_values(x: Any, kept: Any) -> Any:
    """Returns `x` where `kept`, bool of the same shape, and 0 elsewhere."""
    *sizes, last = x.shape.as_list()[1:]
    if x.dtype != tf.bfloat16 or last % 2:
        return x * tf.cast(kept, x.dtype)
    # To multiply bfloat16, TensorFlow 2.21 converts it to float32 and back: 0.36 ms for 1.6 million
    # values. Masking the bits, two values per integer, takes 0.15 ms; the gradients likewise.
    pairs = [-1, *sizes, last // 2, 2]
    ones = tf.bitcast(tf.reshape(tf.cast(kept, tf.uint16), pairs), tf.uint32)
    mask = ones * np.uint32(0xFFFF)

    # Its gradient is itself at every order: penalties need the second, and bits let none through.
    @tf.custom_gradient
    def masked(values: Any) -> Any:
        bits = tf.bitwise.bitwise_and(tf.bitcast(tf.reshape(values, pairs), tf.uint32), mask)
        return tf.reshape(tf.bitcast(bits, tf.bfloat16), [-1, *sizes, last]), masked

    return masked(x)
