"""Random numbers within the graph, the same with and without XLA and on every device.

All are made from the words of a stateless stream. TensorFlow's own uniform and normal numbers
change when XLA compiles them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vanilla_gan.graph.tf1 import tf

_PHILOX = 1
# The key with which TensorFlow scrambles seeds; it stores the low half first.
_SCRAMBLE = 0x02461E29 << 32 | 0x3EC8F720


def words(shape: Any, seed: Any) -> Any:
    """Returns random words, uint32 of the given shape, determined by the seed, int64 [2].

    They are those of `tf.random.stateless_uniform` without XLA, to the bit. XLA uses only the low
    half of each seed there, so the seed is scrambled here.

    Source: Salmon et al. 2011 (https://doi.org/10.1145/2063384.2063405), Philox 4x32-10.
    """
    key = tf.constant([_SCRAMBLE], tf.uint64)
    scrambled = _philox([4], key, tf.bitcast(seed, tf.uint64))
    # int64, because the operations below have GPU kernels for it.
    pair = tf.bitcast(tf.reshape(scrambled, [2, 2]), tf.int64)
    counter = tf.concat([tf.zeros([1], tf.int64), pair[1:]], axis=0)
    return _philox(shape, tf.bitcast(pair[:1], tf.uint64), tf.bitcast(counter, tf.uint64))


def _philox(shape: Any, key: Any, counter: Any) -> Any:
    return tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=shape, key=key, counter=counter, alg=_PHILOX, dtype=tf.uint32
    )


def uniform(shape: Any, seed: Any) -> Any:
    """Returns numbers in [0, 1), float32: `tf.random.stateless_uniform` without XLA, to the bit."""
    return _unit(words(shape, seed))


def normal(shape: Any, seed: Any) -> Any:
    """Returns standard normal numbers, float32.

    They are those of `tf.random.stateless_normal` without XLA, up to rounding: two from each pair
    of uniform ones (Box and Muller 1958, https://doi.org/10.1214/aoms/1177706645).
    """
    count = tf.reduce_prod(shape)
    pairs = _unit(words([(count + 1) // 2, 2], seed))
    radius = tf.sqrt(-2.0 * tf.math.log(tf.maximum(pairs[:, 0], 1e-7)))
    angle = 2.0 * math.pi * pairs[:, 1]
    drawn = tf.stack([radius * tf.sin(angle), radius * tf.cos(angle)], axis=1)
    return tf.reshape(tf.reshape(drawn, [-1])[:count], shape)


def _unit(drawn: Any) -> Any:
    """Returns float32 in [0, 1) made from the 23 low bits of each word."""
    mantissa = tf.bitwise.bitwise_and(drawn, np.uint32(0x7FFFFF))
    return tf.bitcast(tf.bitwise.bitwise_or(mantissa, np.uint32(0x3F800000)), tf.float32) - 1.0
