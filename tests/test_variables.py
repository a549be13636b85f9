"""Weights and biases: their distributions, and that only seed, name and shape decide them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from vanilla_gan.graph.variables import bias_var, weight_var

tf1 = tf.compat.v1

# Odd sizes, far from square: fan-in and fan-out cannot be mistaken for one another.
SHAPE = (801, 197)


def initial(build, seed=0):
    """Returns the initial values, by name, of the variables that `build` makes."""
    with tf.Graph().as_default() as graph:
        tf1.set_random_seed(seed)
        build()
        variables = {variable.op.name: variable for variable in tf1.global_variables()}
        with tf1.Session(graph=graph) as session:
            session.run(tf1.global_variables_initializer())
            return session.run(variables)


def weight(init, seed=0, name="W", shape=SHAPE):
    return initial(lambda: weight_var(shape, name, init), seed)[name]


def test_xavier_is_uniform_between_its_bounds():
    values = weight("xavier")
    bound = math.sqrt(6 / (801 + 197))
    assert values.dtype == np.float32
    assert values.shape == SHAPE
    assert np.abs(values).max() <= bound
    # 157,797 draws come within a few hundred-thousandths of both bounds.
    assert values.max() > 0.999 * bound
    assert values.min() < -0.999 * bound
    # Five standard errors: of the mean, and of the variance bound^2 / 3.
    n = values.size
    assert abs(values.mean()) < 5 * bound / math.sqrt(3 * n)
    assert values.var() == pytest.approx(bound**2 / 3, rel=5 * math.sqrt(0.8 / n))
    # Flat: each tenth of the range has a tenth of the values.
    counts, _ = np.histogram(values, bins=10, range=(-bound, bound))
    assert np.abs(counts - n / 10).max() < 5 * math.sqrt(n / 10)


def test_xavier_normal_is_the_form_of_the_repository():
    values = weight("xavier_normal").astype(np.float64)
    deviation = 1 / math.sqrt(801 / 2)
    n = values.size
    assert abs(values.mean()) < 5 * deviation / math.sqrt(n)
    assert values.std() == pytest.approx(deviation, rel=5 / math.sqrt(2 * n))
    # Not truncated, and normal: shares beyond one, two and three deviations.
    for multiple, share in ((1, 0.3173), (2, 0.0455), (3, 0.0027)):
        found = (np.abs(values) > multiple * deviation).mean()
        assert found == pytest.approx(share, abs=5 * math.sqrt(share / n))


def test_biases_are_zero():
    values = initial(lambda: bias_var([13], "b"))["b"]
    assert values.dtype == np.float32
    assert values.tolist() == [0.0] * 13


@pytest.mark.parametrize("init", ["xavier", "xavier_normal"])
def test_only_seed_name_and_shape_decide(init):
    alone = weight(init, seed=7)

    def among_others():
        tf.random.uniform([3])
        weight_var([5, 5], "V", init)
        tf1.placeholder(tf.float32, [None], name="X")
        weight_var(SHAPE, "W", init)
        tf.random.normal([2])
        weight_var([801, 198], "W2", init)

    np.testing.assert_array_equal(initial(among_others, seed=7)["W"], alone)
    assert not np.array_equal(weight(init, seed=8), alone)
    assert not np.array_equal(weight(init, seed=7, name="V"), alone)


def test_the_scope_is_part_of_the_name():
    def two():
        for scope in ("a", "b"):
            with tf1.variable_scope(scope):
                weight_var([9, 9], "W")

    values = initial(two)
    assert set(values) == {"a/W", "b/W"}
    assert not np.array_equal(values["a/W"], values["b/W"])


def test_variables_can_be_reused_but_not_made_twice():
    with tf.Graph().as_default():
        first = weight_var([3, 2], "W")
        with pytest.raises(ValueError, match="W already exists"):
            weight_var([3, 2], "W")
        with tf1.variable_scope(tf1.get_variable_scope(), reuse=True):
            assert weight_var([3, 2], "W") is first
            with pytest.raises(ValueError, match="b does not exist"):
                bias_var([2], "b")
        assert tf1.global_variables() == [first]


@pytest.mark.parametrize("make", [weight_var, bias_var])
def test_are_trainable_resource_variables(make):
    with tf.Graph().as_default():
        variable = make([4, 3], "V")
        assert variable.handle.dtype == tf.resource
        assert variable.dtype.base_dtype == tf.float32
        assert [v.op.name for v in tf1.trainable_variables()] == ["V"]


def test_an_unknown_form_is_a_programming_error():
    with tf.Graph().as_default(), pytest.raises(KeyError):
        weight_var([3, 3], "W", "he")
