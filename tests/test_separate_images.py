"""One backward pass through the discriminator for both losses, against one for each."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from vanilla_gan.errors import PluginError
from vanilla_gan.graph.gan import build_gan, owned_variables
from vanilla_gan.graph.layers import batch_norm, dense
from vanilla_gan.graph.losses import LABELLED
from vanilla_gan.graph.losses import LOSSES as LOSS_TABLE
from vanilla_gan.graph.objective import objective
from vanilla_gan.graph.passes import Batch, forward
from vanilla_gan.graph.separate_images import gradients_of_separate_images
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.settings import LOSSES, RunConfig
from vanilla_gan.systems import SYSTEMS

CONV = SYSTEMS["conv"]
B, Z_DIM = 6, 5


def _both_ways(loss, logit_bias, spread=1):
    """Returns the samples' logits, our gradients, and those of a separate pass for each loss."""
    settings = {"z_dim": Z_DIM, "loss": loss, "seed": 0}
    if loss in LABELLED:
        settings["label_smoothing"] = 0.2
    config = RunConfig(system="conv", **settings).resolved()
    stream = np.random.RandomState(1)
    X = np.float32(stream.uniform(-1, 1, (B, 784)))
    Z = np.float32(stream.normal(size=(B, Z_DIM)))
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(2)
        X, Z = tf.constant(X), tf.constant(Z)
        batch = Batch(X, Z, Z, iteration=tf.constant(3, tf.int64))
        passes = forward(CONV, config, batch, reuse=False)
        goal = objective(CONV, config, passes)
        theta = owned_variables(CONV.theta_D, CONV.theta_G)
        expected = tf.gradients(goal.D_loss, theta[0]) + tf.gradients(goal.G_loss, theta[1])
        got = gradients_of_separate_images(passes, goal, *theta)
        session.run(tf.global_variables_initializer())
        # Larger biases and factors than the initial ones, so that the samples differ.
        for variable in tf.trainable_variables():
            noise = stream.normal(0, 0.03, variable.shape.as_list())
            if variable.op.name == "discriminator/logit/bias":
                noise = logit_bias
            if variable.op.name == "discriminator/logit/kernel":
                noise *= spread
            session.run(variable.assign_add(np.float32(noise)))
        return session.run([passes.D_logit_fake, got[0] + got[1], expected])


def _assert_same(got, expected):
    largest = max(np.abs(theirs).max() for theirs in expected)
    for ours, theirs in zip(got, expected, strict=True):
        # A loss of differences of logits has only a rounding error as the gradient of their bias.
        scale = max(np.abs(theirs).max(), 1e-3 * largest if theirs.shape == (1,) else 0)
        assert scale > 0
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize(
    "loss", [LOSSES[0], *(pytest.param(loss, marks=pytest.mark.slow) for loss in LOSSES[1:])]
)
def test_the_gradients_are_those_of_two_passes(loss):
    logits, got, expected = _both_ways(loss, [0.5])
    assert np.ptp(logits) > 0.2
    assert np.abs(logits).max() < 10  # `log` is NaN from 17 on
    _assert_same(got, expected)


def test_detected_samples_beside_undetected_ones():
    logits, got, expected = _both_ways("sigmoid_cross_entropy", [0.0], spread=100)
    assert logits.min() < -8
    assert logits.max() > 8
    _assert_same(got, expected)


def test_no_sample_of_a_sure_discriminator_is_lost():
    """D_loss's derivative is 0 in float32: that of G_loss, 1 / B, is over 1e38 times as large."""
    logits, got, expected = _both_ways("sigmoid_cross_entropy", [-110.0])
    assert (logits < -100).all()
    _assert_same(got, expected)


def _built(discriminator, **changes):
    system = dataclasses.replace(CONV, discriminator=discriminator, **changes)
    config = RunConfig(system="conv", z_dim=Z_DIM, seed=0).resolved()
    with tf.Graph().as_default():
        build_gan(system, config, 0)


def test_a_program_may_see_the_samples_themselves():
    """Here G's gradients come only from the samples."""

    def brightness(goal, passes):
        return goal._replace(G_loss=0.0 * goal.G_loss + tf.reduce_mean(passes.G_sample))

    system = dataclasses.replace(CONV, objective=brightness)
    config = RunConfig(system="conv", z_dim=Z_DIM, seed=0).resolved()
    with tf.Graph().as_default(), tf.Session() as session:
        gan = build_gan(system, config, 0)
        session.run(gan.init)
        Z = np.random.RandomState(1).normal(size=(B, Z_DIM))
        feeds = {gan.X: np.zeros((B, 784)), gan.Z: Z, gan.iteration: 0}
        before, _, after = (
            session.run(fetched, feeds) for fetched in (gan.theta_G, gan.G_solver, gan.theta_G)
        )
    assert any((one != other).any() for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("ignored", ["D_logit_real", "D_logit_fake"])
def test_a_plug_ins_loss_of_d_may_ignore_one_of_the_logits(monkeypatch, ignored):
    def one_sided(D_logit_real, D_logit_fake, real_label=1.0):
        goal = LOSS_TABLE["wgan"](D_logit_real, D_logit_fake)
        logit = D_logit_fake if ignored == "D_logit_real" else -D_logit_real
        return goal._replace(D_loss=tf.reduce_mean(tf.nn.softplus(logit)))

    monkeypatch.setitem(LOSS_TABLE, "hinge", one_sided)
    _, got, expected = _both_ways("hinge", [0.5])
    _assert_same(got, expected)


def test_a_discriminator_that_mixes_images_is_refused():
    def discriminator(x, config, y, training):
        h = batch_norm(dense(x, 3, "hidden", config.init, training), "norm", training)
        logit = dense(h, 1, "logit", config.init, training)
        return tf.sigmoid(logit), logit

    theta_D = ("hidden/kernel", "hidden/bias", "norm/gamma", "norm/beta")
    theta_D += ("logit/kernel", "logit/bias")
    with pytest.raises(PluginError, match="has a batch norm, which mixes images; give"):
        _built(discriminator, theta_of=None, theta_D=theta_D)
    _built(discriminator, theta_of=None, theta_D=theta_D, separate_images=False)
