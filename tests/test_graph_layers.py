"""Tests of the layers against NumPy, at odd sizes that expose a transpose or a shifted border."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import tensorflow as tf
from numpy_layers import convolved, leaky, spread

from vanilla_gan.graph.layers import (
    batch_norm,
    conv2d,
    conv2d_transpose,
    dense,
    dropout,
    flatten,
    leaky_relu,
)
from vanilla_gan.graph.tf1 import tf as tf1
from vanilla_gan.graph.training_pass import TrainingPass


class Layer:
    """One layer applied to a placeholder, in a session, with random values in its variables."""

    def __init__(self, build, shape, seed=1):
        with tf.Graph().as_default() as graph:
            self.x = tf1.placeholder(tf.float32, shape)
            self.iteration = tf1.placeholder(tf.int64, [])
            self.built = build(self.x, self.iteration)
            self.variables = {v.op.name: v for v in tf1.global_variables()}
            self.trained = {v.op.name for v in tf1.trainable_variables()}
            initial = tf1.global_variables_initializer()
            assign = {v.op.name: v.initializer for v in tf1.global_variables()}
        self.session = tf1.Session(graph=graph)
        self.session.run(initial)
        self.initial = self.values()
        stream = np.random.RandomState(seed)
        self.set_to = {
            # Positive: one of them may be a variance.
            name: np.float32(stream.uniform(0.5, 1.5, v.shape.as_list()))
            for name, v in self.variables.items()
        }
        feeds = {assign[name].inputs[1]: value for name, value in self.set_to.items()}
        self.session.run(list(assign.values()), feed_dict=feeds)

    def run(self, fetches, x, iteration=0):
        return self.session.run(fetches, {self.x: x, self.iteration: iteration})

    def values(self):
        return self.session.run(self.variables)


@pytest.fixture
def layer():
    """Returns a function that makes a Layer, closed behind the test."""
    with contextlib.ExitStack() as stack:

        def make(build, shape):
            made = Layer(build, shape)
            stack.callback(made.session.close)
            return made

        yield make


def normal(*shape, seed=2):
    return np.float32(np.random.RandomState(seed).normal(3.0, 2.0, shape))


# --- dense and flatten


def test_dense_without_bias_is_a_product(layer):
    got = layer(lambda x, it: dense(x, 5, "d", bias=False), [None, 7])
    x = normal(3, 7)
    assert got.variables.keys() == {"d/kernel"}
    np.testing.assert_allclose(got.run(got.built, x), x @ got.set_to["d/kernel"], rtol=1e-5)


def test_flatten_keeps_the_order_of_memory(layer):
    got = layer(lambda x, it: flatten(x), [None, 3, 5, 2])
    x = normal(7, 3, 5, 2)
    np.testing.assert_array_equal(got.run(got.built, x), x.reshape(7, 30))
    assert got.built.shape.as_list() == [None, 30]


# --- leaky ReLU


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_leaky_relu_and_its_gradient(layer, training):
    def build(x, iteration):
        y = leaky_relu(x, 0.3, TrainingPass("pass", 0, iteration) if training else None)
        # A factor for each place, so that the gradient is not the same everywhere.
        return y, tf1.gradients(y * tf1.stop_gradient(x + 5), x)[0]

    got = layer(build, [None, 7])
    x = normal(11, 7) - 3
    x[0, 0] = 0
    y, gradient = got.run(got.built, x)
    assert 0.3 < (x > 0).mean() < 0.7
    np.testing.assert_allclose(y, leaky(x, 0.3), rtol=1e-6)
    np.testing.assert_allclose(gradient, np.where(x > 0, 1, 0.3) * (x + 5), rtol=1e-6)


# --- convolutions


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("window", [3, 5])
def test_conv2d(layer, window, stride):
    got = layer(lambda x, it: conv2d(x, 3, window, "c", stride=stride), [None, 11, 8, 2])
    x = normal(3, 11, 8, 2)
    assert {name: value.shape for name, value in got.set_to.items()} == {
        "c/kernel": (window, window, 2, 3),
        "c/bias": (3,),
    }
    expected = convolved(x, got.set_to["c/kernel"], stride) + got.set_to["c/bias"]
    out = got.run(got.built, x)
    assert out.shape == (3, -(-11 // stride), -(-8 // stride), 3)
    np.testing.assert_allclose(out, expected, rtol=1e-5)


@pytest.mark.parametrize(("window", "stride"), [(3, 1), (5, 1), (5, 2), (3, 2), (5, 3)])
def test_conv2d_transpose(layer, window, stride):
    got = layer(lambda x, it: conv2d_transpose(x, 3, window, "c", stride=stride), [None, 5, 4, 2])
    x = normal(3, 5, 4, 2)
    assert {name: value.shape for name, value in got.set_to.items()} == {
        "c/kernel": (window, window, 3, 2)
    }
    assert got.built.shape.as_list() == [None, 5 * stride, 4 * stride, 3]
    expected = spread(x, got.set_to["c/kernel"], stride)
    np.testing.assert_allclose(got.run(got.built, x), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("build", "bound"),
    [
        (lambda x, it: conv2d(x, 64, 5, "c"), (6 / (25 * (32 + 64))) ** 0.5),
        (lambda x, it: conv2d_transpose(x, 64, 5, "c"), (6 / (25 * (32 + 64))) ** 0.5),
    ],
    ids=["conv2d", "conv2d_transpose"],
)
def test_kernels_are_glorot_uniform(layer, build, bound):
    kernel = layer(build, [None, 4, 4, 32]).initial["c/kernel"]
    assert 0.999 * bound < np.abs(kernel).max() <= bound


@pytest.mark.parametrize("build", [conv2d, conv2d_transpose])
def test_the_normal_form_takes_the_channels_that_come_in(layer, build):
    got = layer(lambda x, it: build(x, 64, 5, "c", "xavier_normal"), [None, 4, 4, 32])
    # 51,200 draws: five standard errors are 1.6%.
    assert got.initial["c/kernel"].std() == pytest.approx((25 * 32 / 2) ** -0.5, rel=0.016)


# --- batch normalisation

SHAPES = [(13, 7), (5, 3, 4, 7)]


def build_norm(training):
    def build(x, iteration):
        if not training:
            return batch_norm(x, "bn", None), []
        step = TrainingPass("pass", 0, iteration)
        return batch_norm(x, "bn", step), step.updates

    return build


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm_in_training(layer, shape):
    got = layer(build_norm(True), [None, *shape[1:]])
    x = normal(*shape)
    out, updates = got.built
    normed, _ = got.run([out, updates], x)
    flat = np.float64(x).reshape(-1, 7)
    # Biased: np.var divides by the number of values.
    mean, variance = flat.mean(axis=0), flat.var(axis=0)
    gamma, beta = got.set_to["bn/gamma"], got.set_to["bn/beta"]
    expected = gamma * (flat - mean) / np.sqrt(variance + 1e-3) + beta
    np.testing.assert_allclose(normed, expected.reshape(shape), rtol=1e-4, atol=1e-5)

    after = got.values()
    moving = 0.99 * got.set_to["bn/moving_mean"] + 0.01 * mean
    np.testing.assert_allclose(after["bn/moving_mean"], moving, rtol=1e-6)
    moving = 0.99 * got.set_to["bn/moving_variance"] + 0.01 * variance
    np.testing.assert_allclose(after["bn/moving_variance"], moving, rtol=1e-6)
    for name in ("bn/gamma", "bn/beta"):
        np.testing.assert_array_equal(after[name], got.set_to[name])


def test_batch_norm_moves_no_average_unless_the_updates_run(layer):
    got = layer(build_norm(True), [None, 7])
    got.run(got.built[0], normal(13, 7))
    for name, value in got.values().items():
        np.testing.assert_array_equal(value, got.set_to[name])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm_in_inference(layer, shape):
    got = layer(build_norm(False), [None, *shape[1:]])
    x = normal(*shape)
    values = {name.removeprefix("bn/"): value for name, value in got.set_to.items()}
    expected = (x - values["moving_mean"]) / np.sqrt(values["moving_variance"] + 1e-3)
    expected = values["gamma"] * expected + values["beta"]
    np.testing.assert_allclose(got.run(got.built[0], x), expected, rtol=1e-4, atol=1e-5)
    assert got.built[1] == []


def test_batch_norm_begins_as_the_identity_and_trains_two_of_four(layer):
    got = layer(build_norm(True), [None, 7])
    assert got.trained == {"bn/gamma", "bn/beta"}
    expected = {"bn/gamma": 1, "bn/beta": 0, "bn/moving_mean": 0, "bn/moving_variance": 1}
    assert got.initial.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(got.initial[name], np.full(7, value, np.float32))


def test_both_modes_share_their_variables(layer):
    def build(x, iteration):
        trained, updates = build_norm(True)(x, iteration)
        with tf1.variable_scope(tf1.get_variable_scope(), reuse=True):
            return trained, updates, batch_norm(x, "bn", None)

    got = layer(build, [None, 7])
    assert len(got.variables) == 4
    _, updates, inference = got.built
    x = normal(13, 7)
    before = got.run(inference, x)
    got.run(updates, x)
    assert np.abs(got.run(inference, x) - before).min() > 1e-4


# --- dropout

RATE = 0.3
X = np.ones((37, 41), np.float32) * 3


def build_dropout(x, iteration, *, name="dropout", step="real", seed=5, rate=RATE):
    return dropout(x, rate, name, TrainingPass(step, seed, iteration))


def test_dropout_zeroes_its_share_and_scales_the_rest(layer):
    got = layer(build_dropout, [None, 41])
    out = got.run(got.built, X)
    dropped = out == 0
    # 1,517 values: five standard deviations of the share are 0.06.
    assert abs(dropped.mean() - RATE) < 5 * (RATE * (1 - RATE) / X.size) ** 0.5
    np.testing.assert_allclose(out[~dropped], 3 / 0.7, rtol=1e-6)
    # No row and no column is dropped as a whole.
    assert not dropped.all(axis=0).any()
    assert not dropped.all(axis=1).any()


@pytest.mark.parametrize("columns", [512, 511])
def test_values_are_dropped_independently_of_one_another(layer, columns):
    """They share random bytes: neighbours in the draws, and those half the layer away."""
    got = layer(build_dropout, [None, columns])
    dropped = (got.run(got.built, np.ones((512, columns), np.float32)) == 0).ravel()
    half = (dropped.size + 1) // 2
    assert abs(dropped.mean() - RATE) < 5 * (RATE * (1 - RATE) / dropped.size) ** 0.5
    both = RATE**2 + (1 - RATE) ** 2
    for shift in (1, 2, columns, half - 1, half, half + 1):
        agree = (dropped[shift:] == dropped[:-shift]).mean()
        assert abs(agree - both) < 5 * (both * (1 - both) / (dropped.size - shift)) ** 0.5


def test_a_rate_just_below_one_drops_nearly_all(layer):
    got = layer(lambda x, it: build_dropout(x, it, rate=1 - 2**-20), [None, 41])
    out = got.run(got.built, X)
    # A value in 2**16 is left, times 2**20.
    assert (out == 0).mean() > 0.99
    assert np.isfinite(out).all()


def test_the_same_iteration_drops_the_same_and_another_does_not(layer):
    got = layer(build_dropout, [None, 41])
    again = layer(build_dropout, [None, 41])
    masks = [got.run(got.built, X, iteration) == 0 for iteration in (0, 1, 2, 2**31)]
    for iteration, mask in zip((0, 1, 2, 2**31), masks, strict=True):
        np.testing.assert_array_equal(again.run(again.built, X, iteration) == 0, mask)
    for one, mask in enumerate(masks):
        for other in masks[:one]:
            # Independent masks agree in 0.3^2 + 0.7^2 = 58% of the places.
            assert 0.5 < (mask == other).mean() < 0.66


@pytest.mark.parametrize(
    "change",
    [{"seed": 6}, {"seed": 2**32 - 1}, {"step": "fake"}, {"name": "dropout1"}],
    ids=["seed", "largest seed", "pass", "layer"],
)
def test_seed_pass_and_layer_decide_what_is_dropped(layer, change):
    got = layer(build_dropout, [None, 41])
    other = layer(lambda x, it: build_dropout(x, it, **change), [None, 41])
    same = (got.run(got.built, X) == 0) == (other.run(other.built, X) == 0)
    assert 0.5 < same.mean() < 0.66


def test_nothing_is_dropped_in_inference_or_at_rate_zero(layer):
    def build(x, iteration):
        return dropout(x, RATE, "a", None), build_dropout(x, iteration, rate=0.0)

    got = layer(build, [None, 41])
    for out in got.run(got.built, X):
        np.testing.assert_array_equal(out, X)


def test_the_gradient_flows_where_nothing_was_dropped(layer):
    def build(x, iteration):
        y = build_dropout(x, iteration)
        return y, tf1.gradients(y, x)[0]

    got = layer(build, [None, 41])
    y, gradient = got.run(got.built, X)
    np.testing.assert_allclose(gradient, np.where(y == 0, 0, 1 / 0.7), rtol=1e-6)
