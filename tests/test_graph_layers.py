"""Tests of the layers against NumPy, at odd sizes that expose a transpose or a shifted border."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from bfloat16 import needs_bfloat16
from numpy_layers import convolved, leaky, spread
from one_layer import training_pass

from vanilla_gan.graph.layers import (
    batch_norm,
    conv2d,
    conv2d_transpose,
    dense,
    flatten,
    leaky_relu,
)
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.together import Together, weighted


def normal(*shape, seed=2):
    return np.float32(np.random.RandomState(seed).normal(3.0, 2.0, shape))


# --- dense and flatten


def test_dense_without_bias_is_a_product(layer):
    got = layer(lambda x, it: dense(x, 5, "d", bias=False), [None, 7])
    x = normal(3, 7)
    assert got.variables.keys() == {"d/kernel"}
    np.testing.assert_allclose(got.run(got.built, x), x @ got.set_to["d/kernel"], rtol=1e-5)


def build_rounded(build):
    """Returns a function that builds a bfloat16 layer in training, with its weights' gradients."""

    def built(x, iteration):
        y = build(x, training_pass(x, iteration, bfloat16=True))
        weights = tf.trainable_variables()
        return y, dict(zip([v.op.name for v in weights], tf.gradients(y, weights), strict=True))

    return built


@needs_bfloat16
@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (lambda x, training: dense(x, 3, "c", "xavier", training), (6272, 7)),
        (lambda x, training: conv2d(x, 3, 5, "c", "xavier", training), (128, 7, 7, 2)),
    ],
    ids=["dense", "conv2d"],
)
def test_in_bfloat16_products_are_rounded_and_the_gradient_of_a_bias_is_not(layer, build, shape):
    got = layer(build_rounded(build), [None, *shape[1:]])
    y, gradients = got.run(got.built, normal(*shape))
    assert y.dtype == tf.bfloat16.as_numpy_dtype
    # Each of 6,272 places adds 1. In bfloat16, 256 + 1 is 256.
    np.testing.assert_allclose(gradients["c/bias"], 6272, rtol=2**-8)
    assert {gradient.dtype for gradient in gradients.values()} == {np.dtype(np.float32)}


def test_flatten_keeps_the_order_of_memory(layer):
    got = layer(lambda x, it: flatten(x), [None, 3, 5, 2])
    x = normal(7, 3, 5, 2)
    np.testing.assert_array_equal(got.run(got.built, x), x.reshape(7, 30))
    assert got.built.shape.as_list() == [None, 30]


# --- leaky ReLU


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_leaky_relu_and_its_gradient(layer, training):
    def build(x, iteration):
        y = leaky_relu(x, 0.3, training_pass(x, iteration) if training else None)
        # A factor for each place, so that the gradient is not the same everywhere.
        return y, tf.gradients(y * tf.stop_gradient(x + 5), x)[0]

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
def test_the_normal_form_scales_with_input_channels(layer, build):
    got = layer(lambda x, it: build(x, 64, 5, "c", "xavier_normal"), [None, 4, 4, 32])
    # 51,200 draws: five standard errors are 1.6%.
    assert got.initial["c/kernel"].std() == pytest.approx((25 * 32 / 2) ** -0.5, rel=0.016)


# --- batch normalisation

SHAPES = [(13, 7), (5, 3, 4, 7)]


def build_norm(training):
    def build(x, iteration):
        if not training:
            return batch_norm(x, "bn", None), []
        step = training_pass(x, iteration)
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
def test_batch_norm_of_pieces_is_that_of_the_batch(layer, shape):
    """The layer, its gradients and its moving averages, with pieces of different sizes."""
    sizes = [shape[0] - 4, 2, 2]

    def loss_gradients(x, y):
        loss = tf.reduce_mean(tf.square(y) * tf.sin(x))
        return tf.gradients(loss, [x, *tf.trainable_variables()])

    def build(x, iteration):
        whole = batch_norm(x, "bn", training_pass(x, iteration))
        shares = [size / shape[0] for size in sizes]
        together, step, outs, gradients = Together(3), training_pass(x, iteration), [], []
        for k, piece in enumerate(tf.split(x, sizes)):
            own = dataclasses.replace(step, over_batch=together.over_batch(k), tower=k)
            with tf.variable_scope(tf.get_variable_scope(), reuse=True):
                outs.append(batch_norm(piece, "bn", own))
            by_piece, *by_weights = loss_gradients(piece, outs[-1])
            gradients.append([by_piece * shares[k], *by_weights])
        together.settle(shares)
        by_pieces, *by_weights = zip(*gradients, strict=True)
        found = [tf.concat(outs, 0), tf.concat(by_pieces, 0)]
        found += [weighted(parts, shares) for parts in by_weights]
        return found, [whole, *loss_gradients(x, whole)], step.updates

    got, x = layer(build, [None, *shape[1:]]), normal(*shape)
    found, expected, updates = got.built
    for ours, theirs in zip(*got.run([found, expected], x), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    got.run(updates, x)
    flat = np.float64(x).reshape(-1, 7)
    for name, value in (("mean", flat.mean(axis=0)), ("variance", flat.var(axis=0))):
        moving = 0.99 * got.set_to[f"bn/moving_{name}"] + 0.01 * value
        np.testing.assert_allclose(got.values()[f"bn/moving_{name}"], moving, rtol=1e-6)


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
        with tf.variable_scope(tf.get_variable_scope(), reuse=True):
            return trained, updates, batch_norm(x, "bn", None)

    got = layer(build, [None, 7])
    assert len(got.variables) == 4
    _, updates, inference = got.built
    x = normal(13, 7)
    before = got.run(inference, x)
    got.run(updates, x)
    assert np.abs(got.run(inference, x) - before).min() > 1e-4
