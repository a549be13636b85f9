"""Settings of every command against their tables; RunConfig: system defaults, and run.json."""

from __future__ import annotations

import dataclasses
import itertools
import json
import typing

import pytest
from tables import CONFIGS, NEEDED, OF_ANOTHER_KIND, out_of_range, settings_of_all

from vanilla_gan.cli.commands import COMMANDS
from vanilla_gan.declare import KINDS, table_of
from vanilla_gan.errors import UsageError
from vanilla_gan.settings import RunConfig, default_data_dir
from vanilla_gan.systems import SYSTEMS

COUNTS = [
    "iters",
    "epochs",
    "sample_every",
    "log_every",
    "keep_checkpoints",
    "batch_size",
    "z_dim",
    "h_dim",
]
NAN, INF = float("nan"), float("inf")
SEEDED = ("sample", "evaluate", "import_images")


@pytest.mark.parametrize(("command", "setting"), settings_of_all())
def test_a_value_that_a_setting_refuses_gives_one_clear_line(command, setting):
    kind = KINDS[setting.kind]
    of_another_kind = [(value, kind) for value in OF_ANOTHER_KIND[setting.kind]]
    if not setting.optional:
        of_another_kind.append((None, kind))
    for value, expected in [*of_another_kind, *out_of_range(setting)]:
        with pytest.raises(UsageError) as caught:
            CONFIGS[command](**{**NEEDED.get(command, {}), setting.name: value})
        line = str(caught.value)
        assert line.startswith(f"--{setting.flag}")
        line, _, _ = line.partition(" (did you mean ")
        assert line.endswith((f": expected {expected}", f" is missing: {setting.missing}"))
        assert "\n" not in line


SIZES = ("batch_size", "z_dim", "h_dim")
SYSTEM_NAMES = f"one of {', '.join(SYSTEMS)}"
# What the tables say, repeated by hand: command, settings, wrong values, what is expected.
WRONG = [
    ("train", COUNTS, (0, -1), "a whole number of at least 1"),
    ("train", ("checkpoint_every", "max_rewinds"), (-1,), "a whole number of at least 0"),
    ("train", ("intra_op_threads", "inter_op_threads"), (-1,), "a whole number of at least 0"),
    ("train", SIZES, (2**20 + 1,), "at most 1048576"),
    ("train", ("system",), ("wgam",), SYSTEM_NAMES),
    ("train", ("loss",), ("LOG",), "one of sigmoid_cross_entropy, log, minimax"),
    ("train", ("init",), ("he",), "one of xavier, xavier_normal"),
    ("train", ("dataset",), ("a/b", "CIFAR10"), "one of auto, mnist, fashion_mnist, kmnist"),
    ("train", ("engine",), ("eager",), "one of loop, feed"),
    ("train", ("precision",), ("float16",), "one of float32, bfloat16"),
    ("train", ("on_nan",), ("go_on",), "one of stop, rewind"),
    ("train", ("seed",), (-1, 2**32), "a whole number in 0..4294967295"),
    ("train", ("learning_rate", "adam_epsilon"), (0.0, -1e-8, INF, NAN), "a number above 0"),
    ("train", ("gpu_memory_fraction",), (0.0, -0.5, 1.01, INF, NAN), "a number in (0, 1]"),
    ("train", ("label_smoothing", "dropout_rate"), (-0.1, 1.0, INF, NAN), "a number in [0, 1)"),
    ("train", ("sample_class",), ("", 1001 * "x"), "a class, or all"),
    ("train", ("device",), ("GPU", "gpu:", "gpu:-1", "gpu:\u00b2", "cpu:0"), "auto, cpu, gpu or"),
    ("train", ("data_dir", "out", "init_weights"), ("",), "a path"),
    ("sample", ("n", "rows", "cols"), (0, -1), "a whole number of at least 1"),
    ("sample", ("interpolate",), (1, -3), "at least 2 points, or 0"),
    ("sample", ("format",), ("jpg",), "one of png, npy, npz, idx"),
    ("sample", ("sample_class",), ("",), "a class, or all"),
    ("sample", ("out",), ("",), "a path"),
    ("evaluate", ("n",), (9, -1), "a whole number of at least 10"),
    ("evaluate", ("out", "neighbours", "data_dir"), ("",), "a path"),
    *((each, ("source",), ("",), "a path") for each in ("evaluate", "export")),
    ("report", ("source", "out", "published_gif"), ("",), "a path"),
    ("compare", ("source", "published_gif"), ("",), "a path"),
    ("compare", ("format",), ("xml",), "one of text, json"),
    ("export", ("format",), ("h5",), "one of saved_model, npz, onnx, tflite"),
    ("export", ("signature",), ("x",), "one of generate, discriminate"),
    ("export", ("out",), ("",), "a path"),
    ("import_weights", ("system",), ("wgam",), SYSTEM_NAMES),
    ("import_weights", ("image_shape",), ("28", "28x0", "28x28x1x1"), "HxW or HxWxC"),
    ("import_images", ("fit",), ("crop",), "one of contain, cover, stretch"),
    ("import_images", ("background",), (256, -1), "a grey value in 0..255"),
    ("import_images", ("test_share",), (0.0, 1.0), "a number between 0 and 1"),
    (
        "import_images",
        ("out",),
        ("own/digits", ".."),
        "a folder in a --data_dir, with a name of its own",
    ),
    *((each, ("seed",), (-1, 2**32), "a whole number in 0..4294967295") for each in SEEDED),
]


@pytest.mark.parametrize(("command", "names", "values", "expected"), WRONG)
def test_the_documented_ranges(command, names, values, expected):
    for name, value in itertools.product(names, values):
        with pytest.raises(UsageError) as caught:
            CONFIGS[command](**{**NEEDED.get(command, {}), name: value})
        other = {"source": "from"} if command != "sample" else {"sample_class": "class"}
        flag = other.get(name, name)
        shown = f"--{flag}={repr(value) if value == '' else value}: expected {expected}"
        assert str(caught.value).startswith(shown)


@pytest.mark.parametrize(
    "settings",
    [
        {name: 1 for name in COUNTS if name != "epochs"},
        {"checkpoint_every": 0, "max_rewinds": 0, "intra_op_threads": 0, "inter_op_threads": 0},
        {"seed": 0},
        {"seed": 2**32 - 1},
        {"learning_rate": 1e-30},
        {"gpu_memory_fraction": 1.0},
        {"label_smoothing": 0.0},
        {"device": "gpu:15"},
        {"iters": 10**18},
    ],
)
def test_the_ranges_include_their_ends(settings):
    config = RunConfig(**settings)
    assert {name: getattr(config, name) for name in settings} == settings


def test_the_documented_defaults():
    config = RunConfig().resolved()
    assert config.iters == 1_000_000
    assert config.system == "vanilla"
    assert config.loss == "sigmoid_cross_entropy"
    assert config.init == "xavier"
    assert config.dataset == "auto"
    assert config.out == "out"
    assert config.sample_every == 1000
    assert config.log_every == 100
    assert config.device == "auto"
    assert config.allow_growth
    # The listing's mb_size, Z_dim, hidden layer and AdamOptimizer().
    assert (config.batch_size, config.z_dim, config.h_dim) == (128, 100, 128)
    assert config.learning_rate == 0.001


def test_resolving_keeps_what_was_given():
    given = {"iters": 7, "batch_size": 11, "z_dim": 3, "h_dim": 5, "learning_rate": 0.5, "seed": 4}
    config = RunConfig(**given).resolved()
    assert {name: getattr(config, name) for name in given} == given
    assert config.sample_every == 1000
    assert config.resolved() == config


def test_a_fresh_seed_is_drawn_each_time():
    seeds = {RunConfig().resolved().seed for _ in range(20)}
    # Two equal seeds among 20 of 2^32 would hardly be chance.
    assert len(seeds) == 20
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert len({type(seed) for seed in seeds} | {int}) == 1


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_preset_fills_in_what_is_not_given(system):
    plain, stable = (RunConfig(system=system, preset=p, seed=1) for p in ("published", "stable"))
    assert plain.resolved() == RunConfig(system=system, seed=1).resolved()
    assert plain.from_preset == {}
    expected = {"loss": "relativistic", "r1": 0.3, "r2": 0.3, "beta1": 0.0, "beta2": 0.99}
    expected |= {"ema": 0.999, "learning_rate": 2e-4 if system == "conv" else 5e-4}
    expected |= {"dropout_rate": 0.0} if system == "conv" else {"h_dim": (512, 512)}
    resolved = stable.resolved()
    assert {name: getattr(resolved, name) for name in expected} == expected
    assert (resolved.batch_size, resolved.label_smoothing) == (128, 0.0)
    assert resolved.resolved() == resolved
    # Given settings win, even defaults; a preset's setting that does not apply is no error.
    given = {"r1": 0.0, "learning_rate": 0.5, "optimizer": "sgd"}
    other = dataclasses.replace(stable, **given).resolved()
    assert {name: getattr(other, name) for name in given} == given
    assert other.beta2 is None
    assert other.from_preset.keys() == stable.from_preset.keys() - {*given, "beta2", "adam_epsilon"}
    assert (other.loss, other.r2) == ("relativistic", 0.3)
    # A preset of a later version may differ, so a record holds all of its settings.
    assert RunConfig.from_json(resolved.to_json()).resolved() == resolved
    assert RunConfig.from_json(resolved.to_json()).from_preset == {}


@pytest.mark.parametrize("given", [{"beta2": 0.9}, {"adam_epsilon": 1e-4}])
def test_what_an_optimizer_lacks_is_not_ignored(given):
    (name,) = given
    with pytest.raises(UsageError, match=f"--{name} does not apply to --optimizer sgd"):
        RunConfig(optimizer="sgd", **given).resolved()
    plain = RunConfig(optimizer="sgd", seed=1).resolved()
    assert plain.resolved() == RunConfig.from_json(plain.to_json()).resolved() == plain


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_programs_own_optimizer_may_be_named(system):
    plain = RunConfig(system=system, seed=1).resolved()
    assert RunConfig(system=system, seed=1, optimizer=plain.optimizer).resolved() == plain
    other = "sgd" if plain.optimizer == "rmsprop" else "rmsprop"
    assert RunConfig(system=system, seed=1, optimizer=other).resolved().beta1 is None


def test_tune_chooses_the_threads():
    with pytest.raises(UsageError, match="--tune chooses --intra_op_threads; leave one"):
        RunConfig(tune=True, intra_op_threads=2).resolved()


def test_iterations_are_counted_in_one_way():
    with pytest.raises(UsageError, match=r"--iters and --epochs both set the length of a run"):
        RunConfig(iters=10, epochs=1).resolved()


def test_a_batch_larger_than_the_data():
    config = RunConfig(batch_size=1001, iters=1, seed=0).resolved()
    with pytest.raises(UsageError, match=r"--batch_size=1001: expected at most .* images, 1000"):
        config.counted(1000)
    assert config.counted(1001) == config


def test_epochs_are_counted_in_whole_batches():
    config = RunConfig(batch_size=128, epochs=3, seed=0).resolved()
    # 55,000 = 429 * 128 + 88
    assert config.counted(55_000).iters == 3 * 429
    # If an iteration takes two batches, all are whole in any system: 214 * 256.
    for system in ("vanilla", "conv"):
        config = RunConfig(system=system, batch_size=128, epochs=3, D_steps=2, seed=0).resolved()
        assert config.counted(55_000).iters == 3 * 214
        assert config.counted(200).iters == 3


@pytest.mark.parametrize("command", CONFIGS)
def test_type_checkers_know_the_same_words(command):
    """`tests/mistyped.py` shows which mistakes they find."""
    config = CONFIGS[command]
    for name, hint in typing.get_type_hints(config).items():
        parts = [hint, *typing.get_args(hint)]
        literals = [part for part in parts if typing.get_origin(part) is typing.Literal]
        words = [word for literal in literals for word in typing.get_args(literal)]
        if words:
            assert tuple(words) == table_of(config)[name].choices, name


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunConfig().iters = 5


def test_goes_through_json_and_back():
    config = RunConfig(seed=5, gpu_memory_fraction=0.25, init_weights="w.npz", h_dim=9).resolved()
    assert json.loads(json.dumps(config.to_json()))["h_dim"] == 9
    for one in (config, RunConfig(seed=5, h_dim=[9, 8]).resolved()):
        assert RunConfig.from_json(json.loads(json.dumps(one.to_json()))) == one
    assert hash(one) == hash(RunConfig(seed=5, h_dim=(9, 8)).resolved())
    # A single number has one form, the one that earlier versions wrote.
    assert RunConfig(h_dim=[9]).h_dim == RunConfig(h_dim=(9,)).h_dim == 9


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"iters": "10"}, "--iters='10': expected a whole number"),
        ({"log_every": None}, "--log_every=None: expected a whole number"),
        ({"overwrite": 1}, "--overwrite=1: expected true or false"),
        ({"iters": 0}, "--iters=0: expected a whole number of at least 1"),
        ({"loss": "LOG"}, "--loss=LOG: expected one of"),
        ({"more": 1}, "unknown settings: more"),
    ],
)
def test_a_record_that_was_not_written_by_this_program(change, said):
    with pytest.raises(ValueError, match=said):
        RunConfig.from_json({**RunConfig(seed=1).resolved().to_json(), **change})


def test_a_record_of_an_earlier_version_lacks_what_came_later():
    config = RunConfig(seed=1, h_dim=9).resolved()
    settings = config.to_json()
    del settings["engine"], settings["label_smoothing"]
    assert RunConfig.from_json(settings) == config


@pytest.mark.parametrize("settings", [None, [], "x", 3])
def test_a_record_that_is_no_object(settings):
    with pytest.raises(ValueError, match="not an object"):
        RunConfig.from_json(settings)


def test_the_environment_names_the_data_dir(monkeypatch):
    monkeypatch.delenv("VANILLA_GAN_DATA", raising=False)
    assert default_data_dir() == "data"
    monkeypatch.setenv("VANILLA_GAN_DATA", "")
    assert default_data_dir() == "data"
    monkeypatch.setenv("VANILLA_GAN_DATA", "/some/where")
    assert default_data_dir() == "/some/where"


@pytest.mark.parametrize("command", CONFIGS)
def test_a_tilde_is_the_home_folder_in_every_flag(command, monkeypatch):
    """No shell expands it in `--out=~/runs`, and nobody wants a folder called ~."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("VANILLA_GAN_DATA", "~/data")
    assert default_data_dir() == "/home/me/data"
    flags = COMMANDS[command]().flags
    texts = [
        each.flag
        for each in table_of(CONFIGS[command]).values()
        if each.kind is str and not each.choices
    ]
    given = flags.parse([f"--{flag}=~/runs" for flag in texts])
    assert set(given.values()) == {"/home/me/runs"}
    assert len(given) == len(texts) > 0
