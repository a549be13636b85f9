"""Both updates against NumPy, on a system small enough to differentiate by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import offline
import pytest
from toy import (
    BY_HAND,
    EPSILON,
    RATE,
    UPDATES,
    B,
    Toy,
    numpy_steps,
    of_cross_entropy,
    of_relativistic,
)

from vanilla_gan.graph.discriminator import with_noise
from vanilla_gan.graph.layers import batch_norm
from vanilla_gan.graph.penalties import PENALTIES
from vanilla_gan.graph.system import Draws
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.training_pass import TrainingPass
from vanilla_gan.graph.variables import weight_var
from vanilla_gan.settings import ENGINES

# The feed engine runs an iteration step by step, so only the loop engine has halves.
PAIRS = [
    (engine, update)
    for engine in ENGINES
    for update in UPDATES
    if (engine, update) != ("feed", "alternating, in halves")
]
BOTH = pytest.mark.parametrize(("engine", "update"), PAIRS)


@pytest.fixture
def opened(closing):
    """Returns a function that makes a Toy, which is closed after the test."""
    return closing(Toy)


@pytest.fixture
def toy(opened):
    return opened()


def trained_as_numpy_does(toy, engine, by_hand, **others):
    """Trains three iterations, compares them with `numpy_steps`, and returns their block."""
    losses, weights = numpy_steps(toy, 3, by_hand, **others)
    block = toy.engines[engine].train(toy.draw(3))
    np.testing.assert_allclose(block.D_loss, losses[:, 0], rtol=1e-4)
    np.testing.assert_allclose(block.G_loss, losses[:, 1], rtol=1e-4)
    values = toy.values()
    for name, expected in weights.items():
        # Three iterations move a weight by up to 3e-2.
        np.testing.assert_allclose(values[name], expected, rtol=0, atol=2e-5, err_msg=name)
    return block


@pytest.mark.parametrize("loss", BY_HAND)
@BOTH
def test_updates_are_what_numpy_computes(opened, engine, update, loss):
    trained_as_numpy_does(opened(UPDATES[update], loss), engine, BY_HAND[loss])


@pytest.mark.parametrize(
    ("update", "cures", "by_hand"),
    [
        ("alternating", {}, {}),
        ("alternating, two draws", {"D_steps": 3, "r1": 0.3}, {"penalty": 0.3}),
        ("alternating, in halves", {"wgan_gp": 0.7}, {"pull": 0.7}),
        ("simultaneous", {"r1": 0.3}, {"penalty": 0.3}),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_towers_are_what_numpy_computes_for_the_whole_batch(opened, engine, update, cures, by_hand):
    """Pieces of 3, 2 and 2 images, each on its own device; variables are on the first."""
    toy = opened(UPDATES[update], "relativistic", towers=3, **cures)
    trained_as_numpy_does(toy, engine, of_relativistic, **by_hand)
    graph = toy.session.graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    products = [node.device for node in nodes if node.op == "MatMul"]
    assert (
        {f"/device:CPU:{k}" for k in range(3)}
        <= {*products}
        <= {"", *(f"/device:CPU:{k}" for k in range(3))}
    )
    assert {node.device[-1:] for node in nodes if "ResourceApplyAdam" in node.op} <= {"", "0"}


def rmsprop(name, weight, gradient, m, v):
    """Returns a weight after TensorFlow's step: mean square from 1, momentum 0.5, decay 0.75."""
    v[name] = 0.75 * (v[name] if np.ndim(v[name]) else np.ones_like(weight)) + 0.25 * gradient**2
    m[name] = 0.5 * m[name] + (RATE if name == "D_W" else RATE / 4) * gradient / np.sqrt(
        v[name] + EPSILON
    )
    return weight - m[name]


def sgd(name, weight, gradient, m, v):
    """Returns a weight after a step with a momentum of 0.5."""
    m[name] = 0.5 * m[name] + gradient
    return weight - (RATE if name == "D_W" else RATE / 4) * m[name]


def drawn(which, iteration):
    """Returns the noise of a pass; float32 [B, 784]."""
    with tf.Graph().as_default(), tf.Session() as session:
        one = TrainingPass(which, 0, tf.constant(iteration, tf.int64), B)
        return session.run(with_noise(tf.zeros([B, 784]), 0.4, one))


def test_noise_is_normal_and_depends_on_iteration_and_pass():
    passes = [drawn(which, it) for which in ("real", "fake", "real_0") for it in (3, 4)]
    np.testing.assert_array_equal(drawn("real", 3), passes[0])
    everything = np.stack(passes).ravel() / 0.4
    assert len(np.unique(everything)) > 0.99 * everything.size
    # Mean, variance, and the fourth moment, each to within four of its standard errors.
    for power, expected, variance in ((1, 0, 1), (2, 1, 2), (4, 3, 96)):
        error = np.mean(everything**power) - expected
        assert abs(error) < 4 * np.sqrt(variance / everything.size)
    correlations = np.corrcoef([each.ravel() for each in passes]) - np.eye(len(passes))
    assert np.abs(correlations).max() < 4 / np.sqrt(passes[0].size)


CURES = {
    "spectral norm": ({"spectral_norm": True, "D_steps": 2}, {"normed": True}),
    "packing": ({"pack": 2, "r1": 0.3}, {"penalty": 0.3}),
    "packing, gradient penalty": ({"pack": 3, "wgan_gp": 0.7, "D_steps": 2}, {"pull": 0.7}),
    "noise": ({"D_noise": 0.4, "D_steps": 2}, {"noise": drawn}),
    "R1": ({"r1": 0.3}, {"penalty": 0.3}),
    "R1 and R2": ({"r1": 0.3, "r2": 0.2}, {"penalty": 0.5}),
    "rmsprop": (
        {"optimizer": "rmsprop", "beta1": 0.5, "beta2": 0.75, "G_learning_rate": RATE / 4},
        {"step": rmsprop},
    ),
    "sgd": ({"optimizer": "sgd", "beta1": 0.5, "G_learning_rate": RATE / 4}, {"step": sgd}),
    "gradient penalty": ({"wgan_gp": 0.7}, {"pull": 0.7}),
    "DRAGAN": ({"dragan": 0.7, "D_steps": 2}, {"pull": 0.7}),
    "three steps of D": ({"D_steps": 3, "r1": 0.3}, {"penalty": 0.3}),
    "clipping": (
        {"clip_weights": 0.05},
        {"behind": lambda weights: np.clip(weights["D_W"], -0.05, 0.05, out=weights["D_W"])},
    ),
}


# Each way to see noise and images once.
FAST = [
    ("loop", "simultaneous"),
    ("loop", "alternating, in halves"),
    ("feed", "alternating, two draws"),
]


@pytest.mark.parametrize("cure", CURES)
@pytest.mark.parametrize(
    ("engine", "update"),
    [pytest.param(*pair, marks=[] if pair in FAST else pytest.mark.slow) for pair in PAIRS],
)
def test_cures_are_what_numpy_computes(opened, engine, update, cure):
    settings, by_hand = CURES[cure]
    toy = opened(UPDATES[update], "relativistic", **settings)
    block = trained_as_numpy_does(toy, engine, of_relativistic, **by_hand)
    assert set(block.scalars) == {"D_loss", "G_loss"} | PENALTIES.keys() & settings.keys()


@BOTH
def test_samples_come_from_the_moving_average(opened, engine, update):
    toy = opened(UPDATES[update], ema=0.75)
    averages = []

    def behind(weights):
        averages.append(weights["G_W"])

    numpy_steps(toy, 0, of_cross_entropy, behind=behind)
    expected = np.float64(toy.weights["G_W"])
    # It is called twice an iteration, the second time after G's step.
    for weight in averages[1::2]:
        expected = 0.75 * expected + 0.25 * weight
    toy.engines[engine].train(toy.draw(0))
    values = toy.values()
    np.testing.assert_allclose(values["G_W/average"], expected, rtol=0, atol=2e-5)
    samples = toy.session.run(toy.gan.G_sample, {toy.gan.Z: toy.Z[0]})
    np.testing.assert_allclose(samples, toy.Z[0] @ values["G_W/average"], rtol=1e-4, atol=1e-6)
    assert np.abs(values["G_W"] - values["G_W/average"]).max() > 1e-3


def looking(goal, passes):
    """Adds to G_loss how sure D is of the samples: by its probability, and by another look."""
    again = passes.look(passes.G_sample, "fake", called="again")
    sure = tf.reduce_mean(1.0 - passes.D_fake) + tf.reduce_mean(tf.square(again))
    return goal._replace(G_loss=goal.G_loss + sure)


@pytest.mark.parametrize("update", ["alternating, two draws", "alternating, in halves"])
def test_an_objective_that_looks_again_sees_the_updated_discriminator(opened, update):
    """In the loop its G_loss once came from the weights before D's step, and D_fake likewise."""
    system = dataclasses.replace(UPDATES[update], objective=looking)
    feed, loop = (opened(system) for _ in range(2))
    expected = feed.engines["feed"].train(feed.draw(0))
    found = loop.engines["loop"].train(loop.draw(0))
    np.testing.assert_allclose(found.G_loss, expected.G_loss, rtol=1e-5)
    weights = feed.values()
    for name, value in loop.values().items():
        np.testing.assert_allclose(value, weights[name], rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("update", UPDATES)
def test_a_second_look_at_the_images_is_only_for_a_loss_that_needs_it(opened, update):
    """Counts the products of an iteration; a look at the images is one, its gradient another."""
    products = {}
    for loss in BY_HAND:
        body = opened(UPDATES[update], loss).loop_body()
        products[loss] = sum(node.op == "MatMul" for node in body.node_def)
    # The logits of the images once more; nothing needs their gradient.
    more = 1 if update.startswith("alternating") else 0
    assert products["relativistic"] == products["sigmoid_cross_entropy"] + more


@BOTH
def test_scalars_come_out_of_the_step_that_they_belong_to(opened, engine, update):
    plain = opened(UPDATES[update])
    expected = plain.engines[engine].train(plain.draw(0)).scalars
    assert list(expected) == ["D_loss", "G_loss"]
    toy = opened(UPDATES[update], "watched")
    scalars = toy.engines[engine].train(toy.draw(0)).scalars
    assert scalars.keys() == {"D_loss", "G_loss", "fooled", "difference"}
    for name in expected:
        assert scalars[name].tobytes() == expected[name].tobytes()
    # D's scalar is of the initial weights, G's of the discriminator that its step sees.
    G_W, D_W = toy.weights["G_W"], toy.weights["D_W"]
    np.testing.assert_allclose(scalars["fooled"][0], (toy.Z[0] @ G_W @ D_W).max(), rtol=1e-4)
    if update != "simultaneous":
        first = opened(UPDATES[update])
        first.rows, first.Z, first.Z_G = (of[:1] for of in (toy.rows, toy.Z, toy.Z_G))
        first.engines[engine].train(first.draw(0))
        D_W = first.values()["D_W"]
    by_hand = (toy.X[0] @ D_W).mean() - (toy.Z_G[0] @ G_W @ D_W).mean()
    np.testing.assert_allclose(scalars["difference"][0], by_hand, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("towers", [1, 3])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_updates_of_a_pass_run_once_an_iteration(opened, engine, towers):
    toy = opened(towers=towers)
    toy.engines[engine].train(toy.draw(0))
    assert toy.values()["passes"] == 3


def normed_discriminator(x, config, y, training):
    """Returns the toy's logit of images that a batch norm has seen."""
    W = weight_var([config.image_shape.size, 1], "D_W", config.init)
    logit = tf.matmul(batch_norm(x, "norm", training), W)
    return tf.sigmoid(logit), logit


@pytest.mark.parametrize("engine", ENGINES)
def test_averages_of_a_batch_norm_of_d_move_towards_images_and_then_samples(opened, engine):
    """One of the two once got lost, in an iteration where both had read the old average."""
    theta_D = ("D_W", "norm/gamma", "norm/beta")
    system = dataclasses.replace(
        UPDATES["simultaneous"], discriminator=normed_discriminator, theta_D=theta_D
    )
    toy = opened(system, G_learning_rate=1e-30)
    toy.engines[engine].train(toy.draw(0))
    expected = 0.0
    for X, Z in zip(toy.X, toy.Z, strict=True):
        for images in (X, Z @ toy.weights["G_W"]):
            expected = 0.99 * expected + 0.01 * images.mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(toy.values()["norm/moving_mean"], expected, rtol=1e-4, atol=1e-6)


def test_inference_runs_no_updates_and_needs_no_iteration(toy):
    samples, logits = toy.session.run(
        [toy.gan.G_sample, toy.gan.D_logit], {toy.gan.Z: toy.Z[0], toy.gan.X: toy.X[0]}
    )
    np.testing.assert_allclose(samples, toy.Z[0] @ toy.weights["G_W"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(logits, toy.X[0] @ toy.weights["D_W"], rtol=1e-4, atol=1e-6)
    assert toy.values()["passes"] == 0


@pytest.mark.parametrize("towers", [1, 3])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_alternating_update_takes_a_short_batch(opened, engine, towers):
    """The loop engine once failed on it, because its halves had the sizes of a whole batch."""
    short = Draws(short_batches=True)
    toy = opened(dataclasses.replace(UPDATES["alternating, in halves"], draws=short), towers=towers)
    toy.rows, toy.X, toy.Z, toy.Z_G = (of[:, :4] for of in (toy.rows, toy.X, toy.Z, toy.Z_G))
    losses, _ = numpy_steps(toy, 0, of_cross_entropy)
    block = toy.engines[engine].train(toy.draw(0))
    np.testing.assert_allclose(block.G_loss, losses[:, 1], rtol=1e-4)


def test_both_solvers_that_train_g_have_its_own_rate(twenty_images, tmp_path):
    settings = {"system": "infogan", "batch_size": 8, "z_dim": 3, "h_dim": 5, "iters": 2, "seed": 1}
    run = offline.train(tmp_path / "out", twenty_images, **settings, G_learning_rate=1e-30)
    begun, done = run.variables(0), run.variables(2)
    moved = {name for name in begun if not np.array_equal(begun[name], done[name])}
    assert not moved & {"G_W1", "G_W2"}
    assert "D_W1" in moved
