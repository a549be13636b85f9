"""Tests of the losses: values and gradients against their formulas in float64."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from numpy_layers import sigmoid

from vanilla_gan.errors import UsageError
from vanilla_gan.graph.losses import LABELLED, LOSSES
from vanilla_gan.settings import RunConfig

tf1 = tf.compat.v1

STREAM = np.random.RandomState(4)
# Logits as a fairly good discriminator gives them, for 11 real images and 11 samples.
REAL = np.float32(STREAM.normal(2, 2, (11, 1)))
FAKE = np.float32(STREAM.normal(-2, 2, (11, 1)))


def by_hand(name, real, fake, label=1.0):
    """Returns D_loss, G_loss as the papers write them, in float64."""
    real, fake = np.float64(real), np.float64(fake)
    if name in ("lsgan", "hinge", "wgan", "relativistic"):
        return {
            "lsgan": (
                ((real - label) ** 2).mean() / 2 + (fake**2).mean() / 2,
                ((fake - 1) ** 2).mean() / 2,
            ),
            "hinge": (
                np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean(),
                -fake.mean(),
            ),
            "wgan": (fake.mean() - real.mean(), -fake.mean()),
            "relativistic": (
                -np.log(sigmoid(real - fake)).mean(),
                -np.log(sigmoid(fake - real)).mean(),
            ),
        }[name]
    D_real, D_fake = sigmoid(real), sigmoid(fake)
    above = 1e-8 if name == "log_epsilon" else 0.0
    log_real = label * np.log(D_real + above) + (1 - label) * np.log1p(above - D_real)
    D_loss = -np.mean(log_real) - np.mean(np.log1p(above - D_fake))
    G_loss = {
        "sigmoid_cross_entropy": -np.mean(np.log(D_fake)),
        "log": -np.mean(np.log(D_fake)),
        "log_epsilon": -np.mean(np.log(D_fake + above)),
        "minimax": np.mean(np.log1p(-D_fake)),
    }[name]
    return D_loss, G_loss


def gradients_by_hand(name, real, fake, label=1.0):
    """Returns dD_loss/dreal, dD_loss/dfake, dG_loss/dfake: the derivatives of log sigmoid."""
    n = len(real)
    pull = sigmoid(fake - real) / n
    others = {
        "lsgan": ((real - label) / n, fake / n, (fake - 1) / n),
        "hinge": ((real < 1.0) / -n, (fake > -1.0) / n, np.full((n, 1), -1 / n)),
        "wgan": tuple(np.full((n, 1), sign / n) for sign in (-1, 1, -1)),
        "relativistic": (-pull, pull, -sigmoid(real - fake) / n),
    }
    if name in others:
        return others[name]
    D_real, D_fake = sigmoid(real), sigmoid(fake)
    of_G = -D_fake / n if name == "minimax" else (D_fake - 1) / n
    return (D_real - label) / n, D_fake / n, of_G


def run(name, real, fake, *args):
    """Returns the losses, their gradients in the order of `gradients_by_hand`, and their names."""
    with tf.Graph().as_default(), tf1.Session() as session:
        real, fake = tf.constant(real, tf.float32), tf.constant(fake, tf.float32)
        losses = LOSSES[name](real, fake, *args)
        gradients = tf1.gradients(losses.D_loss, [real, fake])
        gradients += tf1.gradients(losses.G_loss, fake)
        names = [loss.op.name for loss in losses[:2]]
        return session.run(list(losses[:2])), session.run(gradients), names


@pytest.mark.parametrize("name", LOSSES)
def test_values(name):
    got, _, names = run(name, REAL, FAKE)
    # The sigmoid in `log` is exact to 1.4e-7; the logarithm of a small value enlarges that error.
    rtol = 1e-5 if name.startswith("log") else 1e-6
    np.testing.assert_allclose(got, by_hand(name, REAL, FAKE), rtol=rtol)
    assert names == ["D_loss", "G_loss"]
    assert [loss.shape for loss in got] == [(), ()]


@pytest.mark.parametrize("name", LOSSES)
def test_gradients(name):
    _, got, _ = run(name, REAL, FAKE)
    for gradient, expected in zip(got, gradients_by_hand(name, REAL, FAKE), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=3e-8)


@pytest.mark.parametrize("name", LABELLED)
def test_smoothed_labels(name):
    got, gradients, _ = run(name, REAL, FAKE, 0.9)
    rtol = 1e-5 if name.startswith("log") else 1e-6
    np.testing.assert_allclose(got, by_hand(name, REAL, FAKE, 0.9), rtol=rtol)
    for gradient, expected in zip(gradients, gradients_by_hand(name, REAL, FAKE, 0.9), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=6e-8)


def test_the_epsilon_keeps_logarithms_finite():
    sure = np.full((3, 1), -200.0)
    (D_loss, G_loss), gradients, _ = run("log_epsilon", sure, -sure)
    np.testing.assert_allclose((D_loss, G_loss), (-2 * np.log(1e-8), 0.0), atol=1e-6)
    assert np.isfinite(gradients).all()


def test_losses_without_labels_smooth_none():
    for name in LOSSES.keys() - {*LABELLED}:
        assert run(name, REAL, FAKE, 0.5)[0] == run(name, REAL, FAKE)[0]
        # A system's default smoothing is dropped; smoothing that somebody asks for is refused.
        assert RunConfig(system="layers", loss=name).resolved().label_smoothing == 0.0
        with pytest.raises(UsageError, match=f"label_smoothing does not apply to --loss {name}"):
            RunConfig(loss=name, label_smoothing=0.1).resolved()


def test_the_saturating_loss_saturates():
    # D is sure that the samples are fake: only the non-saturating form still has a gradient.
    fake = np.full((5, 1), -12.0)
    _, (_, _, minimax), _ = run("minimax", fake, fake)
    _, (_, _, cross), _ = run("sigmoid_cross_entropy", fake, fake)
    assert np.abs(minimax).max() < 1e-5
    assert np.abs(cross).min() > 0.19


@pytest.mark.parametrize("name", ["sigmoid_cross_entropy", "minimax"])
def test_stable_for_any_logit(name):
    real, fake = np.float32([[90], [-90], [1e30]]), np.float32([[-90], [90], [-1e30]])
    losses, gradients, _ = run(name, real, fake)
    # In float32, softplus(90) is 90: one of three logits is on the wrong side by 90.
    sign = {"sigmoid_cross_entropy": (90 + 1e30) / 3, "minimax": -90 / 3}[name]
    np.testing.assert_allclose(losses, [60, sign], rtol=1e-6)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_the_log_form_ends_where_the_published_one_does():
    sure = np.full((4, 1), -18.0)
    (D_loss, G_loss), (_, _, of_G), _ = run("log", -sure, sure)
    assert D_loss == 0
    assert G_loss == np.inf
    assert np.isnan(of_G).all()
