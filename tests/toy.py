"""A system small enough to differentiate by hand, and its training in NumPy."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from numpy_layers import sigmoid

from vanilla_gan.data.dataset import DataSet, unit_scale
from vanilla_gan.engines.feed import FeedEngine
from vanilla_gan.engines.in_graph import LoopEngine
from vanilla_gan.engines.stream import StepsDraw
from vanilla_gan.graph import losses
from vanilla_gan.graph.averages import begin
from vanilla_gan.graph.gan import build_gan
from vanilla_gan.graph.loop import build_loop
from vanilla_gan.graph.system import Alternating, Simultaneous, System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.variables import statistic_var, weight_var
from vanilla_gan.graph.weights import assign_weights
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import noise

Z_DIM, B, N = 5, 7, 23
RATE, BETA1, BETA2, EPSILON = 0.01, 0.9, 0.999, 1e-4


def generator(z, config, y, training):
    """Returns `z W`, and counts the training passes in a variable."""
    W = weight_var([config.z_dim, 784], "G_W", config.init)
    passes = statistic_var([], "passes", 0.0)
    if training is not None:
        training.keep(passes, lambda value: value + 1.0)
    return tf.matmul(z, W)


def discriminator(x, config, y, training):
    """Returns `x W` as the logit; training adds an eighth of the iteration to it."""
    W = weight_var([config.image_shape.size, 1], "D_W", config.init)
    logit = tf.matmul(x, W)
    if training is not None:
        logit += tf.cast(training.iteration, tf.float32) / 8
    return tf.sigmoid(logit), logit


SIMULTANEOUS = System(
    source="this test",
    defaults={},
    generator=generator,
    discriminator=discriminator,
    theta_G=("G_W",),
    theta_D=("D_W",),
    sample_Z=noise.uniform,
    scale=unit_scale,
    update=Simultaneous(),
)
ALTERNATING = dataclasses.replace(SIMULTANEOUS, update=Alternating(shared_noise=True))
TWO_DRAWS = dataclasses.replace(SIMULTANEOUS, update=Alternating())
UPDATES = {
    "simultaneous": SIMULTANEOUS,
    "alternating": ALTERNATING,
    "alternating, two draws": TWO_DRAWS,
    "alternating, in halves": dataclasses.replace(TWO_DRAWS, separate_images=True),
}


def of_cross_entropy(real, fake):
    """Returns D_loss and G_loss, and the derivatives dD/dreal, dD/dfake and dG/dfake."""
    D_loss = np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()
    G_loss = np.logaddexp(0, -fake).mean()
    return (
        D_loss,
        G_loss,
        (sigmoid(real) - 1) / len(real),
        sigmoid(fake) / len(real),
        (sigmoid(fake) - 1) / len(real),
    )


def of_relativistic(real, fake):
    """Returns the same for the relativistic loss."""
    pull = sigmoid(fake - real) / len(real)
    D_loss, G_loss = np.logaddexp(0, fake - real).mean(), np.logaddexp(0, real - fake).mean()
    return D_loss, G_loss, -pull, pull, -sigmoid(real - fake) / len(real)


def watched(D_logit_real, D_logit_fake, real_label=1.0):
    """Returns the default loss, with a watched scalar in each step; that of G depends on images."""
    goal = losses.sigmoid_cross_entropy(D_logit_real, D_logit_fake, real_label)
    difference = tf.reduce_mean(D_logit_real) - tf.reduce_mean(D_logit_fake)
    fooled = tf.reduce_max(D_logit_fake)
    return goal._replace(D_watched={"fooled": fooled}, G_watched={"difference": difference})


LOSSES_HERE = {"watched": watched}
BY_HAND = {"sigmoid_cross_entropy": of_cross_entropy, "relativistic": of_relativistic}


class Toy:
    """The toy system in a session, with both engines and random data."""

    def __init__(self, system=SIMULTANEOUS, loss="sigmoid_cross_entropy", **cures):
        settings = {"learning_rate": RATE, "adam_epsilon": EPSILON, "label_smoothing": 0.0}
        if loss not in LOSSES_HERE:
            settings["loss"] = loss
        config = RunConfig(z_dim=Z_DIM, batch_size=B, seed=0, **settings, **cures)
        self.pack, n = config.pack, B * config.pack
        stream = np.random.RandomState(1)
        images = stream.randint(0, 256, (N, 784)).astype(np.uint8)
        self.weights = {
            "G_W": np.float32(stream.normal(0, 0.3, (Z_DIM, 784))),
            "D_W": np.float32(stream.normal(0, 0.1, (784 * self.pack, 1))),
        }
        self.rows = stream.randint(0, N, (3, n))
        self.X = images[self.rows] * np.float32(1 / 255)
        self.Z, self.Z_G = np.float32(stream.uniform(-1, 1, (2, 3, n, Z_DIM)))
        further = (3, config.D_steps - 1, n)
        self.D_rows = stream.randint(0, N, further)
        self.D_X = images[self.D_rows] * np.float32(1 / 255)
        self.D_Z = np.float32(stream.uniform(-1, 1, (*further, Z_DIM)))
        self.system = system
        if system.update.shared_noise:
            self.Z_G = self.Z
        with tf.Graph().as_default() as graph, pytest.MonkeyPatch.context() as patch:
            if loss in LOSSES_HERE:
                patch.setitem(losses.LOSSES, config.loss, LOSSES_HERE[loss])
            self.gan = build_gan(system, config, 0)
            loop = build_loop(system, config, self.gan, images.shape)
            begin_averages = begin(self.gan.averages)
            self.variables = {v.op.name: v for v in tf.global_variables()}
        proto = tf.ConfigProto(device_count={"CPU": config.towers})
        self.session = tf.Session(graph=graph, config=proto)
        self.session.run(self.gan.init)
        variables = [self.variables[name] for name in self.weights]
        assign_weights(self.session, variables, self.weights)
        self.session.run(begin_averages)
        data = DataSet(images, np.zeros(N, np.uint8), None)
        self.engines = {
            "feed": FeedEngine(self.session, self.gan, data),
            "loop": LoopEngine(self.session, loop, data),
        }

    def draw(self, first):
        return StepsDraw(first, self.rows, self.Z, self.Z_G, {}, self.D_rows, self.D_Z)

    def values(self):
        return self.session.run(self.variables)

    def loop_body(self):
        """Returns the graph's function that computes an iteration."""
        functions = self.session.graph.as_graph_def().library.function
        return max(functions, key=lambda function: len(function.node_def))


def no_noise(which, iteration):
    return 0.0


def joined(toy, images):
    """Returns groups of images as D sees them: for each pixel, the values of all in turn."""
    return images.reshape(-1, toy.pack, 784).transpose(0, 2, 1).reshape(-1, 784 * toy.pack)


def apart(toy, groups):
    """Returns each image's part of groups: the inverse of `joined`."""
    return groups.reshape(-1, 784, toy.pack).transpose(0, 2, 1).reshape(-1, 784)


def numpy_steps(
    toy,
    first,
    by_hand,
    penalty=0.0,
    pull=0.0,
    step=None,
    behind=lambda weights: None,
    noise=no_noise,
    normed=False,
):
    """Returns losses and weights of three iterations in float64, gradients derived by hand.

    D's gradient with respect to an image is `D_W` for all images: `penalty` is the weight of a
    penalty on it, `pull` that of one that pulls its norm towards 1. `step` replaces Adam, and
    `behind` is called with the weights after each step. `noise`, a function of the pass's name and
    the iteration, is added to D's images and samples. `normed` divides D's weight by its only
    singular value, which is its norm.
    """
    weights = {name: np.float64(value) for name, value in toy.weights.items()}
    m = dict.fromkeys(weights, 0.0)
    v = dict.fromkeys(weights, 0.0)

    def adam(name, gradient, t):
        if step is not None:
            weights[name] = step(name, weights[name], gradient, m, v)
            return
        m[name] = BETA1 * m[name] + (1 - BETA1) * gradient
        v[name] = BETA2 * v[name] + (1 - BETA2) * gradient**2
        alpha = RATE * np.sqrt(1 - BETA2**t) / (1 - BETA1**t)
        weights[name] = weights[name] - alpha * m[name] / (np.sqrt(v[name]) + EPSILON)

    def seen_weight():
        size = np.sqrt((weights["D_W"] ** 2).sum()) if normed else 1.0
        return weights["D_W"] / size, size

    losses, D_updates = [], itertools.count(1)
    alternating = isinstance(toy.system.update, Alternating)
    for t, (X, Z, Z_G) in enumerate(zip(toy.X, toy.Z, toy.Z_G, strict=True), start=1):
        shift = 0 if alternating else (first + t - 1) / 8
        G_W = weights["G_W"]
        batches = [*zip(toy.D_X[t - 1], toy.D_Z[t - 1], strict=True), (X, Z)]
        for n, (X_D, Z_D) in enumerate(batches):
            of = "" if n == len(batches) - 1 else f"_{n}"
            on_real, on_fake = (noise(f"{which}{of}", first + t - 1) for which in ("real", "fake"))
            D_W, size = seen_weight()
            X_D, G = joined(toy, X_D + on_real), joined(toy, Z_D @ G_W + on_fake)
            D_loss, G_loss, d_real, d_fake, g_fake = by_hand(X_D @ D_W + shift, G @ D_W + shift)
            norm = np.sqrt((D_W**2).sum())
            D_loss += penalty / 2 * norm**2 + pull * (norm - 1) ** 2
            slope = penalty * D_W + 2 * pull * (norm - 1) * D_W / norm
            slope = X_D.T @ d_real + G.T @ d_fake + slope
            if normed:
                # The part along the weight changes nothing.
                slope = (slope - (slope * D_W).sum() * D_W) / size
            adam("D_W", slope, next(D_updates))
            behind(weights)
        if alternating:
            # G's step sees only the updated discriminator, also in the logits of real images.
            D_W, _ = seen_weight()
            groups = joined(toy, X + on_real), joined(toy, Z_G @ G_W + on_fake)
            _, G_loss, _, _, g_fake = by_hand(*(each @ D_W for each in groups))
        adam("G_W", Z_G.T @ apart(toy, g_fake @ D_W.T), t)
        behind(weights)
        losses.append([D_loss, G_loss])
    return np.array(losses), weights
