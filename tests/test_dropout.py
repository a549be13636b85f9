"""Dropout: what is dropped, what becomes of the rest, and what the next layer makes of both."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from numpy_layers import convolved
from one_layer import training_pass

from vanilla_gan.errors import UsageError
from vanilla_gan.graph.dropout import Scaled, dropout
from vanilla_gan.graph.gan import build_gan
from vanilla_gan.graph.layers import conv2d, dense, flatten
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS

RATE = 0.3
X = np.ones((37, 41), np.float32) * 3


def build_dropout(x, iteration, *, name="dropout", step="real", seed=5, rate=RATE):
    """Returns what dropout makes of `x`, as one tensor."""
    y = dropout(x, rate, name, training_pass(x, iteration, step, seed))
    return y.values * y.factor if isinstance(y, Scaled) else y


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


@pytest.mark.parametrize("rate", [0.1, RATE, 0.7])
@pytest.mark.parametrize("columns", [512, 511])
def test_values_are_dropped_independently_of_one_another(layer, columns, rate):
    """Values half the layer apart share random words; values a quarter apart share bytes."""
    got = layer(lambda x, it: build_dropout(x, it, rate=rate), [None, columns])
    dropped = (got.run(got.built, np.ones((512, columns), np.float32)) == 0).ravel()
    quarter = (dropped.size + 3) // 4
    assert abs(dropped.mean() - rate) < 5 * (rate * (1 - rate) / dropped.size) ** 0.5
    both = rate**2 + (1 - rate) ** 2
    for shift in (1, 2, columns, *(n * quarter + d for n in (1, 2, 3) for d in (-1, 0, 1))):
        agree = (dropped[shift:] == dropped[:-shift]).mean()
        assert abs(agree - both) < 5 * (both * (1 - both) / (dropped.size - shift)) ** 0.5


def test_a_rate_just_below_one_drops_nearly_all(layer):
    got = layer(lambda x, it: build_dropout(x, it, rate=1 - 2**-20), [None, 1024])
    out = got.run(got.built, np.ones((1024, 1024), np.float32))
    # One value in 2**16 is kept: 16 of them, give or take five standard deviations.
    assert 0 < (out != 0).sum() < 36
    np.testing.assert_allclose(out[out != 0], 2**20)


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
        return y, tf.gradients(y, x)[0]

    got = layer(build, [None, 41])
    y, gradient = got.run(got.built, X)
    np.testing.assert_allclose(gradient, np.where(y == 0, 0, 1 / 0.7), rtol=1e-6)


# --- in bfloat16


@pytest.mark.parametrize("shape", [(37, 5, 42), (37, 41)], ids=["in pairs", "one by one"])
def test_in_bfloat16_the_same_values_are_dropped_and_the_others_kept_as_they_are(layer, shape):
    def build(x, iteration):
        rounded = tf.cast(x, tf.bfloat16)
        y = dropout(rounded, RATE, "dropout", training_pass(x, iteration, "real", 5))
        # Different factors, so that the gradient is not the same everywhere.
        (gradient,) = tf.gradients(y.values, rounded, grad_ys=[rounded + 1])
        assert y.values.dtype == tf.bfloat16
        assert y.factor == pytest.approx(1 / 0.7)
        return build_dropout(x, iteration), y.values, rounded, gradient

    got = layer(build, [None, *shape[1:]])
    x = np.random.RandomState(0).normal(size=shape).astype(np.float32)
    exact, *rest = got.run(got.built, x)
    values, rounded, gradient = (np.float32(value) for value in rest)
    assert 0.6 < (exact != 0).mean() < 0.8
    np.testing.assert_array_equal(values, np.where(exact != 0, rounded, 0))
    one_more = np.float32(np.asarray(rounded + 1, rest[0].dtype))
    np.testing.assert_array_equal(gradient, np.where(exact != 0, one_more, 0))


def test_in_bfloat16_a_penalty_goes_back_through_the_gradient(layer):
    def build(x, iteration):
        rounded = tf.cast(x, tf.bfloat16)
        factor = tf.constant(2.0, tf.bfloat16)
        y = dropout(rounded, RATE, "dropout", training_pass(x, iteration, "real", 5))
        (slope,) = tf.gradients(y.values * factor, rounded)
        (second,) = tf.gradients(slope, factor)
        return y.values, tf.constant(np.nan) if second is None else tf.cast(second, tf.float32)

    got = layer(build, [None, 6])
    values, second = got.run(got.built, np.ones((9, 6), np.float32))
    assert second == (np.float32(values) != 0).sum()


# --- the next layer


@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
def test_dense_after_flatten_takes_the_factor(layer, training):
    def build(x, iteration):
        step = training_pass(x, iteration, "real", 5) if training else None
        y = dense(flatten(dropout(x, RATE, "dropout", step)), 3, "next", "xavier", step)
        dropped = build_dropout(x, iteration) if training else x
        return dropped, y, tf.gradients(y, [x, *tf.trainable_variables()])

    got = layer(build, [None, 4, 5])
    x = np.random.RandomState(0).normal(size=(11, 4, 5)).astype(np.float32)
    dropped, y, (dx, dkernel, dbias) = got.run(got.built, x)
    h, kernel = dropped.reshape(11, 20), got.set_to["next/kernel"]
    np.testing.assert_allclose(y, h @ kernel + got.set_to["next/bias"], rtol=1e-5)
    np.testing.assert_allclose(dx, dropped / x * kernel.sum(axis=1).reshape(4, 5), rtol=1e-5)
    expected = np.repeat(h.sum(axis=0)[:, None], 3, axis=1)
    np.testing.assert_allclose(dkernel, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(dbias, np.full(3, 11))


def test_conv2d_takes_the_factor(layer):
    def build(x, iteration):
        step = training_pass(x, iteration, "real", 5)
        y = conv2d(dropout(x, RATE, "dropout", step), 3, 5, "next", "xavier", step, stride=2)
        return build_dropout(x, iteration), y

    got = layer(build, [None, 9, 6, 2])
    x = np.random.RandomState(0).normal(size=(3, 9, 6, 2)).astype(np.float32)
    dropped, y = got.run(got.built, x)
    expected = convolved(dropped, got.set_to["next/kernel"], 2) + got.set_to["next/bias"]
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


# --- the discriminator of a system


@pytest.mark.parametrize(
    "system",
    [
        pytest.param(name, marks=[] if name in ("layers", "conditional") else pytest.mark.slow)
        for name in SYSTEMS
        if "D_dropout" in SYSTEMS[name].defaults
    ],
)
def test_dropout_of_the_discriminator_is_only_for_training(system):
    """Compares its logits with NumPy's, given each hidden layer's mask; inference drops nothing."""
    B, rate, sizes, slope = 7, 0.4, (7, 6), {"layers": 0.2}.get(system, 0.0)
    config = RunConfig(system=system, h_dim=sizes, seed=3, D_dropout=rate).resolved()
    stream = np.random.RandomState(2)
    X, y = np.float32(stream.rand(B, 784)), np.eye(10, dtype=np.float32)[np.arange(B) % 10]
    scope = "dis" if system == "layers" else ""
    names = ("dense", "dense_1") if scope else ("h1", "h2")
    with tf.Graph().as_default(), tf.Session() as session:
        gan = build_gan(SYSTEMS[system], config, 3)
        with tf.variable_scope(scope) if scope else contextlib.nullcontext():
            kept = [
                build_dropout(tf.ones([B, n]), gan.iteration, name=name, seed=3, rate=rate)
                for n, name in zip(sizes, names, strict=True)
            ]
        session.run(gan.init)
        feeds = {gan.X: X, gan.Z: np.zeros((B, config.z_dim)), gan.y: y, gan.iteration: 5}
        feeds.pop(None, None)
        theta, masks, trained = session.run([gan.theta_D, kept, gan.D_logit_real], feeds)
        feeds.pop(gan.iteration)
        inferred = session.run(gan.D_logit, feeds)
    theta = dict(zip(SYSTEMS[system].theta(config)[0], theta, strict=True))
    parts = list(theta.values()) if scope else [theta[f"D_{k}{n}"] for n in (1, 2, 3) for k in "Wb"]
    assert {*np.unique(masks[0].round(4))} == {0.0, np.float32(1 / 0.6).round(4)}
    for got, factors in ((trained, masks), (inferred, (1.0, 1.0))):
        h = np.hstack([X, y]) if system == "conditional" else X
        for (W, b), factor in zip(
            zip(parts[0:4:2], parts[1:4:2], strict=True), factors, strict=True
        ):
            h = h @ W + b
            h = np.maximum(h, slope * h) * factor
        np.testing.assert_allclose(got, h @ parts[4] + parts[5], rtol=1e-4, atol=1e-5)
    assert np.abs(trained - inferred).max() > 0.01


def test_a_system_with_its_own_dropout_says_so():
    with pytest.raises(UsageError, match="D_dropout does not apply to --system conv"):
        RunConfig(system="conv", D_dropout=0.5).resolved()
