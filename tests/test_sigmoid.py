"""Tests of TensorFlow 1.x's sigmoid, against its rational function evaluated by numpy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from vanilla_gan.graph.sigmoid import sigmoid_tf1

tf1 = tf.compat.v1

# sigmoid(x) = 1/2 + x A(x^2) / B(x^2), the published fit on [-18, 18]; lowest power first,
# the reverse of the order in the module.
A = (
    "2.48287947061529e-01 8.51377133304701e-03 6.08574864600143e-05 1.15627324459942e-07 "
    "4.37031012579801e-11"
)
B = (
    "9.93151921023180e-01 1.16817656904453e-01 1.70198817374094e-03 6.29106785017040e-06 "
    "5.76102136993427e-09 6.10247389755681e-13"
)


def values(x):
    with tf.Graph().as_default(), tf1.Session() as session:
        return session.run(sigmoid_tf1(tf.constant(x, tf.float32)))


def gradients(x):
    with tf.Graph().as_default(), tf1.Session() as session:
        logits = tf.constant(x, tf.float32)
        return session.run(tf1.gradients(sigmoid_tf1(logits), logits)[0])


def test_rounds_as_float32_arithmetic_does_step_by_step():
    x = np.float32(np.random.RandomState(0).uniform(-20, 20, 10_007))
    clipped = np.clip(x, np.float32(-18), np.float32(18))
    square = clipped * clipped
    p, q = (np.full_like(x, c) for c in (A.split()[-1], B.split()[-1]))
    for c in A.split()[-2::-1]:
        p = p * square + np.float32(c)
    for c in B.split()[-2::-1]:
        q = q * square + np.float32(c)
    expected = np.clip(p * clipped / q + np.float32(0.5), 0, 1)
    got = values(x)
    # A compiler may contract a product and a sum into one operation, which rounds once less.
    np.testing.assert_allclose(got, expected, rtol=0, atol=6e-8)
    assert (got == expected).mean() > 0.5


def test_is_the_sigmoid_to_float32():
    x = np.float32(np.linspace(-18, 18, 7001))
    exact = 1 / (1 + np.exp(-np.float64(x)))
    np.testing.assert_allclose(values(x), exact, rtol=0, atol=2e-7)


@pytest.mark.parametrize("x", [-18, -19, -100, -3e38, -np.inf])
def test_is_exactly_0_where_the_discriminator_is_sure(x):
    assert values([x]).tolist() == [0.0]


@pytest.mark.parametrize("x", [18, 100, np.inf])
def test_is_exactly_1_on_the_other_side(x):
    assert values([x]).tolist() == [1.0]


def test_is_above_0_as_long_as_the_discriminator_may_err():
    assert (values(np.linspace(-15.5, 0, 1001)) > 0).all()


def test_nan_stays_nan():
    assert np.isnan(values([np.nan])).all()


def test_gradient_is_that_of_its_own_value():
    x = np.float32([-17, -9.3, -2, 0, 0.7, 11, 30])
    y = values(x)
    np.testing.assert_allclose(gradients(x), y * (1 - y), rtol=1e-6, atol=0)
    # So it is 0 beyond the clipping too, unlike the derivative of the fit.
    assert gradients(np.float32([-17.5, -25])).tolist() == [0.0, 0.0]


def test_gradient_is_chained():
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf.constant([[0.5], [-1.25], [2.0]])
        weights = tf.constant([[2.0], [-3.0], [0.5]])
        got = session.run(tf1.gradients(tf.reduce_sum(weights * sigmoid_tf1(x)), x)[0])
    s = 1 / (1 + np.exp(-np.array([[0.5], [-1.25], [2.0]])))
    np.testing.assert_allclose(got, np.array([[2], [-3], [0.5]]) * s * (1 - s), rtol=1e-5)


def test_shape_is_kept():
    assert values(np.zeros((3, 1))).shape == (3, 1)
    assert values(np.zeros((0, 1))).shape == (0, 1)
