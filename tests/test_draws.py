"""Tests of random numbers in the graph: equal to TensorFlow's own, also if XLA compiles them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from vanilla_gan.graph import draws

# TensorFlow's own draws use only the low half of a seed in XLA; a run's seeds fill both halves.
SEEDS = [(7, 11), (2**33 + 5, 2**40), (-5, 2**31), (123456789 << 32 | 3, 0)]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("draw", "expected", "atol"),
    [
        (draws.words, lambda *of: tf.random.stateless_uniform(*of, None, None, tf.uint32), 0),
        (draws.uniform, tf.random.stateless_uniform, 0),
        (draws.normal, tf.random.stateless_normal, 1e-5),
    ],
)
def test_they_equal_those_of_tensorflow(draw, expected, atol, compiled):
    for shape in ([1], [13, 7]):
        made = tf.function(lambda seed: draw(shape, seed), jit_compile=compiled, autograph=False)  # noqa: B023
        for seed in SEEDS:
            given = tf.constant(seed, tf.int64)
            found, theirs = made(given).numpy(), expected(shape, given).numpy()
            assert found.dtype == theirs.dtype
            np.testing.assert_allclose(found, theirs, rtol=0, atol=atol)
