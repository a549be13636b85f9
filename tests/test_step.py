"""Joint updates against NumPy, on a system small enough to differentiate by hand."""

from __future__ import annotations

import contextlib
import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from numpy_layers import sigmoid

from vanilla_gan.data.dataset import DataSet, unit_scale
from vanilla_gan.engines.feed import FeedEngine
from vanilla_gan.engines.in_graph import LoopEngine
from vanilla_gan.engines.stream import StepsDraw
from vanilla_gan.graph.gan import build_gan
from vanilla_gan.graph.loop import build_loop
from vanilla_gan.graph.system import System
from vanilla_gan.graph.tf1 import tf as tf1
from vanilla_gan.graph.variables import statistic_var, weight_var
from vanilla_gan.graph.weights import assign_weights
from vanilla_gan.settings import ENGINES, RunConfig
from vanilla_gan.systems import noise

Z_DIM, B, N = 5, 7, 23
RATE, BETA1, BETA2, EPSILON = 0.01, 0.9, 0.999, 1e-4


def generator(z, config, training):
    """Returns `z W`, and counts the training passes in a variable."""
    W = weight_var([config.z_dim, 784], "G_W", config.init)
    passes = statistic_var([], "passes", 0.0)
    if training is not None:
        training.updates.append(passes.assign_add(1.0).op)
    return tf1.matmul(z, W)


def discriminator(x, config, training):
    """Returns `x W` as the logit; training adds the iteration to it."""
    W = weight_var([784, 1], "D_W", config.init)
    logit = tf1.matmul(x, W)
    if training is not None:
        logit += tf.cast(training.iteration, tf.float32) / 8
    return tf1.sigmoid(logit), logit


TOY = System(
    source="this test",
    defaults={},
    generator=generator,
    discriminator=discriminator,
    theta_G=("G_W",),
    theta_D=("D_W",),
    sample_Z=noise.uniform,
    scale=unit_scale,
    shared_noise=True,
    joint_updates=True,
    two_modes=True,
)


class Toy:
    """The toy system in a session, with both engines and random data."""

    def __init__(self):
        settings = {"learning_rate": RATE, "adam_epsilon": EPSILON, "label_smoothing": 0.0}
        config = RunConfig(z_dim=Z_DIM, seed=0, **settings)
        stream = np.random.RandomState(1)
        images = stream.randint(0, 256, (N, 784)).astype(np.uint8)
        self.weights = {
            "G_W": np.float32(stream.normal(0, 0.3, (Z_DIM, 784))),
            "D_W": np.float32(stream.normal(0, 0.1, (784, 1))),
        }
        self.rows = stream.randint(0, N, (3, B))
        self.X = images[self.rows] * np.float32(1 / 255)
        self.Z = np.float32(stream.uniform(-1, 1, (3, B, Z_DIM)))
        with tf.Graph().as_default() as graph:
            self.gan = build_gan(TOY, config, 0)
            loop = build_loop(TOY, config, self.gan, images.shape)
            self.variables = {v.op.name: v for v in tf1.global_variables()}
        self.session = tf1.Session(graph=graph)
        self.session.run(self.gan.init)
        variables = [self.variables[name] for name in self.weights]
        assign_weights(self.session, variables, self.weights)
        data = DataSet(images, np.zeros(N, np.uint8), None)
        self.engines = {
            "feed": FeedEngine(self.session, self.gan, data),
            "loop": LoopEngine(self.session, loop, data),
        }

    def draw(self, first):
        return StepsDraw(first, self.rows, self.Z, self.Z, {})

    def values(self):
        return self.session.run(self.variables)


@pytest.fixture
def toy():
    made = Toy()
    with contextlib.closing(made.session):
        yield made


def numpy_steps(toy, first):
    """Returns losses and weights of three iterations in float64, gradients derived by hand."""
    weights = {name: np.float64(value) for name, value in toy.weights.items()}
    m = dict.fromkeys(weights, 0.0)
    v = dict.fromkeys(weights, 0.0)
    losses = []
    for t, (X, Z) in enumerate(zip(toy.X, toy.Z, strict=True), start=1):
        G_W, D_W = weights["G_W"], weights["D_W"]
        shift = (first + t - 1) / 8
        G = Z @ G_W
        real, fake = X @ D_W + shift, G @ D_W + shift
        D_loss = -np.log(sigmoid(real)).mean() - np.log(1 - sigmoid(fake)).mean()
        losses.append([D_loss, -np.log(sigmoid(fake)).mean()])
        # d loss / d logit, then the product rule: both from the weights before any update.
        d_real, d_fake, g_fake = (
            (sigmoid(real) - 1) / B,
            sigmoid(fake) / B,
            (sigmoid(fake) - 1) / B,
        )
        gradients = {"D_W": X.T @ d_real + G.T @ d_fake, "G_W": Z.T @ (g_fake @ D_W.T)}
        alpha = RATE * np.sqrt(1 - BETA2**t) / (1 - BETA1**t)
        for name, gradient in gradients.items():
            m[name] = BETA1 * m[name] + (1 - BETA1) * gradient
            v[name] = BETA2 * v[name] + (1 - BETA2) * gradient**2
            weights[name] = weights[name] - alpha * m[name] / (np.sqrt(v[name]) + EPSILON)
    return np.array(losses), weights


@pytest.mark.parametrize("engine", ENGINES)
def test_joint_updates_are_what_numpy_computes(toy, engine):
    losses, weights = numpy_steps(toy, first=3)
    block = toy.engines[engine].train(toy.draw(3))
    np.testing.assert_allclose(block.D_loss, losses[:, 0], rtol=1e-5)
    np.testing.assert_allclose(block.G_loss, losses[:, 1], rtol=1e-5)
    values = toy.values()
    for name, expected in weights.items():
        # Three iterations move a weight by up to 3e-2.
        np.testing.assert_allclose(values[name], expected, rtol=0, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_updates_of_a_pass_run_once_an_iteration(toy, engine):
    toy.engines[engine].train(toy.draw(0))
    assert toy.values()["passes"] == 3


def test_inference_runs_no_updates_and_needs_no_iteration(toy):
    samples, logits = toy.session.run(
        [toy.gan.G_sample, toy.gan.D_logit], {toy.gan.Z: toy.Z[0], toy.gan.X: toy.X[0]}
    )
    np.testing.assert_allclose(samples, toy.Z[0] @ toy.weights["G_W"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(logits, toy.X[0] @ toy.weights["D_W"], rtol=1e-4, atol=1e-6)
    assert toy.values()["passes"] == 0


@pytest.mark.parametrize("solver", ["D_solver", "G_solver"])
def test_a_solver_leaves_the_other_network_bit_identical(toy, solver):
    feeds = {toy.gan.X: toy.X[0], toy.gan.Z: toy.Z[0], toy.gan.iteration: 0}
    toy.session.run(getattr(toy.gan, solver), feeds)
    own, other = ("D_W", "G_W") if solver == "D_solver" else ("G_W", "D_W")
    values = toy.values()
    assert not np.array_equal(values[own], toy.weights[own])
    np.testing.assert_array_equal(values[other], toy.weights[other])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"joint_updates": False}, "two_modes needs joint_updates"),
        ({"shared_noise": False}, "joint_updates needs shared_noise"),
        ({"separate_images": True, "two_modes": False}, "separate_images needs two_modes"),
        ({"last_picture": True}, "last_picture needs fixed_picture_noise"),
    ],
    ids=["two_modes", "joint_updates", "separate_images", "last_picture"],
)
def test_attributes_that_do_not_go_together(change, said):
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(TOY, **change)
