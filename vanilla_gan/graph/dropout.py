"""Dropout, whose draws need not be saved and whose factor costs no passage over the layer."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from vanilla_gan.graph.draws import words
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.training_pass import TrainingPass


class Scaled(NamedTuple):
    """What dropout leaves of a layer: `values` times `factor`, a number.

    The next layer is linear, so it takes the factor into its kernel, which has fewer values:
    `layers.dense` and `layers.conv2d` do, and `layers.flatten` hands it on. No other one takes it.
    """

    values: Any
    factor: float


def dropout(x: Any, rate: float, name: str, training: TrainingPass | None) -> Any | Scaled:
    """Returns `x` with a share `rate` of its values set to 0 and the others times `1 / (1 - rate)`.

    In inference, and where `rate` is 0, it is `x`. Which values are dropped follows from the run's
    seed, the iteration, the pass and this layer's full name: nothing has to be saved to continue.

    The rate is met to 2**-16, and no rate above 1 - 2**-16.

    Source: Srivastava et al. 2014 (https://jmlr.org/papers/v15/srivastava14a.html), scaled in
    training instead of in inference, as `keras.layers.Dropout`.

    Args:
      x: [B, ...], float32 or bfloat16; all but B is known.
      rate: in [0, 1).
      name: of the layer, within the current variable scope.
      training: the pass in training mode; None for inference.
    """
    if training is None or rate == 0.0:
        return x
    sizes = x.shape.as_list()[1:]
    # Not the size of `x` itself: so the bits are drawn while what `x` is made of is not there yet.
    size = training.n_images * math.prod(sizes)
    kept = tf.reshape(_kept(rate, size, training.seed_for(name)), [-1, *sizes], f"{name}_kept")
    return Scaled(_kept_values(x, kept), 1.0 / (1.0 - rate))


def dropped(x: Any, rate: float, name: str, training: TrainingPass | None) -> Any:
    """Returns `dropout` of a fully connected layer as a tensor, which any product takes."""
    found = dropout(x, rate, name, training)
    return found.values * found.factor if isinstance(found, Scaled) else found


def _kept(rate: float, size: Any, seed: Any) -> Any:
    """Returns for each of `size` values whether it is kept, with probability 1 - `rate`; bool.

    Random bits are dear, so a word of 16 decides over two values: each is dropped in an interval of
    length `rate`, and the two intervals have `rate`**2 in common. Each byte is the high one of a
    word and the low one of another, which decides where the high one is a tie: at a rate of 0.3
    that correlates values of two such words by 0.001.
    """
    pairs = (size + 3) // 4  # words of 16, in each of two rows, which are a byte apart
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
    # To multiply bfloat16, TensorFlow 2.21 makes float32 of it and rounds again: 0.36 ms for 1.6
    # million values. To mask their bits, two values in an integer, takes 0.15; likewise on the way
    # back.
    pairs = [-1, *sizes, last // 2, 2]
    ones = tf.bitcast(tf.reshape(tf.cast(kept, tf.uint16), pairs), tf.uint32)
    mask = ones * np.uint32(0xFFFF)

    # Its own gradient at every order: a penalty goes back twice, and the bits let nothing through.
    @tf.custom_gradient
    def masked(values: Any) -> Any:
        bits = tf.bitwise.bitwise_and(tf.bitcast(tf.reshape(values, pairs), tf.uint32), mask)
        return tf.reshape(tf.bitcast(bits, tf.bfloat16), [-1, *sizes, last]), masked

    return masked(x)
