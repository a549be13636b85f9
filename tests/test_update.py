"""Both updates against NumPy, on a system small enough to differentiate by hand."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf
from numpy_layers import sigmoid

from vanilla_gan.data.dataset import DataSet, unit_scale
from vanilla_gan.engines.feed import FeedEngine
from vanilla_gan.engines.in_graph import LoopEngine
from vanilla_gan.engines.stream import StepsDraw
from vanilla_gan.errors import UsageError
from vanilla_gan.graph import losses
from vanilla_gan.graph.averages import begin
from vanilla_gan.graph.discriminator import with_noise
from vanilla_gan.graph.dropout import dropped
from vanilla_gan.graph.gan import build_gan
from vanilla_gan.graph.loop import build_loop
from vanilla_gan.graph.passes import Batch, forward
from vanilla_gan.graph.penalties import PENALTIES, penalties
from vanilla_gan.graph.spectral import normalised
from vanilla_gan.graph.system import Alternating, Draws, Simultaneous, System
from vanilla_gan.graph.tf1 import tf as tf1
from vanilla_gan.graph.training_pass import TrainingPass
from vanilla_gan.graph.variables import statistic_var, weight_var
from vanilla_gan.graph.weights import assign_weights
from vanilla_gan.settings import ENGINES, RunConfig
from vanilla_gan.systems import SYSTEMS, noise

Z_DIM, B, N = 5, 7, 23
RATE, BETA1, BETA2, EPSILON = 0.01, 0.9, 0.999, 1e-4


def generator(z, config, y, training):
    """Returns `z W`, and counts the training passes in a variable."""
    W = weight_var([config.z_dim, 784], "G_W", config.init)
    passes = statistic_var([], "passes", 0.0)
    if training is not None:
        training.keep(passes, passes + 1.0)
    return tf1.matmul(z, W)


def discriminator(x, config, y, training):
    """Returns `x W` as the logit; training adds the iteration to it."""
    W = weight_var([config.image_shape.size, 1], "D_W", config.init)
    logit = tf1.matmul(x, W)
    if training is not None:
        logit += tf.cast(training.iteration, tf.float32) / 8
    return tf1.sigmoid(logit), logit


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
    """Returns the same of the relativistic loss."""
    pull = sigmoid(fake - real) / len(real)
    D_loss, G_loss = np.logaddexp(0, fake - real).mean(), np.logaddexp(0, real - fake).mean()
    return D_loss, G_loss, -pull, pull, -sigmoid(real - fake) / len(real)


def watched(D_logit_real, D_logit_fake, real_label=1.0):
    """Returns the default loss, with a scalar to watch in each step, one of them made of images."""
    goal = losses.sigmoid_cross_entropy(D_logit_real, D_logit_fake, real_label)
    difference = tf1.reduce_mean(D_logit_real) - tf1.reduce_mean(D_logit_fake)
    fooled = tf1.reduce_max(D_logit_fake)
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
            self.variables = {v.op.name: v for v in tf1.global_variables()}
        proto = tf1.ConfigProto(device_count={"CPU": config.towers})
        self.session = tf1.Session(graph=graph, config=proto)
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
        """Returns the function of the graph that is an iteration."""
        functions = self.session.graph.as_graph_def().library.function
        return max(functions, key=lambda function: len(function.node_def))


@pytest.fixture
def opened():
    """Returns a function that makes a Toy, closed behind the test."""
    with contextlib.ExitStack() as stack:

        def make(*of, **cures):
            made = Toy(*of, **cures)
            stack.enter_context(contextlib.closing(made.session))
            return made

        yield make


@pytest.fixture
def toy(opened):
    return opened()


def no_noise(which, iteration):
    return 0.0


def joined(toy, images):
    """Returns groups of images as D sees them: of each pixel, the values of all in turn."""
    return images.reshape(-1, toy.pack, 784).transpose(0, 2, 1).reshape(-1, 784 * toy.pack)


def apart(toy, groups):
    """Returns what belongs to each image of groups: the inverse of `joined`."""
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

    `penalty` is the weight of a penalty on D's gradient by an image, which is `D_W` for all of
    them, `pull` that of one that draws its norm to 1; `step` is an optimizer in place of Adam;
    `behind` is called with the weights after each; `noise` is what D sees on top of images and
    samples, by the name of the pass and the iteration; `normed` is whether D's weight, whose
    singular value is its norm, is divided by that.
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
            # All that G's step sees of the discriminator is updated, its logits of real images too.
            D_W, _ = seen_weight()
            groups = joined(toy, X + on_real), joined(toy, Z_G @ G_W + on_fake)
            _, G_loss, _, _, g_fake = by_hand(*(each @ D_W for each in groups))
        adam("G_W", Z_G.T @ apart(toy, g_fake @ D_W.T), t)
        behind(weights)
        losses.append([D_loss, G_loss])
    return np.array(losses), weights


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
@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("engine", ENGINES)
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
def test_towers_are_what_numpy_computes_of_the_whole_batch(opened, engine, update, cures, by_hand):
    """Pieces of 3, 2 and 2 images, each on a device of its own; variables are on the first."""
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
    """TensorFlow's, whose mean square begins at 1, with a momentum of 0.5 and a decay of 0.75."""
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
    with tf.Graph().as_default(), tf1.Session() as session:
        one = TrainingPass(which, 0, tf.constant(iteration, tf.int64), B)
        return session.run(with_noise(tf.zeros([B, 784]), 0.4, one))


def test_noise_is_normal_and_of_its_iteration_and_pass():
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


@pytest.mark.parametrize("cure", CURES)
@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("engine", ENGINES)
def test_cures_are_what_numpy_computes(opened, engine, update, cure):
    settings, by_hand = CURES[cure]
    toy = opened(UPDATES[update], "relativistic", **settings)
    block = trained_as_numpy_does(toy, engine, of_relativistic, **by_hand)
    assert set(block.scalars) == {"D_loss", "G_loss"} | PENALTIES.keys() & settings.keys()


@pytest.mark.parametrize("shape", [(13, 7), (5, 3, 2, 4)])
def test_a_normed_weight_has_a_singular_value_of_one(shape):
    stream = np.random.RandomState(2)
    weight, vector = (
        np.float32(stream.normal(size=shape)),
        np.float32(stream.normal(size=(1, shape[-1]))),
    )
    matrix = np.float64(weight).reshape(-1, shape[-1])
    with tf.Graph().as_default(), tf1.Session() as session:
        fed = tf1.placeholder(tf.float32, vector.shape)
        tensor = tf.constant(weight)
        found = normalised(tensor, fed)
        gradient = tf1.gradients(tf1.reduce_sum(found[0] ** 3), tensor)[0]

        def step(vector):
            """Returns a step by hand: weight, next vector, product of both vectors, value."""
            left = matrix @ vector.T
            left /= np.linalg.norm(left)
            right = left.T @ matrix
            right /= np.linalg.norm(right)
            value = (left.T @ matrix @ right.T).item()
            return (matrix / value).reshape(shape), right, left @ right, value

        for _ in range(60):
            got, moved = session.run(found, {fed: vector})
            normed, right, outer, value = step(vector)
            np.testing.assert_allclose(got, normed, rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(moved, right, rtol=1e-4, atol=1e-5)
            slope = 3 * normed.reshape(matrix.shape) ** 2
            by_hand = slope / value - (slope * matrix).sum() / value**2 * outer
            np.testing.assert_allclose(
                session.run(gradient, {fed: vector}), by_hand.reshape(shape), rtol=1e-3, atol=1e-3
            )
            vector = moved
    assert np.linalg.norm(got.reshape(matrix.shape), 2) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("name", ["wgan_gp", "dragan"])
def test_where_a_penalty_looks_follows_from_seed_and_iteration(name):
    stream = np.random.RandomState(2)
    X, G = np.float32(stream.rand(2, 5, 11))
    seen = []

    def points(seed, iteration, further=None):
        """Returns what D is shown, whose logit is half the square: its gradient is the image."""
        with tf.Graph().as_default(), tf1.Session() as session:

            def D(x, config, y, training):
                seen.append(x)
                return x, tf1.reduce_sum(tf1.square(x), axis=1, keepdims=True) / 2

            system = dataclasses.replace(
                SIMULTANEOUS, discriminator=D, generator=lambda z, *_: tf.constant(G)
            )
            config = RunConfig(seed=seed, **{name: 0.5})
            batch = Batch(*map(tf.constant, (X, G, G)), None, tf.constant(iteration, tf.int64))
            passes = forward(system, config, batch, reuse=False, further=further)
            found = penalties(config, passes)
            value, at = session.run([found[name], seen[-1]])
        norms = np.sqrt((at**2).sum(axis=1))
        assert value == pytest.approx(0.5 * ((norms - 1) ** 2).mean(), rel=1e-5)
        return at

    at = points(3, 7)
    if name == "wgan_gp":
        shares = (at - G) / (X - G)
        np.testing.assert_allclose(shares, np.tile(shares[:, :1], 11), rtol=1e-4)
    else:
        shares = (at - X) / (X.std() / 2)
        assert len(np.unique(shares.round(5))) == shares.size
    assert shares.min() >= 0
    assert shares.max() < 1
    assert len(np.unique(shares[:, 0].round(5))) == 5
    np.testing.assert_array_equal(points(3, 7), at)
    for other in ((4, 7), (3, 8), (3, 7, 0), (3, 7, 1)):
        assert np.abs(points(*other) - at).max() > 0.01


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("engine", ENGINES)
def test_samples_are_made_of_the_moving_average(opened, engine, update):
    toy = opened(UPDATES[update], ema=0.75)
    averages = []

    def behind(weights):
        averages.append(weights["G_W"])

    numpy_steps(toy, 0, of_cross_entropy, behind=behind)
    expected = np.float64(toy.weights["G_W"])
    # Twice an iteration, of which the second is behind G's step.
    for weight in averages[1::2]:
        expected = 0.75 * expected + 0.25 * weight
    toy.engines[engine].train(toy.draw(0))
    values = toy.values()
    np.testing.assert_allclose(values["G_W/average"], expected, rtol=0, atol=2e-5)
    samples = toy.session.run(toy.gan.G_sample, {toy.gan.Z: toy.Z[0]})
    np.testing.assert_allclose(samples, toy.Z[0] @ values["G_W/average"], rtol=1e-4, atol=1e-6)
    assert np.abs(values["G_W"] - values["G_W/average"]).max() > 1e-3


@pytest.mark.parametrize("update", UPDATES)
def test_a_second_look_at_the_images_is_only_for_a_loss_that_needs_it(opened, update):
    """How many operations look at the images in an iteration: one product and its gradient."""
    products = {}
    for loss in BY_HAND:
        body = opened(UPDATES[update], loss).loop_body()
        products[loss] = sum(node.op == "MatMul" for node in body.node_def)
    # The logits of the images once more; their gradient is nobody's.
    more = 1 if update.startswith("alternating") else 0
    assert products["relativistic"] == products["sigmoid_cross_entropy"] + more


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("engine", ENGINES)
def test_scalars_come_out_of_the_step_that_they_belong_to(opened, engine, update):
    plain = opened(UPDATES[update])
    expected = plain.engines[engine].train(plain.draw(0)).scalars
    assert list(expected) == ["D_loss", "G_loss"]
    toy = opened(UPDATES[update], "watched")
    scalars = toy.engines[engine].train(toy.draw(0)).scalars
    assert scalars.keys() == {"D_loss", "G_loss", "fooled", "difference"}
    for name in expected:
        assert scalars[name].tobytes() == expected[name].tobytes()
    # D's of the first weights; G's of the discriminator that its step sees.
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
    """On which the loop engine died, as its halves had the sizes of a whole one."""
    short = Draws(short_batches=True)
    toy = opened(dataclasses.replace(UPDATES["alternating, in halves"], draws=short), towers=towers)
    toy.rows, toy.X, toy.Z, toy.Z_G = (of[:, :4] for of in (toy.rows, toy.X, toy.Z, toy.Z_G))
    losses, _ = numpy_steps(toy, 0, of_cross_entropy)
    block = toy.engines[engine].train(toy.draw(0))
    np.testing.assert_allclose(block.G_loss, losses[:, 1], rtol=1e-4)


@pytest.mark.parametrize(
    "system", [name for name in SYSTEMS if "D_dropout" in SYSTEMS[name].defaults]
)
def test_dropout_of_the_discriminator_is_for_training_alone(system):
    """Its logits by NumPy, with the masks of each hidden layer; inference drops nothing out."""
    rate, sizes, slope = 0.4, (7, 6), {"layers": 0.2}.get(system, 0.0)
    config = RunConfig(system=system, h_dim=sizes, seed=3, D_dropout=rate).resolved()
    stream = np.random.RandomState(2)
    X, y = np.float32(stream.rand(B, 784)), np.eye(10, dtype=np.float32)[np.arange(B) % 10]
    scope = "dis" if system == "layers" else ""
    names = ("dense", "dense_1") if scope else ("h1", "h2")
    with tf.Graph().as_default(), tf1.Session() as session:
        gan = build_gan(SYSTEMS[system], config, 3)
        one = TrainingPass("real", 3, gan.iteration, B)
        with tf1.variable_scope(scope) if scope else contextlib.nullcontext():
            kept = [
                dropped(tf.ones([B, n]), rate, name, one)
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


def test_a_system_with_a_dropout_of_its_own_says_so():
    with pytest.raises(UsageError, match="D_dropout does not apply to --system conv"):
        RunConfig(system="conv", D_dropout=0.5).resolved()
