"""The program of 2014 by hand: forward, gradients and momentum in NumPy, in float64."""

from __future__ import annotations

import numpy as np
import pytest
from numpy_layers import sigmoid
from offline import train

from vanilla_gan.data.classes import PUBLISHED
from vanilla_gan.data.shape import ImageShape
from vanilla_gan.errors import UsageError
from vanilla_gan.graph.gan import build_gan
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS

SHAPE, B, Z_DIM = ImageShape(7, 5), 8, 6


def names(player):
    layers = [f"{player}/{layer}" for layer in ("h0", "h1", "y")]
    return [(f"{layer}/kernel", f"{layer}/bias") for layer in layers]


def D_forward(w, x, kept, rates):
    """Returns logits [B, 1], and each layer's input and largest piece for the backward pass."""
    passed = []
    for layer, (kernel, bias) in enumerate(names("discriminator")):
        x = x * kept[layer] / (1 - rates[layer])
        linear = x @ w[kernel] + w[bias]
        if layer == 2:
            return linear, [*passed, (x, None)]
        pieces = linear.reshape(len(x), -1, 5)
        passed.append((x, pieces.argmax(axis=2)))
        x = pieces.max(axis=2)
    raise AssertionError


def D_backward(w, dy, passed, kept, rates):
    """Returns the gradients with respect to D's variables, and to its images."""
    gradients = {}
    for layer, (kernel, bias) in reversed(list(enumerate(names("discriminator")))):
        x, largest = passed[layer]
        if largest is not None:
            dy = (np.eye(5)[largest] * dy[:, :, None]).reshape(len(x), -1)
        gradients |= {kernel: x.T @ dy, bias: dy.sum(axis=0)}
        dy = dy @ w[kernel].T * kept[layer] / (1 - rates[layer])
    return gradients, dy


def by_hand(w, X, Z, kept, rates):
    """Returns both losses of one pass, and their gradients with respect to all variables."""
    (h0, h1, y), h, G_passed = names("generator"), Z, []
    for kernel, bias in (h0, h1):
        G_passed.append(h)
        h = np.maximum(h @ w[kernel] + w[bias], 0)
    sample = sigmoid(h @ w[y[0]] + w[y[1]])
    real, passed_real = D_forward(w, X, kept["real"], rates)
    fake, passed_fake = D_forward(w, sample, kept["fake"], rates)
    softplus = lambda logits: np.logaddexp(0, logits).mean()  # noqa: E731
    losses = 0.5 * (softplus(-real) + softplus(fake)), softplus(-fake)
    by_real, _ = D_backward(w, 0.5 * (sigmoid(real) - 1) / B, passed_real, kept["real"], rates)
    by_fake, _ = D_backward(w, 0.5 * sigmoid(fake) / B, passed_fake, kept["fake"], rates)
    gradients = {name: by_real[name] + by_fake[name] for name in by_real}
    _, dy = D_backward(w, (sigmoid(fake) - 1) / B, passed_fake, kept["fake"], rates)
    dy = dy * sample * (1 - sample)
    for (kernel, bias), x in zip((y, h1, h0), (h, *reversed(G_passed)), strict=True):
        gradients |= {kernel: x.T @ dy, bias: dy.sum(axis=0)}
        dy = dy @ w[kernel].T * (x > 0)
    return losses, gradients


@pytest.mark.parametrize("done", [0, 60_000, 5_000_000])
def test_two_steps_by_hand(done):
    given = {"batch_size": B, "z_dim": Z_DIM, "h_dim": (20, 15), "seed": 3}
    config = RunConfig(system="goodfellow2014", **given).resolved().of_data(SHAPE, PUBLISHED)
    stream = np.random.RandomState(1)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        gan = build_gan(SYSTEMS["goodfellow2014"], config, config.seed)
        session.run(gan.init)
        variables = {v.op.name: v for v in [*gan.theta_D, *gan.theta_G]}
        first = session.run(variables)
        for name, value in first.items():
            bound = (0.05 if name.startswith("g") else 0.005) if name.endswith("kernel") else 0.0
            assert 0.9 * bound <= np.abs(value).max() <= bound or value.size < 20, name
            # Larger values, so that every unit matters and no gradient is tiny.
            variables[name].load(stream.normal(0, 0.5, value.shape), session)
        counters = [v for v in tf.global_variables() if v.op.name.startswith("updates")]
        assert len(counters) == 2
        for counter in counters:
            counter.load(done, session)
        w = {name: value.astype(np.float64) for name, value in session.run(variables).items()}
        step = {name: np.zeros_like(value) for name, value in w.items()}
        masks = {
            of: [f"{scope}/{name}_kept:0" for name in ("dropout_x", "dropout0", "dropout1")]
            for of, scope in (
                ("real", "discriminator/discriminator"),
                ("fake", "discriminator_reused/discriminator"),
            )
        }
        for it in range(2):
            X, Z = stream.uniform(size=(B, SHAPE.size)), stream.normal(size=(B, Z_DIM))
            feeds = {gan.X: X, gan.Z: Z, gan.iteration: it}
            tensors = {
                of: [graph.get_tensor_by_name(name) for name in found]
                for of, found in masks.items()
            }
            *_, found, kept = session.run(
                [gan.D_solver, gan.G_solver, (gan.D_loss, gan.G_loss), tensors], feeds
            )
            assert all(mask.any() and not mask.all() for of in kept.values() for mask in of)
            X, Z = np.float32(X).astype(float), np.float32(Z).astype(float)
            losses, gradients = by_hand(w, X, Z, kept, (0.2, 0.5, 0.5))
            np.testing.assert_allclose(found, losses, rtol=1e-6)
            rate = max(0.1 / 1.000004 ** (done + it), 1e-6)
            share = min((done + it) // 500 / 249, 1)
            momentum = 0.5 * (1 - share) + 0.7 * share
            for name in w:
                step[name] = momentum * step[name] - rate * gradients[name]
                w[name] += step[name]
        for name, value in session.run(variables).items():
            np.testing.assert_allclose(value, w[name], rtol=1e-6, atol=1e-6, err_msg=name)
        for optimizer, theta in ((gan.D_optimizer, gan.theta_D), (gan.G_optimizer, gan.theta_G)):
            for variable in theta:
                slot = session.run(optimizer.get_slot(variable, "momentum"))
                expected = -step[variable.op.name]
                np.testing.assert_allclose(
                    slot, expected, rtol=1e-5, atol=1e-6 * np.abs(slot).max()
                )


@pytest.mark.slow
def test_the_first_bias_gives_the_mean_image(twenty_images, tmp_path):
    given = {"system": "goodfellow2014", "h_dim": 7, "z_dim": 5, "batch_size": 8, "seed": 1}
    run = train(tmp_path / "out", twenty_images, iters=1, **given)
    bias = run.variables(0)["generator/y/bias"]
    grey = np.random.RandomState(3).randint(0, 256, (20, 784))  # the images of the fixture
    np.testing.assert_allclose(sigmoid(bias), grey.mean(axis=0) / 255, rtol=1e-6)
    other = train(tmp_path / "xavier", twenty_images, iters=1, init="xavier", **given)
    assert not other.variables(0)["generator/y/bias"].any()


@pytest.mark.parametrize("name", ["init", "optimizer"])
def test_own_needs_a_system_that_brings_one(name):
    with pytest.raises(UsageError, match=f"--{name} own does not apply to --system wgan, "):
        RunConfig(system="wgan", **{name: "own"}).resolved()
    assert getattr(RunConfig(system="goodfellow2014").resolved(), name) == "own"
