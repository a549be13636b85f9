"""The systems through the real trainer: recorded runs, what they keep, and every data set."""

from __future__ import annotations

import functools
import pathlib

import numpy as np
import pytest
from numpy_layers import leaky, sigmoid
from offline import (
    Run,
    assert_recorded,
    assert_recorded_losses,
    initial_weights,
    listed_shapes,
    recording,
    train,
)

from vanilla_gan.data.digits import digits
from vanilla_gan.drawing.grid import GridRenderer
from vanilla_gan.errors import UsageError
from vanilla_gan.graph.inference import build_inference
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS

DATA = pathlib.Path(__file__).parent / "data"
# Recorded losses are compared up to iteration 50.
ITERS = 51
# From the listings; the names are public, since checkpoints and files of weights have them.
SHAPES = {
    "layers": {
        "gen/dense/kernel": (100, 128),
        "gen/dense/bias": (128,),
        "gen/dense_1/kernel": (128, 128),
        "gen/dense_1/bias": (128,),
        "gen/dense_2/kernel": (128, 784),
        "gen/dense_2/bias": (784,),
        "dis/dense/kernel": (784, 128),
        "dis/dense/bias": (128,),
        "dis/dense_1/kernel": (128, 128),
        "dis/dense_1/bias": (128,),
        "dis/dense_2/kernel": (128, 1),
        "dis/dense_2/bias": (1,),
    },
    "conditional": listed_shapes(classes=10),
}


@pytest.fixture(scope="module")
def init_weights(tmp_path_factory):
    """Returns a function that writes weights and returns the path."""

    def write(weights: dict[str, np.ndarray]) -> str:
        path = tmp_path_factory.mktemp("weights") / "init.npz"
        np.savez(path, **weights)
        return str(path)

    return write


# --- the recorded runs


@pytest.mark.parametrize("system", SHAPES)
def test_the_recorded_offline_run(engine, system, offline_data_dir, init_weights, tmp_path):
    recorded = recording(DATA / f"{system}_offline_seed0.npz")
    settings = {
        "system": system,
        "engine": engine,
        "init_weights": init_weights(initial_weights(0, SHAPES[system])),
        "seed": 0,
        # As in the recording; it affects the order of draws.
        "sample_every": 100,
        "log_every": 1,
    }
    run = train(tmp_path / "out", offline_data_dir, iters=1, **settings)
    assert_recorded(run, recorded, 1)
    run = train(tmp_path / "out", offline_data_dir, iters=ITERS, **settings)
    assert_recorded_losses(run, recorded, ITERS)


@pytest.mark.parametrize("system", SHAPES)
def test_the_recorded_mnist_run(
    engine, system, real_data_dir, reference_dir, init_weights, tmp_path
):
    recorded = recording(reference_dir / f"{system}_mnist_seed0.npz")
    run = train(
        tmp_path / "out",
        real_data_dir,
        allow_unverified_data=False,
        system=system,
        engine=engine,
        init_weights=init_weights({name: recorded[f"init/{name}"] for name in SHAPES[system]}),
        seed=0,
        iters=ITERS,
        log_every=1,
    )
    assert_recorded_losses(run, recorded, ITERS)


# --- the conditional system: what its pictures show


def conditional_run(out, data_dir, weights, pictures, **settings) -> tuple[Run, np.ndarray]:
    """Returns a run of one iteration, and the samples of its picture."""
    settings = {"system": "conditional", "seed": 0, "iters": 1, "init_weights": weights, **settings}
    return train(out, data_dir, **settings), pictures[0]


def numpy_conditional(z, y, v):
    """Returns the conditional generator's images [B, 784], as in its listing."""
    hidden = np.maximum(np.concatenate([z, y], axis=1) @ v["G_W1"] + v["G_b1"], 0)
    return sigmoid(hidden @ v["G_W2"] + v["G_b2"])


def test_the_default_picture_shows_class_7_as_recorded(
    offline_data_dir, init_weights, pictures, tmp_path
):
    weights = init_weights(initial_weights(0, SHAPES["conditional"]))
    run, samples = conditional_run(tmp_path / "out", offline_data_dir, weights, pictures)
    recorded = recording(DATA / "conditional_offline_seed0.npz")["sample_0000000"]
    np.testing.assert_allclose(samples, recorded, rtol=0, atol=1e-6)
    assert run.record()["config"]["sample_class"] == "7"


@pytest.mark.parametrize("sample_class", ["0", "all"])
def test_the_picture_shows_the_class_that_is_asked_for(
    offline_data_dir, init_weights, pictures, tmp_path, sample_class
):
    weights = initial_weights(0, SHAPES["conditional"])
    path = init_weights(weights)
    out = tmp_path / "out"
    _, samples = conditional_run(out, offline_data_dir, path, pictures, sample_class=sample_class)
    z = np.random.RandomState(0).uniform(-1, 1, [16, 100])
    if sample_class == "all":
        # A row for each class; the noise is the same all down a column.
        z = np.tile(z[:10], (10, 1))
        classes = np.arange(100) // 10
    else:
        classes = np.full(16, int(sample_class))
    expected = numpy_conditional(z, np.eye(10)[classes], weights)
    np.testing.assert_allclose(samples, expected, rtol=0, atol=1e-6)
    other = numpy_conditional(z, np.eye(10)[(classes + 1) % 10], weights)
    assert np.abs(other - expected).max() > 1e-2


# --- hidden layers of sizes that the listings do not have


def in_numpy(x, layers, slope):
    """Returns the output for `x` of layers of (weight, bias), with leaky ReLU between them."""
    for W, b in layers[:-1]:
        x = leaky(x @ np.float64(W) + b, slope)
    return x @ np.float64(layers[-1][0]) + layers[-1][1]


@pytest.mark.parametrize("h_dim", [7, (7,), (7, 6, 4)])
@pytest.mark.parametrize("system", ["vanilla", "conditional", "layers"])
def test_several_sizes_make_as_many_hidden_layers(system, h_dim):
    config = RunConfig(system=system, z_dim=5, h_dim=h_dim, seed=1).resolved()
    of_layers = system == "layers"
    sizes = [7, 6, 4] if h_dim == (7, 6, 4) else [7, 7] if of_layers else [7]
    more, slope = (10, 0) if system == "conditional" else (0, 0.2 * of_layers)
    stream = np.random.RandomState(2)
    x, z, y = stream.rand(3, 784), stream.rand(3, 5), np.eye(10)[[1, 7, 3]]
    with tf.Graph().as_default(), tf.Session() as session:
        tensors, trained = build_inference(SYSTEMS[system], config)
        session.run(tf.global_variables_initializer())
        v = session.run({variable.op.name: variable for variable in trained})
        feeds = {tensors.X: x, tensors.Z: z, tensors.y: y}
        if not more:
            del feeds[tensors.y]
        images, logits = session.run([tensors.G_sample, tensors.D_logit], feeds)
    names = [f"dense_{n}/kernel dense_{n}/bias" for n in range(1, len(sizes) + 1)]
    names = ["dense/kernel dense/bias", *names]
    if not of_layers:
        names = [f"W{n} b{n}" for n in range(1, len(sizes) + 2)]
    D, G = (
        [tuple(v.pop(prefix + name) for name in pair.split()) for pair in names]
        for prefix in (("dis/", "gen/") if of_layers else ("D_", "G_"))
    )
    assert v == {}
    assert [W.shape[1] for W, _ in D] == [*sizes, 1]
    assert [W.shape[1] for W, _ in G] == [*sizes, 784]
    if more:
        x, z = np.concatenate([x, y], axis=1), np.concatenate([z, y], axis=1)
    np.testing.assert_allclose(logits, in_numpy(x, D, slope), rtol=1e-4, atol=1e-6)
    squashed = np.tanh if of_layers else sigmoid
    np.testing.assert_allclose(images, squashed(in_numpy(z, G, slope)), rtol=1e-4, atol=1e-6)


# --- the layers system: the sample that is kept after each epoch


def numpy_layers_generator(z, v):
    """Returns the layers system's images [B, 784], as in its listing."""
    for layer in ("dense", "dense_1"):
        z = leaky(z @ v[f"gen/{layer}/kernel"] + v[f"gen/{layer}/bias"], 0.2)
    return np.tanh(z @ v["gen/dense_2/kernel"] + v["gen/dense_2/bias"])


@pytest.mark.parametrize(
    "engine",
    ["loop", pytest.param("feed", marks=pytest.mark.slow)],
    indirect=True,
    scope="module",
)
def test_a_sample_after_each_epoch(engine, offline_data_dir, pictures, tmp_path):
    """1,000 images in batches of 100: an epoch has ten iterations."""
    run = train(
        tmp_path / "out",
        offline_data_dir,
        system="layers",
        engine=engine,
        seed=4,
        epochs=3,
        checkpoint_every=10,
        keep_checkpoints=4,
    )
    assert run.record()["config"]["iters"] == 30
    with np.load(run.out / "samples.npz") as kept:
        iterations, samples = kept["iterations"], kept["samples"]
    assert iterations.tolist() == [10, 20, 30]
    assert samples.shape == (3, 784)
    stream = np.random.RandomState(4)
    for number, iteration in enumerate(iterations):
        stream.shuffle(np.arange(1000))
        for _ in range(10):
            stream.uniform(-1, 1, [100, 100])
        z = stream.uniform(-1, 1, [1, 100])
        expected = numpy_layers_generator(z, run.variables(iteration))
        np.testing.assert_allclose(samples[number : number + 1], expected, rtol=0, atol=1e-5)
    # The 4x4 pictures have noise of their own, which is not drawn from the published stream.
    z = np.random.RandomState([4, 1 << 20]).uniform(-1, 1, [16, 100])
    assert sorted(pictures) == [0, 10, 20]
    for iteration in (0, 20):
        expected = numpy_layers_generator(z, run.variables(iteration))
        np.testing.assert_allclose(pictures[iteration], expected, rtol=0, atol=1e-5)
    # First and last, side by side.
    GridRenderer(1, 2).save(tmp_path / "expected.png", samples[[0, 2]])
    assert (run.out / "first_last.png").read_bytes() == (tmp_path / "expected.png").read_bytes()


# --- every data set


@pytest.fixture(scope="module")
def all_data_sets(offline_data_dir, tmp_path_factory):
    """Returns a `--data_dir` with a small data set under each name."""
    folder = tmp_path_factory.mktemp("data_sets")
    for name in ("mnist", "fashion_mnist"):
        (folder / name).symlink_to(offline_data_dir / "mnist")
    few = functools.partial(digits.render, 5130, 11)
    with pytest.MonkeyPatch.context() as patch:
        # The real generator, but not its 60,000 images, which would take 20 s.
        patch.setattr(digits, "render", few)
        yield folder


@pytest.mark.parametrize(
    "dataset",
    ["digits", *(pytest.param(n, marks=pytest.mark.slow) for n in ("mnist", "fashion_mnist"))],
)
def test_a_system_with_classes_runs_on_every_data_set(all_data_sets, tmp_path, dataset):
    given = {"system": "conditional", "dataset": dataset, "batch_size": 11, "iters": 2}
    run = train(tmp_path / "out", all_data_sets, **given, log_every=1, seed=1)
    assert run.losses()[:, 0].tolist() == [0, 1]
    assert np.isfinite(run.losses()).all()
    assert run.record()["dataset"]["name"] == dataset


# --- settings that a system does not have


@pytest.mark.parametrize(
    ("system", "setting", "value"),
    [
        ("vanilla", "sample_class", "7"),
        ("conv", "h_dim", 128),
        ("layers", "dropout_rate", 0.0),
    ],
)
def test_a_setting_that_does_not_apply_is_one_clear_line(system, setting, value):
    with pytest.raises(UsageError) as caught:
        RunConfig(system=system, **{setting: value}).resolved()
    line = str(caught.value)
    assert line.startswith(f"--{setting} does not apply to --system {system}, which takes --")
    assert line.endswith("leave it out")
    assert "\n" not in line
    # It names what does apply.
    assert all(f"--{name}" in line for name in SYSTEMS[system].defaults)
