"""Plug-ins: what they add, that both engines and every command know it, and that no other is run.

`anew` makes this process forget all plug-ins.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import offline
import pytest

import vanilla_gan
from vanilla_gan.cli import main as cli
from vanilla_gan.errors import PluginError, UsageError
from vanilla_gan.graph.losses import LOSSES
from vanilla_gan.graph.penalties import PENALTIES, takes_iteration
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.plugins import loading, registry
from vanilla_gan.plugins import trusted as remembering
from vanilla_gan.plugins.trusted import trusted, trusted_file
from vanilla_gan.storage import whole
from vanilla_gan.systems import SYSTEMS

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "docs" / "examples"
NAMES = ("leaky", "relativistic_average", "flat_between")
ALL_THREE = {"system": NAMES[0], "loss": NAMES[1], "penalty": f"{NAMES[2]}:10"}


def anew() -> None:
    for key in list(registry._owners):
        registry.forget(*key)
    loading._loaded.clear()
    loading._given.clear()


@pytest.fixture(autouse=True)
def nothing_loaded(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    anew()
    yield
    anew()


@pytest.fixture(scope="module")
def run_of_all(
    offline_data_dir: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[pathlib.Path], tuple[pathlib.Path, list[pathlib.Path]]]:
    """Returns a function that puts a run and its three plug-ins into a folder, loaded."""
    home = tmp_path_factory.mktemp("plugged")
    files = [shutil.copy(EXAMPLES / f"{name}.py", home) for name in NAMES]
    for file in files:
        loading.load_plugin(file)
    sizes = {"iters": 3, "h_dim": 7, "z_dim": 5, "batch_size": 11, "seed": 1, "log_every": 1}
    for engine in ("feed", "loop"):
        out = home / engine
        offline.train(out, offline_data_dir, engine=engine, **sizes, **ALL_THREE)
    anew()

    def put(folder: pathlib.Path) -> tuple[pathlib.Path, list[pathlib.Path]]:
        there = [folder / pathlib.Path(file).name for file in files]
        for file in there:
            shutil.copy(home / file.name, file)
            loading.load_plugin(file)
        return pathlib.Path(shutil.copytree(home / "loop", folder / "out")), there

    put.home = home  # type: ignore[attr-defined]
    return put


def test_both_engines_train_the_examples(run_of_all) -> None:
    feed, loop = (offline.read_losses(run_of_all.home / engine) for engine in ("feed", "loop"))
    assert len(feed) == 3
    np.testing.assert_allclose(feed, loop, rtol=1e-6)
    record = json.loads((run_of_all.home / "loop" / "run.json").read_text())
    assert [pathlib.Path(each["path"]).stem for each in record["plugins"]] == list(NAMES)


def test_the_example_of_a_system_has_the_dropout_that_it_takes(offline_data_dir, tmp_path) -> None:
    loading.load_plugin(EXAMPLES / "leaky.py")
    settings = {"system": "leaky", "iters": 1, "h_dim": 7, "z_dim": 5, "batch_size": 11, "seed": 1}
    losses = [
        offline.train(tmp_path / str(share), offline_data_dir, **settings, D_dropout=share).losses()
        for share in (0.0, 0.5)
    ]
    assert losses[0].tolist() != losses[1].tolist()


def test_help_lists_what_a_plug_in_registers(capsys) -> None:
    words = [f"--plugin={EXAMPLES / name}.py" for name in ("leaky", "relativistic_average")]
    assert cli.main(["--helpfull", *words]) == 0
    shown = capsys.readouterr().out
    for flag, name in (("system", "leaky"), ("loss", "relativistic_average")):
        assert name in shown.split(f"\n  --{flag} ")[1].split("\n  --")[0]


COMMANDS = [
    "--out=out --iters=4",
    "sample --from=out --out=s.png",
    "report --from=out",
    "doctor --from=out",
    "export --from=out --out=model",
    "sample --from=model --out=t.png",
    "fork --from=out --out=forked --iters=5",
]


@pytest.mark.slow
def test_every_command_knows_the_plug_ins_its_user_gave_before(
    run_of_all, tmp_path, monkeypatch, capsys
) -> None:
    run_of_all(tmp_path)
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        anew()
        assert cli.main(command.split()) == 0, capsys.readouterr().err
        assert "leaky" in SYSTEMS, command
    exported = json.loads((tmp_path / "model" / "vanilla_gan.json").read_text())
    assert [sorted(each.items()) for each in exported["plugins"]] == [
        [("name", f"{name}.py"), ("sha256", sha256)]
        for name, sha256 in zip(NAMES, trusted(), strict=True)
    ]


def test_nobody_elses_plug_in_runs(run_of_all, tmp_path, monkeypatch, capsys) -> None:
    out, files = run_of_all(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", "--from=out", "--out=sent"]) == 0
    # Another user, to whom this folder was sent.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "others"))
    kept = sorted(path.name for path in tmp_path.iterdir())
    sha256 = json.loads((out / "run.json").read_text())["plugins"][0]["sha256"]
    capsys.readouterr()
    for command in COMMANDS:
        anew()
        assert cli.main(command.replace("from=model", "from=sent").split()) == 1
        line = capsys.readouterr().err
        assert line.count("\n") == 1
        assert sha256 in line
        assert "leaky.py" in line
        assert "give --plugin" in line
        assert not {*NAMES} & {*SYSTEMS, *LOSSES, *PENALTIES}
    assert sorted(path.name for path in tmp_path.iterdir()) == kept
    given = [word for file in files for word in ("--plugin", str(file))]
    assert cli.main(["sample", *given, "--from=out", "--out=s.png"]) == 0


@pytest.mark.parametrize("what", ["changed", "missing", "moved", "another given"])
def test_a_file_that_is_not_where_or_what_it_was(run_of_all, tmp_path, what, capsys) -> None:
    out, files = run_of_all(tmp_path)
    anew()
    words = ["sample", f"--from={out}", f"--out={tmp_path / 's.png'}"]
    original = files[0].read_text()
    if what in ("missing", "moved"):
        files[0].rename(tmp_path / "elsewhere.py")
    else:
        files[0].write_text(original + "# another one\n")
    if what == "moved":
        words.append(f"--plugin={tmp_path / 'elsewhere.py'}")
        assert cli.main(words) == 0
        assert str(tmp_path / "elsewhere.py") in trusted().values()
        return
    if what == "another given":
        trusted_file().unlink()
        words += [f"--plugin={file}" for file in files]
    assert cli.main(words) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert str(files[0]) in line
    assert {"missing": "put that file back", "changed": "but has changed"}.get(
        what, "original file"
    ) in line
    files[0].write_text(original)
    anew()
    assert cli.main([*words, f"--plugin={files[0]}"]) == 0


HEAD = "from vanilla_gan import register_loss, register_penalty, register_system\n"
SYSTEM = "import dataclasses\nfrom vanilla_gan.systems import SYSTEMS\nv = SYSTEMS['vanilla']\n"
LOG = "\nfrom vanilla_gan.graph.losses import log\nregister_loss('mine', log)"
WATCHED = "from vanilla_gan.graph.losses import log\nfrom vanilla_gan.graph.tf1 import tf\n"
MEAN = "from vanilla_gan.graph.tf1 import tf\nmean = tf.reduce_mean\n"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = (", "bad.py, line 2: SyntaxError"),
        ("\n1 / 0", "bad.py, line 3: ZeroDivisionError"),
        ("raise SystemExit(0)", "bad.py, line 2: SystemExit"),
        ("", "registers nothing"),
        ("register_loss('log', print)", "bad.py, line 2: loss log: this program already has"),
        ("register_loss('../x', print)", "expected a name"),
        ("register_penalty('r1', print)", "penalty r1: this program already has"),
        ("register_system('mine', 3)", "is not a vanilla_gan"),
        (
            f"{SYSTEM}register_system('mine', dataclasses.replace(SYSTEMS['infogan'], "
            "update=SYSTEMS['conv'].update))",
            "which only the alternating update trains",
        ),
        (
            f"{SYSTEM}register_system('mine', dataclasses.replace(v, defaults={{**v.defaults, "
            "'learning_rat': 1}))",
            "did you mean 'learning_rate'",
        ),
        (
            f"{SYSTEM}register_system('mine', dataclasses.replace(v, defaults={{}}))",
            "lacks defaults for adam_epsilon, batch_size",
        ),
        (
            f"{SYSTEM}register_system('mine', dataclasses.replace(v, conditional=True))",
            "lacks defaults for sample_class, which every conditional system needs",
        ),
        (
            f"{SYSTEM}register_system('mine', dataclasses.replace(SYSTEMS['infogan'], "
            "conditional=False))",
            "has a default for sample_class, but is not conditional",
        ),
    ],
)
def test_a_file_that_is_no_plug_in(tmp_path, code, said, capsys) -> None:
    (tmp_path / "bad.py").write_text(HEAD + code)
    assert cli.main(["--plugin", str(tmp_path / "bad.py"), "--help"]) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert said in line
    assert registry._owners == {}
    assert trusted() == {}


@pytest.mark.parametrize(
    "words", [["--plugin"], ["--plugin="], ["--plugin=nothing"], ["--plugin=."]]
)
def test_a_plug_in_that_cannot_be_read(words, elsewhere, capsys) -> None:
    assert cli.main(words) == 2
    assert "expected a Python file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "flags", "said"),
    [
        ("register_loss('mine', lambda real, fake, label: (real, fake))", "", "pair of scalars"),
        *(
            (
                f"{WATCHED}register_loss('mine', lambda *of: {found})",
                "",
                "does not return a pair of scalars, D_loss and G_loss, or an Objective of scalars",
            )
            for found in (
                "log(*of)._replace(D_watched={'most': of[1]})",
                "(*log(*of), 1)",
                "(tf.cast(log(*of).D_loss, tf.float64), log(*of).G_loss)",
            )
        ),
        (
            "def part(passes):\n    return passes.look(passes.seed_for('x'), 'x'), passes.X\n"
            f"register_penalty('mine', part){LOG}",
            "--penalty=mine:1",
            "the random draw x was not announced; a penalty that draws numbers must be registered",
        ),
        (
            "register_loss('mine', lambda real, fake, label: 1 / 0)",
            "",
            "line 2: the loss mine fails",
        ),
        (
            f"def part(passes):\n    return passes.nothing\nregister_penalty('mine', part){LOG}",
            "--penalty=mine:1",
            "line 3: the penalty mine fails: AttributeError",
        ),
        (
            f"register_penalty('mine', lambda passes: passes.X){LOG}",
            "--penalty=mine:1",
            "the penalty mine does not return a pair of tensors, logits and images",
        ),
        (
            f"register_penalty('mine', lambda passes: (passes.D_logit_real, passes.G_sample)){LOG}",
            "--penalty=mine:1",
            "the logits of the penalty mine have no gradient with respect to its images",
        ),
        (
            "register_penalty('mine', lambda passes: (passes.D_logit_real, passes.X), "
            f"lambda gradients: gradients){LOG}",
            "--penalty=mine:1",
            "the distance of the penalty mine is not a scalar",
        ),
        (
            f"{MEAN}register_loss('mine', lambda real, fake, label: (mean(fake), mean(real)))",
            "",
            "the loss has no gradient with respect to G_W1 or any other variable that it should",
        ),
        (
            f"{MEAN}register_loss('mine', lambda real, fake, label: (mean(fake), mean(real)))",
            "--system=goodfellow2014",
            "the loss has no gradient with respect to generator/h0/kernel or any other variable",
        ),
        (
            f"{SYSTEM}register_system('mine', dataclasses.replace(v, theta_G=v.theta_G[1:], "
            f"theta_of=None)){LOG}",
            "--system=mine",
            "in no list ['G_W1']",
        ),
        (
            f"{SYSTEM}register_system('mine', dataclasses.replace(v, generator=lambda *of: "
            f"v.generator(*of)[:, 1:])){LOG}",
            "--system=mine",
            "the generator of the system mine returns [None, 783], expected images [None, 784]",
        ),
        (
            f"{SYSTEM}register_system('mine', dataclasses.replace(v, discriminator=lambda *of: "
            f"v.discriminator(*of)[0])){LOG}",
            "--system=mine",
            "the discriminator of the system mine does not return",
        ),
    ],
)
def test_a_plug_in_that_fails_in_the_graph(
    tmp_path, offline_data_dir, elsewhere, code, flags, said, capsys
) -> None:
    (tmp_path / "bad.py").write_text(HEAD + code)
    data = f"--dataset=mnist --allow_unverified_data --data_dir={offline_data_dir}"
    words = f"--plugin={tmp_path / 'bad.py'} --loss=mine --iters=1 --h_dim=3 {data} {flags}"
    assert cli.main(words.split()) == 1
    lines = capsys.readouterr().err
    assert said in lines
    assert "Traceback" not in lines


def test_what_is_registered_from_python_is_a_choice() -> None:
    with pytest.raises(UsageError, match="expected one of"):
        vanilla_gan.RunConfig(loss="mine")
    for smoothed in (False, True):
        # As in a notebook's cell that is run again.
        vanilla_gan.register_loss("mine", LOSSES["log"], labelled=smoothed)
        config = vanilla_gan.RunConfig(loss="mine", label_smoothing=0.1)
        if smoothed:
            assert config.resolved().label_smoothing == 0.1
        else:
            with pytest.raises(UsageError, match="which has no labels"):
                config.resolved()
    assert registry.plugins_of(config) == []
    for penalty, said in (("none_such:1", "the --plugin"), ("r1:1", "give --r1")):
        with pytest.raises(UsageError, match=said):
            vanilla_gan.RunConfig(penalty=penalty).resolved()
    vanilla_gan.register_penalty("drawn", lambda passes: passes, draws=True)
    for weight in (0, 0.5):
        drawing = vanilla_gan.RunConfig(penalty=f"drawn:{weight}").resolved()
        assert takes_iteration(SYSTEMS["vanilla"], drawing) == bool(weight)
    vanilla_gan.register_system("mine", SYSTEMS["vanilla"])
    assert vanilla_gan.RunConfig(system="mine").resolved().batch_size == 128
    with pytest.raises(UsageError, match="--preset stable has no settings for --system mine"):
        vanilla_gan.RunConfig(system="mine", preset="stable").resolved()
    for field in ({"published": {"los": "log"}}, {"without": ("los",)}):
        vanilla_gan.register_system("mine", dataclasses.replace(SYSTEMS["vanilla"], **field))
        with pytest.raises(UsageError, match=r"setting los, .*did you mean 'loss'"):
            vanilla_gan.RunConfig(system="mine").resolved()


def test_reading_a_run_replaces_nothing_of_the_notebook(tmp_path) -> None:
    (tmp_path / "a.py").write_text(f"{HEAD}register_loss('mine', print)")
    loading.load_plugin(tmp_path / "a.py")
    of_a_run = registry.plugins_of(vanilla_gan.RunConfig(loss="mine"))
    anew()
    vanilla_gan.register_loss("mine", LOSSES["log"])
    before = LOSSES["mine"]
    with pytest.raises(PluginError, match=r"a\.py, line 2: loss mine: .* one of its own"):
        loading.require(of_a_run, "run.json")
    assert LOSSES["mine"] is before
    # The cell's code has become a file.
    loading.load_plugin(tmp_path / "a.py")
    assert registry.plugins_of(vanilla_gan.RunConfig(loss="mine")) == of_a_run


def test_two_files_do_not_register_the_same_name(tmp_path) -> None:
    for name in ("a.py", "b.py"):
        code = f"{HEAD}register_loss('mine', lambda *of: {name!r})"
        (tmp_path / name).write_text(code)
    loading.load_plugin(tmp_path / "a.py")
    with pytest.raises(PluginError, match=r"b\.py, line 2: loss mine: .*a\.py registers it"):
        loading.load_plugin(tmp_path / "b.py")
    # The same file, changed while a notebook is open; an earlier run needs both as they were.
    (tmp_path / "a.py").write_text(f"{HEAD}for n in ('mine', 'other'): register_loss(n, print)")
    loading.load_plugin(tmp_path / "a.py")
    both = registry.plugins_of(vanilla_gan.RunConfig(loss="other"))
    loading.require(both, "run.json")
    (tmp_path / "a.py").write_text(f"{HEAD}register_loss('mine', print)")
    loading.load_plugin(tmp_path / "a.py")
    assert {"mine", "other"} <= LOSSES.keys()
    with pytest.raises(PluginError, match=r"a\.py had that content, but has changed"):
        loading.require(both, "run.json")


def test_two_threads_run_a_plug_in_once(tmp_path, monkeypatch) -> None:
    """As if both called `Generator.load`: the second one waits for the first one."""
    runs, errors, waits = [], [], threading.Event()
    lock = loading._RUNNING

    class Told:
        def __enter__(self) -> None:
            if runs:
                waits.set()
            lock.acquire()

        def __exit__(self, *raised: object) -> None:
            lock.release()

    def load() -> None:
        try:
            loading.load_plugin(tmp_path / "a.py")
        except PluginError as error:
            errors.append(error)

    second = threading.Thread(target=load)

    def begun() -> None:
        runs.append(1)
        if len(runs) == 1:
            second.start()
            assert waits.wait(60)

    code = f"import told_by_the_plug_in\ntold_by_the_plug_in.begun()\n{HEAD}"
    (tmp_path / "a.py").write_text(f"{code}register_loss('mine', print)")
    monkeypatch.setitem(sys.modules, "told_by_the_plug_in", types.SimpleNamespace(begun=begun))
    monkeypatch.setattr(loading, "_RUNNING", Told())
    load()
    second.join()
    assert (len(runs), errors) == (1, [])
    assert "mine" in LOSSES
    # What the notebook registers next is its own.
    vanilla_gan.register_loss("other", LOSSES["log"])
    assert registry.plugins_of(vanilla_gan.RunConfig(loss="other")) == []


def test_an_open_generator_stays_what_it_was(offline_data_dir, tmp_path) -> None:
    """Even if a notebook's cell registers its system again, or a server's plug-in fails later."""
    vanilla_gan.register_system("mine", SYSTEMS["vanilla"])
    sizes = {"iters": 1, "h_dim": 7, "z_dim": 5, "batch_size": 11, "seed": 1}
    offline.train(tmp_path / "out", offline_data_dir, system="mine", **sizes)
    with vanilla_gan.Generator.load(tmp_path / "out") as generator:
        Z = generator.sample_Z(3, seed=2)
        grey = generator.to_grey(generator(Z))
        conv = SYSTEMS["conv"]
        other = dataclasses.replace(SYSTEMS["vanilla"], sample_Z=conv.sample_Z, scale=conv.scale)
        vanilla_gan.register_system("mine", other)
        assert generator.sample_Z(3, seed=2).tobytes() == Z.tobytes()
        registry.forget("system", "mine")
        assert generator.to_grey(generator(Z)).tobytes() == grey.tobytes()


@pytest.mark.parametrize("spoilt", ["damaged", "writable by others"])
def test_a_list_that_somebody_else_may_have_written_is_ignored(tmp_path, spoilt) -> None:
    loading.load_plugin(EXAMPLES / "leaky.py")
    path = trusted_file()
    assert [each.stat().st_mode & 0o777 for each in (path.parent, path)] == [0o700, 0o600]
    assert list(trusted().values()) == [str(EXAMPLES / "leaky.py")]
    if spoilt == "damaged":
        path.write_text(path.read_text().replace("leaky", "lucky"))
    else:
        path.chmod(0o666)
    assert trusted() == {}
    loading.load_plugin(EXAMPLES / "leaky.py")
    assert len(trusted()) == 1


@pytest.mark.parametrize("harm", ["gone", "edited"])
def test_a_copy_does_not_hide_the_original(tmp_path, harm) -> None:
    """A folder was copied with its plug-in, and the copy was given, too."""
    original, copy = tmp_path / "a.py", tmp_path / "b.py"
    for path in (original, copy):
        path.write_text(f"{HEAD}register_loss('mine', print)")
        anew()
        loading.load_plugin(path)
    of_a_run = registry.plugins_of(vanilla_gan.RunConfig(loss="mine"))
    anew()
    if harm == "gone":
        copy.unlink()
    else:
        copy.write_text(f"{copy.read_text()}\n# another one\n")
    loading.require(of_a_run, "run.json")
    (found,) = registry.plugins_of(vanilla_gan.RunConfig(loss="mine"))
    assert found.path == str(original)


def test_two_programs_that_remember_at_once_forget_neither(tmp_path, monkeypatch) -> None:
    """One waits for the other, and adds to what is there by then."""
    first, second = (registry.Plugin(f"/{name}.py", name * 64) for name in "ab")
    lock = remembering.locked_folder

    def wait_for_another(*args: Any) -> Any:
        monkeypatch.setattr(remembering, "locked_folder", lock)
        remembering.remember(second)
        return lock(*args)

    monkeypatch.setattr(remembering, "locked_folder", wait_for_another)
    remembering.remember(first)
    assert sorted(trusted().values()) == ["/a.py", "/b.py"]


def test_the_list_is_always_valid(tmp_path, monkeypatch) -> None:
    """Even before the folder is flushed, and whatever mode the user gives to new files."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    counted, sync = [], whole.sync_folder

    def look_and_sync(folder: pathlib.Path) -> None:
        counted.append(sorted(trusted().values()))
        sync(folder)

    monkeypatch.setattr(whole, "sync_folder", look_and_sync)
    before = os.umask(0o002)
    try:
        for name in "ab":
            remembering.remember(registry.Plugin(f"/{name}.py", name * 64))
    finally:
        os.umask(before)
    assert counted == [["/a.py"], ["/a.py", "/b.py"]]


def test_without_a_home_a_plug_in_is_given_each_time(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    loading.load_plugin(EXAMPLES / "leaky.py")
    assert "leaky" in SYSTEMS
    assert trusted() == {}


def softplus(x: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(x))


def test_the_example_of_a_loss_by_hand() -> None:
    loading.load_plugin(EXAMPLES / "relativistic_average.py")
    real, fake = np.float32([[1.5], [-0.5], [2.0]]), np.float32([[0.25], [-1.0], [0.5]])
    with tf.Graph().as_default(), tf.Session() as session:
        found = session.run(
            LOSSES["relativistic_average"](tf.constant(real), tf.constant(fake))[:2]
        )
    of_real, of_fake = real - fake.mean(), fake - real.mean()
    D_loss = softplus(-of_real).mean() + softplus(of_fake).mean()
    G_loss = softplus(of_real).mean() + softplus(-of_fake).mean()
    np.testing.assert_allclose(found, [D_loss, G_loss], rtol=1e-6)


def test_the_example_of_a_penalty_by_hand() -> None:
    """The gradient of a quadratic D is the point itself, between an image and a sample."""
    loading.load_plugin(EXAMPLES / "flat_between.py")
    with tf.Graph().as_default(), tf.Session() as session:
        passes = types.SimpleNamespace(
            X=tf.constant([[1.0, 0.0]] * 5),
            G_sample=tf.constant([[0.0, 1.0]] * 5),
            look=lambda images, name: tf.reduce_sum(images**2, axis=1, keepdims=True) / 2,
            seed_for=lambda name: tf.constant([1, 2], tf.int64),
        )
        part, distance = PENALTIES["flat_between"]
        logits, images = part(passes)
        found, shares = session.run([distance(tf.gradients(logits, images)[0]), images[:, 0]])
    assert 0 <= shares.min() < shares.max() < 1
    np.testing.assert_allclose(found, np.mean(shares**2 + (1 - shares) ** 2) / 2, rtol=1e-6)


def test_a_plug_in_that_changes_meanwhile(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(loading, "_given", {})
    mine = tmp_path / "mine.py"
    shutil.copy(EXAMPLES / "leaky.py", mine)
    content = mine.read_bytes()
    loading._given[str(mine)] = hashlib.sha256(content).hexdigest()
    loading.check_unchanged()
    mine.write_bytes(content + b"# another\n")
    with pytest.raises(PluginError, match="has changed since this command began"):
        loading.check_unchanged()


@pytest.mark.slow
def test_the_runs_of_a_sweep_have_the_plug_in(tmp_path, offline_data_dir, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Without a list of trusted plug-ins, the runs cannot find it by themselves.
    os.makedirs(tmp_path / "config")
    (tmp_path / "config" / "vanilla_gan").touch()
    data = f"--dataset=mnist --allow_unverified_data --data_dir={offline_data_dir}"
    words = f"sweep --plugin {EXAMPLES}/leaky.py --system=leaky --seeds=0:1 --iters=1 {data}"
    assert cli.main(words.split()) == 0
