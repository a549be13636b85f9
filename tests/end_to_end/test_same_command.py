"""The same command again: continues, extends, says that it is finished, or what is different."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import shutil
import signal

import numpy as np
import pytest
from commands import SMALL_SHAPES, small_run
from conftest import ITERS
from mishaps import kill
from offline import read_losses
from one_line import failure
from processes import python
from results import checkpoints, differences, fingerprint, record
from runner import Mishap, run, start

from vanilla_gan.systems import SYSTEMS

# Between the third checkpoint and the fourth.
KILL = Mishap(kill, operation="os.rename", path="checkpoints/0000000120")


@pytest.fixture(scope="module")
def killed(offline_data_dir, tmp_path_factory):
    """Returns a folder of results whose run was killed with checkpoints at 0, 40 and 80."""
    folder = tmp_path_factory.mktemp("killed")
    given = small_run(offline_data_dir, iters=ITERS, out="out")
    assert run(given, folder, [KILL]).status == -signal.SIGKILL
    return folder / "out"


@pytest.fixture
def interrupted(killed, tmp_path):
    """Returns a copy of that folder, which the same command would continue."""
    return pathlib.Path(shutil.copytree(killed, tmp_path / "out"))


# test_every_system.py checks in one process that every system ends with the same bits after a new
# start; here, a kill and a new process come between.
@pytest.mark.parametrize(
    "given",
    [
        {"loss": "log", "init": "xavier_normal"},
        *(
            pytest.param({"system": system, "engine": engine}, marks=pytest.mark.slow)
            for system, engine in (("conditional", "feed"), ("layers", "loop"), ("conv", "feed"))
        ),
    ],
    ids=lambda given: "-".join(given.values()),
)
def test_a_run_killed_midway_continues(tmp_path, command, words, given):
    system = given.get("system", "vanilla")
    settings = {**given, "iters": 12, "checkpoint_every": 3, "sample_every": 5}
    sizes = {"batch_size": 15, "z_dim": 7, "h_dim": 13}
    # With odd sizes, half of a pair of normal draws is still unused when a checkpoint is written.
    settings |= {n: size if n in SYSTEMS[system].defaults else None for n, size in sizes.items()}
    full = words(**settings, out="full")
    assert command(full).status == 0
    killed = words(**settings)
    at_the_third = Mishap(kill, operation="os.rename", path="checkpoints/0000000006")
    assert command(killed, [at_the_third]).status == -signal.SIGKILL

    finished = command(killed)

    assert finished.status == 0, finished.stderr
    assert "continuing at iteration 3 of 12" in finished.stderr
    assert differences(tmp_path / "out", tmp_path / "full") == []


@pytest.mark.usefixtures("interrupted")
def test_without_flags_everything_is_taken_from_the_run(continues):
    assert "continuing at iteration 80 of 300" in continues(["--out=out"]).stderr


@pytest.mark.slow
def test_event_files_have_each_iteration_once(tmp_path, command, words, undisturbed):
    """Killed with losses and a picture past the checkpoint, which are then written again."""
    given = words(tensorboard="true")
    assert command(given, [KILL]).status == -signal.SIGKILL
    past = Mishap(kill, operation="os.rename", path="latest.png", count=3)
    assert command(given, [past]).status == -signal.SIGKILL
    finished = command(given)
    assert finished.status == 0, finished.stderr
    assert "continuing at iteration 120 of 300" in finished.stderr
    assert len(list((tmp_path / "out" / "tensorboard").iterdir())) == 3
    assert differences(tmp_path / "out", undisturbed(tensorboard="true")) == []
    # All files but the record equal those of a run without event files.
    plain = differences(tmp_path / "out", undisturbed())
    assert plain == ["run.json", "tensorboard"]


def test_more_iterations_than_before(tmp_path, command, words, continues):
    assert command(words(iters=130)).status == 0
    assert record(tmp_path / "out")["trained"] == 130
    continues(["--out=out", f"--iters={ITERS}"])


def test_finished_run_does_nothing_and_says_so(tmp_path, command, words):
    assert command(words(iters=10)).status == 0
    before = fingerprint(tmp_path / "out")
    check = (
        "import sys; from vanilla_gan.cli.main import main; status = main(sys.argv[1:]); "
        "assert 'tensorflow' not in sys.modules; sys.exit(status)"
    )
    done = python("-c", check, *words(iters=10), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr == (
        "out: this run is finished after 10 iterations; give a larger --iters to train it further\n"
    )
    assert fingerprint(tmp_path / "out") == before


@pytest.mark.slow
def test_what_lies_past_the_end_is_removed(tmp_path, command, words, continues):
    """The picture of iteration 150 exists already when the run is told to end at 130."""
    kill_at_150 = Mishap(kill, operation="os.rename", path="checkpoints/0000000160")
    assert command(words(), [kill_at_150]).status == -signal.SIGKILL
    assert (tmp_path / "out" / "003.png").exists()
    continues(iters=130)


def test_fewer_iterations_than_there_are(interrupted, command):
    before = fingerprint(interrupted)
    finished = command(["--out=out", "--iters=70"])
    after = fingerprint(interrupted)
    assert finished.status == 0
    assert finished.last_line.startswith("out: this run has 80 iterations already; give a larger")
    assert {**after, "run.lock": before["run.lock"]}.items() <= before.items()
    # Only what the kill left half-written is gone.
    assert all(".vanilla_gan." in name for name in before.keys() - after.keys() - {"run.lock"})


@pytest.mark.slow
def test_settings_that_affect_no_number_may_change(tmp_path, command, words, undisturbed):
    """Another engine and other threads in the middle of a run change only the rounding."""
    sizes = {"batch_size": None, "z_dim": None, "h_dim": None, "iters": 150}
    assert command(words(**sizes), [KILL]).status == -signal.SIGKILL
    given = {"engine": "feed", "intra_op_threads": 1, "inter_op_threads": 1}
    finished = command(["--out=out", *(f"--{name}={value}" for name, value in given.items())])
    assert finished.status == 0, finished.stderr
    assert "--engine feed (was loop)" in finished.stderr
    ours, theirs = (read_losses(out) for out in (tmp_path / "out", undisturbed(**sizes)))
    assert len(ours) == len(theirs) == 150
    # Bit for bit the same, unless oneDNN multiplies.
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    changes = record(tmp_path / "out")["changes"]
    assert {change["setting"]: change["is"] for change in changes} == given
    assert {change["iteration"] for change in changes} == {80}
    assert record(tmp_path / "out")["config"].items() >= given.items()


def test_fewer_rows_from_here_on(interrupted, command, undisturbed):
    assert command(["--out=out", "--log_every=7"]).status == 0
    rows, full = (
        (out / "losses.csv").read_text().splitlines()[1:] for out in (interrupted, undisturbed())
    )
    assert rows == full[:80] + full[84::7]


def test_a_relative_data_dir_from_another_folder(
    tmp_path, command, words, undisturbed, offline_data_dir
):
    (tmp_path / "data").symlink_to(offline_data_dir)
    (tmp_path / "elsewhere").mkdir()
    assert command(words(data_dir="data"), [KILL]).status == -signal.SIGKILL
    finished = run(["--out=../out"], tmp_path / "elsewhere")
    assert finished.status == 0, finished.stderr
    assert differences(tmp_path / "out", undisturbed()) == ["run.json"]


@pytest.mark.slow
def test_overwrite_moves_aside_and_never_deletes(
    tmp_path, interrupted, command, words, undisturbed
):
    first = fingerprint(interrupted)
    first.pop("run.lock")
    done = command([*words(iters=10, seed=9), "--overwrite"])
    assert done.status == 0, done.stderr
    assert f"moved what was in out to {tmp_path / 'out.1'}" in done.stderr
    second = fingerprint(tmp_path / "out")
    assert record(tmp_path / "out")["config"]["seed"] == 9

    stop = functools.partial(kill, signal.SIGTERM)
    half = Mishap(stop, operation="os.rename", path="003.png")
    stopped = command([*words(), "--overwrite"], [half])
    assert stopped.status == 143
    # With --overwrite, the same command would start from the beginning.
    assert "the same command without --overwrite continues it" in stopped.last_line
    done = command(words())

    assert done.status == 0, done.stderr
    assert fingerprint(tmp_path / "out.1").items() >= first.items()
    assert fingerprint(tmp_path / "out.2") == second
    # The record has no --overwrite either, because the command that continued the run had none.
    assert differences(tmp_path / "out", undisturbed()) == []
    # The run that was moved aside can be continued where it is now.
    assert command(["--out=out.1"]).status == 0
    assert differences(tmp_path / "out.1", undisturbed()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        ("sample", "export", "fork", "report", "compare", "train"),
        ("sample", "export", "fork", "evaluate") * 3,
    ],
)
def test_every_command_while_it_trains(tmp_path, command, words, offline_data_dir, names):
    """Checkpoints are soon removed; no command takes one that is gone for a damaged one.

    `-s` shows a table.
    """
    settings = {"iters": 10**7, "checkpoint_every": 20, "keep_checkpoints": 1, "log_every": 9}
    (tmp_path / "run").mkdir()
    trains = start(words(**settings, sample_every=5000), tmp_path / "run")
    trains.wait_for((tmp_path / "run" / "out" / "001.png").exists)
    of_run = "--from=run/out"
    commands = {
        "sample": (["sample", of_run, "--out={}.png"], 0),
        "export": (["export", of_run, "--out={}", "--format=npz"], 0),
        "fork": (["fork", of_run, "--out={}", "--iters=1"], 0),
        "report": (["report", of_run, "--out={}"], 0),
        "compare": (["compare", of_run], 3),
        "evaluate": (["evaluate", of_run, f"--data_dir={offline_data_dir}", "--n=20"], 0),
        "train": (words(out="run/out"), 2),
    }
    for number, name in enumerate(names):
        given, status = commands[name]
        finished = command([word.format(number) for word in given])
        print(f"while it trains: {name:10}status {finished.status}")
        assert finished.status == status, (name, finished.stderr)
        assert "Traceback" not in finished.stderr
    trains.signal(signal.SIGTERM)
    stopped = trains.wait()
    assert stopped.status == 143, stopped.stderr
    assert "warning" not in stopped.stderr
    [newest] = checkpoints(tmp_path / "run" / "out")
    again = words(**{**settings, "iters": newest + 5, "sample_every": 5000}, out="run/out")
    assert command(again).status == 0


def test_two_starts_at_once(tmp_path, words, undisturbed):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    started = [start(words(out=tmp_path / "out"), folder) for folder in folders]
    finished = [run.wait() for run in started]
    assert sorted(run.status for run in finished) == [0, 2], finished
    refused, trained = sorted(range(2), key=lambda index: -finished[index].status)
    line = finished[refused].last_line
    assert f"out is in use: process {started[trained].pid} on" in line or "another process" in line
    assert differences(tmp_path / "out", undisturbed()) == []


def test_torn_checkpoint_is_passed_over(tmp_path, interrupted, command, words, undisturbed):
    torn = interrupted / "checkpoints" / "0000000080" / "model.ckpt.data-00000-of-00001"
    os.truncate(torn, 1000)
    finished = command(words())
    assert finished.status == 0, finished.stderr
    assert (
        "checkpoint out/checkpoints/0000000080 is passed over: model.ckpt.data" in finished.stderr
    )
    assert "continuing at iteration 40 of 300" in finished.stderr
    assert differences(tmp_path / "out", undisturbed()) == sorted(
        str(path.relative_to(interrupted))
        for path in (interrupted / "checkpoints" / "0000000080.passed_over").iterdir()
    )


def unlink_states(out: pathlib.Path) -> None:
    for path in out.rglob("state.npz"):
        path.unlink()


def change_seed(out: pathlib.Path) -> None:
    path = out / "run.json"
    path.write_text(path.read_text().replace('"seed": 7', '"seed": 8'))


def change_data(out: pathlib.Path) -> None:
    """Changes the last label."""
    labels = out.with_name("data") / "mnist" / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1] + b"\x00")


CANNOT = {
    "no whole checkpoint": (unlink_states, {}, 1, "out/checkpoints: none of its 3 checkpoints can"),
    # A run never begins anew over pictures that took it hours.
    "no checkpoint": (
        lambda out: shutil.rmtree(out / "checkpoints"),
        {},
        2,
        "out holds results of a run but no checkpoint to continue from",
    ),
    "changed record": (
        change_seed,
        {"seed": 8},
        1,
        "out/run.json cannot be used: its content was changed since it was written;",
    ),
    "other settings": (
        lambda out: None,
        {"seed": 8, "h_dim": 14, "log_every": 2, "engine": "feed"},
        2,
        "out holds a run with other settings: --h_dim was 13, is 14; --seed was 7, is 8; "
        "choose another --out, or start anew with --overwrite, which first moves that run aside",
    ),
    "other data": (
        change_data,
        {"data_dir": "data"},
        2,
        "out holds a run on other data: mnist had the checksum",
    ),
}


@pytest.mark.parametrize("case", CANNOT)
def test_what_cannot_be_continued_is_left_as_it_is(
    tmp_path, interrupted, words, offline_data_dir, monkeypatch, capsys, case
):
    damage, settings, status, said = CANNOT[case]
    monkeypatch.chdir(tmp_path)
    shutil.copytree(offline_data_dir, tmp_path / "data")
    damage(interrupted)
    before = fingerprint(interrupted)
    found, line = failure(capsys, *words(**settings))
    assert (found, line[: len(said)]) == (status, said)
    after = fingerprint(interrupted)
    del before["run.lock"]  # of the process that was killed
    assert after == before


def test_losses_cut_by_somebody(interrupted, command, words, undisturbed):
    """The newest checkpoint is still continued; the rows that are left are moved aside."""
    with np.load(interrupted / "checkpoints" / "0000000080" / "state.npz") as state:
        os.truncate(interrupted / "losses.csv", int(state["losses_size"]) - 1)
    finished = command(words())
    assert finished.status == 0, finished.stderr
    assert "continuing at iteration 80 of 300" in finished.stderr
    assert "warning: out/losses.csv holds" in finished.stderr
    different = differences(interrupted, undisturbed())
    assert [name for name in different if "state.npz" not in name and "manifest" not in name] == [
        "losses.csv",
        "losses.csv.1",
        "losses.png",
    ]


@pytest.mark.slow
def test_initial_weights_are_needed_only_once(tmp_path, command, words, undisturbed):
    rng = np.random.RandomState(1)
    weights = {name: rng.normal(0, 0.1, shape).astype("f4") for name, shape in SMALL_SHAPES.items()}
    for where in (tmp_path, tmp_path / "undisturbed"):
        where.mkdir(exist_ok=True)
        np.savez(where / "w.npz", **weights)
    given = words(init_weights="w.npz")
    assert run(given, tmp_path / "undisturbed").status == 0
    assert command(given, [KILL]).status == -signal.SIGKILL
    (tmp_path / "w.npz").unlink()

    finished = command(given)

    assert finished.status == 0, finished.stderr
    assert differences(tmp_path / "out", tmp_path / "undisturbed" / "out") == []
    # The weights made a difference.
    assert (tmp_path / "out" / "losses.csv").read_bytes() != (
        undisturbed() / "losses.csv"
    ).read_bytes()


@pytest.mark.slow
def test_run_json_keeps_the_seed_that_was_drawn(tmp_path, command, words):
    given = [word for word in words() if not word.startswith("--seed")]
    killed = command(given, [KILL])
    assert killed.status == -signal.SIGKILL
    seed = json.loads((tmp_path / "out" / "run.json").read_text())["config"]["seed"]
    assert f"--seed {seed}" in killed.stderr
    assert command(given).status == 0
    full = command([*words(seed=seed, out="full")])
    assert full.status == 0
    assert differences(tmp_path / "out", tmp_path / "full") == []
