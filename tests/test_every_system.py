"""What every system must do: one contract for all of `SYSTEMS`."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tensorflow as tf
from networks import BY_D
from offline import Run, train

from vanilla_gan.errors import UsageError
from vanilla_gan.generator.export import ExportConfig, export
from vanilla_gan.generator.generator import Generator
from vanilla_gan.graph.gan import build_gan
from vanilla_gan.graph.tf1 import tf as tf1
from vanilla_gan.settings import ENGINES, LOSSES, RunConfig
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.systems.presets import PRESETS
from vanilla_gan.training.chief import Chief

# With 20 images, epochs end within a batch or with a short one. Odd sizes expose a transpose.
BATCH, ITERS = 8, 7
# At least two maxout units: spectral normalisation would divide a single weight by itself.
SIZES = {"batch_size": BATCH, "z_dim": 5, "h_dim": 11}
# One in ten million sums of `conv` is 0 within rounding: added up in another order, it may get the
# activation's other slope. Adam scales up tiny gradients, and so this difference, too.
STEPS = {"conv": {"adam_epsilon": 0.01, "learning_rate": 0.002}}


# Settings that use every part of an update: both logits, gradients of gradients, averages.
CURES = {
    "published": {},
    "cured": {
        **{"preset": "stable", "ema": 0.75, "h_dim": (7, 6, 4), "dropout_rate": 0.25},
        **{"D_steps": 2, "r2": 0.0, "dragan": 0.1, "D_noise": 0.1, "D_dropout": 0.25},
    },
    "packed": {"pack": 2, "spectral_norm": True, "wgan_gp": 0.1, "batch_size": 4},
}


# Of the systems that share a discriminator, only the first is trained with cures.
PAIRS = [
    (system, cures)
    for system in SYSTEMS
    for cures in CURES
    if cures == "published" or system in BY_D
]
OWN_LOSS = {system: RunConfig(system=system).resolved().loss for system in SYSTEMS}
# The same holds for losses other than a system's own. Fast: own losses, and all of `BY_D[0]`.
LOSS_PAIRS = [
    pytest.param(
        system,
        loss,
        marks=[] if system == BY_D[0] or loss == OWN_LOSS[system] else pytest.mark.slow,
    )
    for system in SYSTEMS
    for loss in LOSSES
    if system in BY_D or loss == OWN_LOSS[system]
]
# Each pair is trained by two engines, continued and exported. Fast are one system for each form of
# update, and a cure that changes what D sees.
FAST = {
    *((system, "published") for system in ("vanilla", "conv", "infogan")),
    ("vanilla", "packed"),
}


def some_slow(pairs):
    """Returns pairs for `parametrize`; all are slow except those in `FAST`."""
    return [pytest.param(*pair, marks=[] if pair in FAST else pytest.mark.slow) for pair in pairs]


TRAINED = pytest.mark.parametrize(
    ("system", "cures"), some_slow(PAIRS), indirect=True, scope="module"
)


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request):
    return request.param


@pytest.fixture(scope="module", params=CURES)
def cures(request):
    return CURES[request.param]


def settings(system, **others):
    given = {"system": system, "seed": 11, "log_every": 1, "sample_every": 3, **SIZES}
    given |= STEPS.get(system, {}) | others
    return {
        name: value
        for name, value in given.items()
        if (name not in (*SIZES, "dropout_rate", "D_dropout") or name in SYSTEMS[system].defaults)
        and name not in SYSTEMS[system].without
    }


@pytest.fixture(scope="module")
def interruption(system, cures):
    """Returns an engine, and an iteration at a picture or not; systems with cures have both."""
    place = PAIRS.index((system, next(name for name in CURES if CURES[name] is cures)))
    return ENGINES[place % 2], 3 + place // 2 % 2


@pytest.fixture(scope="module")
def runs(system, cures, interruption, twenty_images, tmp_path_factory):
    """Returns a run by each engine, and as `left` what a kill of one of them would have left.

    The run by `feed` keeps all checkpoints.
    """
    folder = tmp_path_factory.mktemp(system)
    given = settings(system, iters=ITERS, **cures)
    save = Chief.save

    def copying(self, it, *state):
        save(self, it, *state)
        if (self.config.engine, it) == interruption:
            shutil.copytree(self.config.out, folder / "left")

    every = {"feed": {"checkpoint_every": 1, "keep_checkpoints": ITERS + 1}}
    every["loop"] = {"checkpoint_every": interruption[1]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Chief, "save", copying)
        made = {e: train(folder / e, twenty_images, engine=e, **every[e], **given) for e in ENGINES}
    return {**made, "left": Run(folder / "left", "", [])}


def results(run):
    """Returns the bytes of everything that a run left at its end, by name."""
    files = [*run.out.glob("*.png"), *run.out.glob("*.npz"), run.out / "losses.csv"]
    values = run.variables(ITERS).items()
    return {path.name: path.read_bytes() for path in files} | {
        name: np.asarray(value).tobytes() for name, value in values
    }


def test_its_defaults_are_its_settings(system):
    defaults = SYSTEMS[system].defaults
    config = RunConfig(system=system).resolved()
    assert {name: getattr(config, name) for name in defaults} == dict(defaults)
    # The preset has a row for each system, and names no setting that the system lacks.
    assert system in PRESETS["stable"]
    RunConfig(system=system, preset="stable").resolved().counted(1000).check_complete(1000)
    # Given settings override the defaults.
    config = RunConfig(system=system, beta1=0.25, learning_rate=0.25).resolved()
    assert (config.beta1, config.learning_rate) == (0.25, 0.25)


def test_an_epoch_has_whole_groups_of_images(system):
    given = {"pack": 3, "batch_size": 100, "epochs": 2, "D_steps": 1}
    if "pack" in SYSTEMS[system].without:
        with pytest.raises(UsageError, match=f"--pack does not apply to --system {system}, bec"):
            RunConfig(system=system, **given).resolved()
        return
    config = RunConfig(system=system, **given).resolved()
    assert config.counted(1000).iters == 2 * (1000 // (300 * (1 + SYSTEMS[system].draws.unused)))
    with pytest.raises(UsageError, match=r"batch_size=100: expected .*299.*pack"):
        config.counted(299)


def test_both_engines_see_the_same_pixels(system):
    values = np.arange(256, dtype=np.uint8)
    with tf.Graph().as_default(), tf1.Session() as session:
        fed = tf1.placeholder(tf.uint8, [256])
        scaled = SYSTEMS[system].scale(tf.cast(fed, tf.float32))
        pixels = session.run(scaled, {fed: values})
    np.testing.assert_array_equal(pixels, SYSTEMS[system].pixels())
    assert pixels.dtype == np.float32


@pytest.mark.parametrize(("system", "loss"), LOSS_PAIRS, indirect=["system"])
def test_a_solver_moves_only_its_own_network(system, loss):
    # A clipped weight may not move.
    loose = {"clip_weights": 9.0} if "clip_weights" in SYSTEMS[system].published else {}
    config = RunConfig(**settings(system, loss=loss, init="xavier", **loose)).resolved()
    stream = np.random.RandomState(2)
    with tf.Graph().as_default(), tf1.Session() as session:
        gan = build_gan(SYSTEMS[system], config, config.seed)
        variables = {v.op.name: v for v in tf1.global_variables()}
        feeds = {
            gan.X: stream.uniform(-1, 1, (BATCH, 784)),
            gan.Z: stream.uniform(-1, 1, (BATCH, 5)),
            gan.y: np.eye(10)[np.arange(BATCH)],
            gan.iteration: 3,
        }
        feeds = {
            placeholder: value for placeholder, value in feeds.items() if placeholder is not None
        }
        session.run(gan.init)
        # All solvers run once before, so that stray momentum would show.
        solvers = {name: op for step in gan.steps for name, op in step.solvers.items()}
        session.run([*solvers.values()], feeds)
        trained = {"D_solver": gan.theta_D, "G_solver": gan.theta_G}
        if gan.theta_Q:
            trained["Q_solver"] = [*gan.theta_G, *gan.theta_Q]
        names = {solver: {v.op.name for v in theta} for solver, theta in trained.items()}
        assert not names["D_solver"] & names["G_solver"]
        assert set().union(*names.values()) == {v.op.name for v in tf1.trainable_variables()}
        for solver, own in names.items():
            before = session.run(variables)
            session.run(solvers[solver], feeds)
            after = session.run(variables)
            moved = {n for n in before if before[n].tobytes() != after[n].tobytes()}
            powers = {n for n in moved if n.startswith(("beta", "updates"))}
            statistics = {n for n in moved if "moving_" in n}
            slots = {f"{n}/{solver}{suffix}" for n in own for suffix in ("", "_1")}
            slots &= before.keys()
            moved -= powers | statistics
            assert moved <= own | slots
            # A loss may ignore a bias: a loss of differences ignores the one of all logits.
            assert moved == own | slots if loss == LOSSES[0] else moved & own
            assert len(powers) == {"adam": 2, "own": 1}.get(config.optimizer, 0)
            assert not statistics or solver == "G_solver"


@TRAINED
def test_both_engines_are_the_same(runs, system):
    feed, loop = (runs[engine] for engine in ("feed", "loop"))
    assert np.isfinite(feed.losses()).all()
    assert feed.losses()[:, 0].tolist() == list(range(ITERS))
    np.testing.assert_allclose(loop.losses(), feed.losses(), rtol=1e-5)
    one, other = feed.variables(ITERS), loop.variables(ITERS)
    assert one.keys() == other.keys()
    # Only one of 64 units gets another slope, and its gradient is off by some percent.
    allowed, share = (1e-2, 0.05) if system == "conv" else (1e-3, 0.01)
    for name, value in one.items():
        # Adam divides a gradient by its own size: if it is rounding error, so is the step.
        off = np.abs(np.asarray(other[name]) - value) > allowed * np.abs(value).max() + 1e-9
        assert np.mean(off) < share, name


@TRAINED
def test_a_continued_run_ends_with_the_same_bits(runs, interruption, twenty_images, tmp_path):
    engine, stop = interruption
    out = shutil.copytree(runs["left"].out, tmp_path / "out")
    continued = train(out, twenty_images)
    assert f"continuing at iteration {stop} of {ITERS}" in continued.lines
    one, other = results(runs[engine]), results(continued)
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []


@pytest.mark.parametrize(
    ("system", "loss", "engine"),
    # Each loss by both engines, and each system of `BY_D` by both; `LOSS_PAIRS` above tests all
    # their pairs. All but the first are slow.
    [
        pytest.param(
            BY_D[(place + 3 * number) % len(BY_D)],
            loss,
            engine,
            marks=pytest.mark.slow if place or number else [],
        )
        for place, loss in enumerate(LOSSES)
        for number, engine in enumerate(ENGINES)
    ],
    indirect=["system"],
)
def test_every_loss_trains_a_step(system, loss, engine, twenty_images, tmp_path):
    # A system's own initial weights may be too small for a visible step.
    given = settings(system, engine=engine, loss=loss, iters=1, init="xavier")
    run = train(tmp_path / "out", twenty_images, **given)
    assert np.isfinite(run.losses()).all()
    assert (run.out / "000.png").is_file()
    begun, done = run.variables(0), run.variables(1)
    same = {name for name in begun if np.array_equal(begun[name], done[name])}
    for theta in (SYSTEMS[system].theta_D, SYSTEMS[system].theta_G):
        assert len(same & {*theta}) < len(theta) / 2


@pytest.mark.parametrize(
    ("system", "cures"),
    some_slow(pair for pair in PAIRS if pair[1] == "packed"),
    indirect=True,
    scope="module",
)
def test_each_step_makes_one_power_iteration(system, runs):
    begun, done = runs["feed"].variables(0), runs["feed"].variables(1)
    kept = [name for name in begun if name.endswith("/singular")]
    weights = {n for n in SYSTEMS[system].theta_D if np.ndim(begun[n]) > 1}
    if "spectral_norm" in SYSTEMS[system].without:
        weights = set()
    assert {name.removesuffix("/singular") for name in kept} == weights
    for name in kept:
        weight = begun[name.removesuffix("/singular")]
        matrix = np.float64(weight).reshape(-1, weight.shape[-1])
        right = begun[name] @ matrix.T @ matrix
        np.testing.assert_allclose(done[name], right / np.linalg.norm(right), rtol=1e-3, atol=1e-5)


@TRAINED
def test_an_export_reads_back(runs, system, cures, tmp_path):
    out, model, lines = runs["loop"].out, tmp_path / "model", []
    export(ExportConfig(source=str(out), out=str(model)), lines.append)
    assert lines[-1] == (
        f"wrote {model}: {system} after {ITERS} iterations; read back, the same images and logits, "
        "bit for bit (64 tried)"
    )
    if "pack" in cures:
        # With packing, fewer rows come out than go in, so the other formats are tested, too.
        for kind in ("tflite", "onnx"):
            given = {"out": str(tmp_path / kind), "format": kind}
            if kind == "onnx":
                pytest.importorskip("tf2onnx")
                given["signature"] = "discriminate"
            export(ExportConfig(source=str(out), **given), lines.append)
    loaded = tf.saved_model.load(str(model))
    generate, discriminate = (loaded.signatures[s] for s in ("generate", "discriminate"))
    # The export has the weights that the run samples with, under their plain names.
    last, suffix = runs["loop"].variables(ITERS), "/average" if "ema" in cures else ""
    loaded_weights = {v.name.removesuffix(":0"): v.numpy() for v in loaded.variables}
    names = [name.removesuffix("/average") for name in last if name.endswith("/average")]
    for name in names or SYSTEMS[system].theta_G:
        np.testing.assert_array_equal(loaded_weights[name], last[name + suffix])
    with Generator.load(out) as run, Generator.load(model) as exported:
        assert (exported.iteration, exported.config.system) == (ITERS, system)
        for n in (1, 13, 128):
            Z = np.random.RandomState(2).uniform(-1, 1, [n, 5]).astype(np.float32)
            classes, y = None, {}
            if SYSTEMS[system].conditional:
                classes = np.arange(n) % 10
                y = {"y": tf.constant(np.eye(10, dtype=np.float32)[classes])}
            images = run(Z, classes)
            assert exported(Z, classes).tobytes() == images.tobytes()
            got = generate(z=tf.constant(Z), **y)
            assert list(got) == ["images"]
            assert got["images"].shape == (n, 784)
            assert got["images"].numpy().tobytes() == images.tobytes()
            # Only this system's discriminator is told the class.
            told = y if system == "conditional" else {}
            assert set(discriminate.structured_input_signature[1]) == {"x", *told}
            judged = discriminate(x=got["images"], **told)
            assert {name: tuple(t.shape) for name, t in judged.items()} == {
                "probability": (n // exported.config.pack, 1),
                "logit": (n // exported.config.pack, 1),
            }
            np.testing.assert_allclose(
                judged["probability"], 1 / (1 + np.exp(-judged["logit"])), atol=1e-6
            )
