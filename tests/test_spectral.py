"""The spectral norm of a weight: value, vectors and gradient by hand, step by step."""

from __future__ import annotations

import numpy as np
import pytest

from vanilla_gan.graph.spectral import normalised
from vanilla_gan.graph.tf1 import tf


@pytest.mark.parametrize("shape", [(13, 7), (5, 3, 2, 4)])
def test_a_normalised_weight_has_a_singular_value_of_one(shape):
    stream = np.random.RandomState(2)
    weight, vector = (
        np.float32(stream.normal(size=shape)),
        np.float32(stream.normal(size=(1, shape[-1]))),
    )
    matrix = np.float64(weight).reshape(-1, shape[-1])
    with tf.Graph().as_default(), tf.Session() as session:
        fed = tf.placeholder(tf.float32, vector.shape)
        tensor = tf.constant(weight)
        found = normalised(tensor, fed)
        gradient = tf.gradients(tf.reduce_sum(found[0] ** 3), tensor)[0]

        def step(vector):
            """Returns a step by hand: weight, next vector, product of both vectors, value."""
            left = matrix @ vector.T
            left /= np.linalg.norm(left)
            right = left.T @ matrix
            right /= np.linalg.norm(right)
            value = (left.T @ matrix @ right.T).item()
            return (matrix / value).reshape(shape), right, left @ right, value

        for _ in range(60):
            got, moved = session.run(found, {fed: vector})
            normed, right, outer, value = step(vector)
            np.testing.assert_allclose(got, normed, rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(moved, right, rtol=1e-4, atol=1e-5)
            slope = 3 * normed.reshape(matrix.shape) ** 2
            by_hand = slope / value - (slope * matrix).sum() / value**2 * outer
            np.testing.assert_allclose(
                session.run(gradient, {fed: vector}), by_hand.reshape(shape), rtol=1e-3, atol=1e-3
            )
            vector = moved
    assert np.linalg.norm(got.reshape(matrix.shape), 2) == pytest.approx(1, rel=1e-3)
