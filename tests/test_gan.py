"""Tests of the GAN's graph: names, reuse, ownership, and one training step against numpy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from numpy_layers import sigmoid
from offline import listed_shapes

from vanilla_gan.errors import PluginError
from vanilla_gan.graph.gan import build_gan, owned_variables
from vanilla_gan.graph.layers import batch_norm
from vanilla_gan.graph.tf1 import tf as tf1
from vanilla_gan.graph.weights import assign_weights
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS

VANILLA = SYSTEMS["vanilla"]
H, Z, B = 13, 7, 11
SHAPES = listed_shapes(H, Z)
THETA_D = ["D_W1", "D_W2", "D_b1", "D_b2"]
THETA_G = ["G_W1", "G_W2", "G_b1", "G_b2"]


def settings(**changes):
    sizes = {"h_dim": H, "z_dim": Z, "batch_size": B, "seed": 0}
    return RunConfig(**{**sizes, **changes}).resolved()


def random_weights():
    """Returns weights, with biases that are not zero, so that each has an effect."""
    stream = np.random.RandomState(1)
    return {
        name: np.float32(stream.normal(0, 0.3 if len(shape) == 1 else shape[0] ** -0.5, shape))
        for name, shape in SHAPES.items()
    }


def batch(seed=2):
    stream = np.random.RandomState(seed)
    X_mb = np.float32(stream.uniform(0, 1, (B, 784)))
    return X_mb, *np.float32(stream.uniform(-1, 1, (2, B, Z)))


class Session:
    """A graph at odd sizes with a session, its trained variables set to `random_weights()`."""

    def __init__(self, **changes):
        self.graph = tf.Graph()
        config = settings(**changes)
        with self.graph.as_default():
            self.gan = build_gan(VANILLA, config, config.seed)
            self.variables = {v.op.name: v for v in tf1.global_variables()}
            self.trained = [v.op.name for v in tf1.trainable_variables()]
        self.session = tf1.Session(graph=self.graph)
        self.run(self.gan.init)
        assign_weights(
            self.session, [self.variables[name] for name in self.trained], random_weights()
        )

    def run(self, fetches, **feeds):
        feed_dict = {getattr(self.gan, name): value for name, value in feeds.items()}
        return self.session.run(fetches, feed_dict=feed_dict)

    def values(self):
        return self.run(self.variables)


@pytest.fixture
def opened(closing):
    """Returns a function that makes a Session, closed after the test."""
    return closing(Session)


# The oracle: the networks, their gradients and Adam, written out in float64.


def forward_G(theta, z):
    h = np.maximum(z @ theta["G_W1"] + theta["G_b1"], 0)
    return h, sigmoid(h @ theta["G_W2"] + theta["G_b2"])


def forward_D(theta, x):
    h = np.maximum(x @ theta["D_W1"] + theta["D_b1"], 0)
    return h, h @ theta["D_W2"] + theta["D_b2"]


def backward_D(theta, x, h, of_logit):
    """Returns the gradients with respect to D's variables and to x, given that of the logits."""
    of_h = (of_logit @ theta["D_W2"].T) * (h > 0)
    gradients = {
        "D_W1": x.T @ of_h,
        "D_b1": of_h.sum(0),
        "D_W2": h.T @ of_logit,
        "D_b2": of_logit.sum(0),
    }
    return gradients, of_h @ theta["D_W1"].T


def D_step(theta, x, z):
    """Returns D_loss and its gradients: -mean log D(x) - mean log(1 - D(G(z)))."""
    _, x_fake = forward_G(theta, z)
    (h_real, real), (h_fake, fake) = forward_D(theta, x), forward_D(theta, x_fake)
    loss = np.mean(np.logaddexp(0, -real)) + np.mean(np.logaddexp(0, fake))
    of_real, _ = backward_D(theta, x, h_real, (sigmoid(real) - 1) / B)
    of_fake, _ = backward_D(theta, x_fake, h_fake, sigmoid(fake) / B)
    return loss, {name: of_real[name] + of_fake[name] for name in of_real}


def G_step(theta, z, kind):
    """Returns G_loss and its gradients: -mean log D(G(z)), or mean log(1 - D(G(z)))."""
    h, x_fake = forward_G(theta, z)
    h_fake, fake = forward_D(theta, x_fake)
    if kind == "minimax":
        loss, of_logit = -np.mean(np.logaddexp(0, fake)), -sigmoid(fake) / B
    else:
        loss, of_logit = np.mean(np.logaddexp(0, -fake)), (sigmoid(fake) - 1) / B
    _, of_x = backward_D(theta, x_fake, h_fake, of_logit)
    of_log_prob = of_x * x_fake * (1 - x_fake)
    of_h = (of_log_prob @ theta["G_W2"].T) * (h > 0)
    return loss, {
        "G_W1": z.T @ of_h,
        "G_b1": of_h.sum(0),
        "G_W2": h.T @ of_log_prob,
        "G_b2": of_log_prob.sum(0),
    }


class Adam:
    """Kingma & Ba 2014 in the form of section 2's last remark, as TensorFlow has it."""

    def __init__(self, learning_rate=1e-3):
        self.learning_rate, self.t, self.m, self.v = learning_rate, 0, {}, {}

    def update(self, theta, gradients):
        self.t += 1
        rate = self.learning_rate * np.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t)
        for name, g in gradients.items():
            self.m[name] = 0.9 * self.m.get(name, 0) + 0.1 * g
            self.v[name] = 0.999 * self.v.get(name, 0) + 0.001 * g**2
            theta[name] = theta[name] - rate * self.m[name] / (np.sqrt(self.v[name]) + 1e-8)


# The other losses are tested in test_losses.py, and with both updates in test_update.py.
@pytest.mark.parametrize("loss", ["sigmoid_cross_entropy", "log", "minimax"])
@pytest.mark.parametrize("learning_rate", [None, 0.0037])
def test_two_iterations_are_what_numpy_computes(opened, loss, learning_rate):
    got = opened(loss=loss, learning_rate=learning_rate)
    theta = {name: np.asarray(value, np.float64) for name, value in random_weights().items()}
    D_adam, G_adam = Adam(learning_rate or 1e-3), Adam(learning_rate or 1e-3)
    for it in range(2):
        X_mb, Z_D, Z_G = batch(it)
        _, D_loss_curr = got.run([got.gan.D_solver, got.gan.D_loss], X=X_mb, Z=Z_D)
        D_loss, of_D = D_step(theta, X_mb, Z_D)
        D_adam.update(theta, of_D)
        _, G_loss_curr = got.run([got.gan.G_solver, got.gan.G_loss], Z=Z_G)
        # The generator's step sees the updated discriminator.
        G_loss, of_G = G_step(theta, Z_G, loss)
        G_adam.update(theta, of_G)
        np.testing.assert_allclose([D_loss_curr, G_loss_curr], [D_loss, G_loss], rtol=1e-5)
    values = got.values()
    for name in SHAPES:
        adam = D_adam if name in THETA_D else G_adam
        solver = "D_solver" if name in THETA_D else "G_solver"
        scale = np.abs(adam.m[name]).max()
        np.testing.assert_allclose(
            values[f"{name}/{solver}"], adam.m[name], rtol=1e-4, atol=1e-5 * scale
        )
        np.testing.assert_allclose(
            values[f"{name}/{solver}_1"], adam.v[name], rtol=1e-4, atol=1e-8 * scale**2
        )
        # Adam divides a gradient by its own size: one that is only a rounding error makes a random
        # step. At most a few in a thousand are like that.
        off = np.abs(values[name] - theta[name]) > 1e-3 * adam.learning_rate
        assert off.mean() < 0.005, f"{name}: {off.sum()} of {off.size}"


def test_the_networks_are_those_of_the_listing(opened):
    got = opened()
    X_mb, Z_mb, _ = batch()
    gan = got.gan
    fetches = [gan.G_sample, gan.D_logit_real, gan.D_real, gan.D_logit_fake, gan.D_fake]
    G_sample, logit_real, real, logit_fake, fake = got.run(fetches, X=X_mb, Z=Z_mb)
    theta = {name: np.asarray(value, np.float64) for name, value in random_weights().items()}
    _, x_fake = forward_G(theta, Z_mb)
    np.testing.assert_allclose(G_sample, x_fake, rtol=1e-5)
    np.testing.assert_allclose(logit_real, forward_D(theta, X_mb)[1], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(logit_fake, forward_D(theta, x_fake)[1], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(real, sigmoid(logit_real), rtol=1e-5)
    np.testing.assert_allclose(fake, sigmoid(logit_fake), rtol=1e-5)
    assert G_sample.shape == (B, 784)
    assert logit_real.shape == real.shape == logit_fake.shape == fake.shape == (B, 1)


def test_the_reused_discriminator_is_the_first_one(opened):
    got = opened()
    _, Z_mb, _ = batch()
    G_sample, D_logit_fake = got.run([got.gan.G_sample, got.gan.D_logit_fake], Z=Z_mb)
    assert got.run(got.gan.D_logit_real, X=G_sample).tobytes() == D_logit_fake.tobytes()
    # It still is after a training step.
    X_mb, Z_D, _ = batch(3)
    got.run(got.gan.D_solver, X=X_mb, Z=Z_D)
    again = got.run(got.gan.D_logit_fake, Z=Z_mb)
    assert again.tobytes() != D_logit_fake.tobytes()
    assert got.run(got.gan.D_logit_real, X=G_sample).tobytes() == again.tobytes()


def test_reuse_made_no_second_set(opened):
    got = opened()
    assert sorted(got.trained) == sorted(SHAPES)
    # Two slots for each variable, two powers for each optimizer, and nothing else.
    slots = [
        f"{name}/{solver}{suffix}"
        for solver, theta in (("D_solver", THETA_D), ("G_solver", THETA_G))
        for name in theta
        for suffix in ("", "_1")
    ]
    powers = {name for name in got.variables if name.endswith("_power") or "_power_" in name}
    assert len(powers) == 4
    assert set(got.variables) == {*SHAPES, *slots, *powers}
    assert {name: got.variables[name].shape.as_list() for name in SHAPES} == {
        name: list(shape) for name, shape in SHAPES.items()
    }
    names = [v.op.name for v in got.gan.theta_D], [v.op.name for v in got.gan.theta_G]
    assert names == (THETA_D, THETA_G)


def test_nothing_but_a_solver_changes_anything(opened):
    got = opened()
    before = got.values()
    X_mb, Z_mb, _ = batch()
    gan = got.gan
    got.run([gan.D_loss, gan.G_loss, gan.G_sample, gan.D_real, gan.D_fake], X=X_mb, Z=Z_mb)
    got.run(gan.finite)
    after = got.values()
    assert all(after[name].tobytes() == before[name].tobytes() for name in before)


def test_the_generator_needs_no_images(opened):
    got = opened()
    assert np.isfinite(got.run(got.gan.G_loss, Z=batch()[1]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"placeholder.*X"):
        got.run(got.gan.D_loss, Z=batch()[1])


def test_names_of_the_listing(opened):
    gan = opened().gan
    assert gan.X.op.name == "X"
    assert gan.Z.op.name == "Z"
    assert gan.G_sample.op.name == "G_sample"
    assert gan.D_loss.op.name == "losses/D_loss"
    assert gan.G_loss.op.name == "losses/G_loss"
    assert gan.D_solver.name == "D_solver"
    assert gan.G_solver.name == "G_solver"
    assert gan.D_logit_real.op.name.startswith("discriminator/")
    assert gan.D_logit_fake.op.name.startswith("discriminator_reused/")
    assert gan.X.shape.as_list() == [None, 784]
    assert gan.Z.shape.as_list() == [None, Z]
    assert gan.G_sample.shape.as_list() == [None, 784]
    assert gan.D_logit_real.shape.as_list() == [None, 1]
    assert gan.y is None
    assert {gan.X.dtype, gan.Z.dtype, gan.G_sample.dtype, gan.D_loss.dtype} == {tf.float32}


def initial(**changes):
    config = settings(**changes)
    with tf.Graph().as_default() as graph, tf1.Session(graph=graph) as session:
        gan = build_gan(VANILLA, config, config.seed)
        session.run(gan.init)
        return session.run({v.op.name: v for v in tf1.trainable_variables()})


def test_the_seed_decides_the_initial_weights():
    first, again, other = initial(), initial(), initial(seed=1)
    for name in SHAPES:
        assert first[name].tobytes() == again[name].tobytes()
        is_weight = "_W" in name
        assert (first[name].tobytes() == other[name].tobytes()) is not is_weight, name
        assert first[name].any() == is_weight
    # A setting that makes other nodes does not change the weights.
    assert initial(loss="log")["D_W1"].tobytes() == first["D_W1"].tobytes()


@pytest.mark.parametrize(
    ("init", "deviations"),
    [
        ("xavier", {"D_W1": (2 / (784 + 13)) ** 0.5, "G_W2": (2 / (13 + 784)) ** 0.5}),
        ("xavier_normal", {"D_W1": (2 / 784) ** 0.5, "G_W2": (2 / 13) ** 0.5}),
    ],
)
def test_the_setting_decides_the_initial_distribution(init, deviations):
    weights = initial(init=init)
    for name, deviation in deviations.items():
        assert weights[name].std() == pytest.approx(deviation, rel=0.03)


def test_what_is_not_finite_is_found(opened):
    got = opened()
    assert set(got.gan.finite) == set(got.variables)
    assert all(got.run(got.gan.finite).values())
    broken = random_weights()
    broken["D_W1"][783, 12] = np.nan
    broken["G_b2"][3] = np.inf
    assign_weights(got.session, [got.variables[name] for name in got.trained], broken)
    finite = got.run(got.gan.finite)
    assert {name for name in finite if not finite[name]} == {"D_W1", "G_b2"}


@pytest.mark.parametrize(
    ("names_D", "names_G", "said"),
    [
        (["a"], ["b"], r"in no list \['c'\]"),
        (["a"], ["b", "c", "d"], r"not in the graph \['d'\]"),
        (["a", "b"], ["b", "c"], r"in a list twice \['b'\]"),
        (["a", "a", "b"], ["c"], r"in a list twice \['a'\]"),
        (["a", "b", "c", "n"], [], r"not in the graph \['n'\]"),
    ],
)
def test_every_trainable_variable_has_one_owner(names_D, names_G, said):
    with tf.Graph().as_default():
        for name in "abc":
            tf1.get_variable(name, [2])
        tf1.get_variable("n", [2], trainable=False)
        with pytest.raises(ValueError, match=said):
            owned_variables(names_D, names_G)


def test_owned_variables_come_in_the_listings_order():
    with tf.Graph().as_default():
        a, b, c = (tf1.get_variable(name, [2]) for name in "abc")
        assert owned_variables(["c", "a"], ["b"]) == ([c, a], [b])


@pytest.mark.parametrize("change", ["missing", "extra", "shared"])
def test_a_system_with_wrong_lists_is_not_built(change):
    lists = {
        "missing": {"theta_D": ("D_W1", "D_W2", "D_b1")},
        "extra": {"theta_G": (*VANILLA.theta_G, "G_W3")},
        "shared": {"theta_G": (*VANILLA.theta_G, "D_W1")},
    }[change]
    config = settings()
    with tf.Graph().as_default(), pytest.raises(ValueError, match="exactly one of theta_D, "):
        build_gan(dataclasses.replace(VANILLA, **lists), config, config.seed)


def test_a_system_that_forgets_to_reuse_is_not_built():
    def forgetful(x, config, y, training):
        with tf1.variable_scope(x.op.name.split("/")[0], reuse=tf1.AUTO_REUSE):
            return VANILLA.discriminator(x, config, y, training)

    config = settings()
    system = dataclasses.replace(VANILLA, discriminator=forgetful)
    with tf.Graph().as_default(), pytest.raises(ValueError, match=r"exactly one|does not exist"):
        build_gan(system, config, config.seed)


def test_an_alternating_update_has_no_batch_norm():
    """It would have no training mode, so that its averages would never move."""

    def discriminator(x, config, y, training):
        return VANILLA.discriminator(batch_norm(x, "norm", training), config, y, training)

    theta_D = (*VANILLA.theta_D, "norm/gamma", "norm/beta")
    changes = {"discriminator": discriminator, "theta_D": theta_D, "theta_of": None}
    system = dataclasses.replace(VANILLA, separate_images=False, **changes)
    with tf.Graph().as_default(), pytest.raises(PluginError, match=r"norm/moving_mean: the netw"):
        build_gan(system, settings(), 0)
