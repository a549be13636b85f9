"""A run whose numbers are no longer finite: stopped with an explanation, or rewound to go on."""

from __future__ import annotations

import functools
import pathlib
import signal
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from commands import SMALL_SHAPES, small_run
from mishaps import kill
from offline import read_variables
from results import checkpoints, differences, record
from runner import Mishap, run

from vanilla_gan.runfolder.checkpoint import Checkpoint
from vanilla_gan.settings import RunConfig
from vanilla_gan.training import attempts

# The published log losses, with a learning rate that they barely survive.
FRAIL = {"loss": "log", "learning_rate": 0.03, "iters": 200, "on_nan": "rewind", "max_rewinds": 30}
# A rate that no run survives: the first step already makes the discriminator too sure.
HOPELESS = {"loss": "log", "learning_rate": 0.1}


class Rewound(NamedTuple):
    """An undisturbed run that was rewound at least twice, and reached its end all the same."""

    out: pathlib.Path
    settings: dict[str, object]


@pytest.fixture(scope="module")
def rewound(offline_data_dir, tmp_path_factory) -> Rewound:
    # When a run diverges is chaotic and depends on the processor, so a seed is searched for.
    for seed in range(20):
        folder = tmp_path_factory.mktemp("rewound")
        settings = {**FRAIL, "seed": seed}
        finished = run(small_run(offline_data_dir, out="out", **settings), folder)
        if finished.status == 0 and len(record(folder / "out")["rewinds"]) >= 2:
            return Rewound(folder / "out", settings)
    raise AssertionError("no seed gave a run that diverges and recovers")


def assert_all_finite(out: pathlib.Path) -> None:
    for iteration in checkpoints(out):
        for name, values in read_variables(out, iteration).items():
            assert np.isfinite(values).all(), (iteration, name)
    assert np.isfinite(np.loadtxt(out / "losses.csv", delimiter=",", skiprows=1)).all()


def test_bad_step_is_not_saved(tmp_path, command, words):
    stopped = command(words(**HOPELESS))
    out = tmp_path / "out"
    assert stopped.status == 1
    assert "run.sh: stopped at iteration 1: D loss is inf, G_loss is nan; " in stopped.last_line
    assert "the last good picture is out/000.png, nothing later was saved" in stopped.last_line
    assert "sigmoid_cross_entropy" in stopped.last_line
    assert "--on_nan rewind" in stopped.last_line
    assert "Traceback" not in stopped.stderr
    assert checkpoints(out) == [0]
    assert_all_finite(out)
    assert (out / "losses.csv").read_text().count("\n") == 2
    assert sorted(path.name for path in out.glob("0*.png")) == ["000.png"]
    # Written when a run ends, even by failing; earlier ones would first come after 10 s.
    assert [(out / name).exists() for name in ("losses.png", "training.gif")] == [True, True]
    # The same command fails in the same way.
    again = command(words(**HOPELESS))
    assert (again.status, again.last_line) == (1, stopped.last_line)


def test_variables_that_overflow_are_found_before_they_are_saved(tmp_path, command, words):
    """Adam squares gradients of 1e22, while both losses stay finite."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in SMALL_SHAPES.items()}
    weights["D_W1"] += 1e-3
    weights["D_W2"] += 1e22
    np.savez(tmp_path / "w.npz", **weights)
    # What becomes of an infinite square later depends on the processor.
    stopped = command(words(init_weights="w.npz", checkpoint_every=1))
    assert stopped.status == 1
    assert "stopped at iteration 1: " in stopped.last_line
    assert "D_W1/D_solver_1" in stopped.last_line
    assert " not finite; " in stopped.last_line
    assert checkpoints(tmp_path / "out") == [0]
    assert_all_finite(tmp_path / "out")


def test_each_rewind_is_on_record(rewound):
    rewinds = record(rewound.out)["rewinds"]
    for rewind in rewinds:
        assert rewind["to"] % 40 == 0
        assert rewind["to"] <= rewind["iteration"] <= rewind["to"] + 40
    assert rewinds == sorted(rewinds, key=lambda rewind: rewind["to"])
    assert record(rewound.out)["trained"] == 200
    assert_all_finite(rewound.out)
    with np.load(rewound.out / "checkpoints" / "0000000200" / "state.npz") as state:
        assert state["rewinds"] == len(rewinds)


@pytest.mark.slow
def test_rewound_run_that_is_killed_equals_one_that_is_not(tmp_path, command, words, rewound):
    """Killed at each rewind, once right before and once soon after it is on record."""
    given = words(**rewound.settings)
    kills = 0
    while True:
        # The first write of run.json says that the run goes on, the second that it rewinds.
        rewinding = Mishap(kill, "os.rename", "run.json", count=2, delay_s=0.01 * (kills % 2))
        finished = command(given, [rewinding])
        if finished.status == 0:
            break
        assert finished.status == -signal.SIGKILL, finished.stderr
        kills += 1
        # The last write of all says that the run has ended.
        if record(tmp_path / "out")["trained"] or kills > 2 * len(record(rewound.out)["rewinds"]):
            assert command(given).status == 0
            break
    assert kills >= 2
    assert differences(tmp_path / "out", rewound.out) == []


@pytest.mark.slow
def test_rewound_run_killed_between_rewinds(tmp_path, command, words, rewound):
    given = words(**rewound.settings)
    for path, count in ((".png", 2), ("checkpoints/0", 2), (".png", 1)):
        killed = command(given, [Mishap(kill, "os.rename", path, count)])
        assert killed.status == -signal.SIGKILL, killed.stderr
    assert command(given).status == 0
    assert differences(tmp_path / "out", rewound.out) == []


def test_no_more_rewinds_than_allowed(tmp_path, command, words):
    given = words(**HOPELESS, on_nan="rewind", max_rewinds=3)
    stopped = command(given)
    assert stopped.status == 1
    assert record(tmp_path / "out")["rewinds"] == [{"iteration": 1, "to": 0}] * 3
    assert "after 3 rewinds, as many as --max_rewinds allows" in stopped.last_line
    assert [line for line in stopped.stderr.splitlines() if "with new noise" in line] == [
        "iteration 1: D loss is inf, G_loss is nan; back to iteration 0 with new noise "
        f"(rewind {number} of 3)"
        for number in (1, 2, 3)
    ]


def test_rewinds_of_a_lost_checkpoint_are_no_longer_on_record():
    """Saved at once: a start from the next checkpoint would count them, and draw new noise."""
    saved, reseeded = [], []
    state = dict.fromkeys(("rewinds", "losses_size", "losses_crc32"), np.array(0))
    of_run = SimpleNamespace(
        rewinds=[{"iteration": 90, "to": 50}, {"iteration": 80, "to": 70}],
        changes=[],
    )
    chief = SimpleNamespace(
        config=RunConfig(iters=100, seed=3),
        record=of_run,
        inform=lambda line: None,
        save_record=lambda: saved.append([*of_run.rewinds]),
        checkpoints=SimpleNamespace(
            newest_whole=lambda check, warn: Checkpoint(50, pathlib.Path("50"), state),
            go_back_to=lambda iteration: None,
        ),
        worker=SimpleNamespace(
            model=SimpleNamespace(restore=lambda prefix: None),
            stream=SimpleNamespace(
                restore=lambda state: None, reseed=lambda *words: reseeded.append(words)
            ),
        ),
    )
    for _ in range(2):
        attempts._go_back(chief)
    assert saved == [[{"iteration": 90, "to": 50}]]
    assert reseeded == [(3, 1), (3, 1)]


@pytest.mark.slow
def test_raising_max_rewinds_continues_the_run(tmp_path, command, words, rewound):
    stopped = command(words(**{**rewound.settings, "max_rewinds": 1}))
    assert stopped.status == 1
    assert len(record(tmp_path / "out")["rewinds"]) == 1
    finished = command(["--out=out", "--max_rewinds=30"])
    assert finished.status == 0, finished.stderr
    # The record notes the change.
    assert differences(tmp_path / "out", rewound.out) == ["run.json"]
    (change,) = record(tmp_path / "out")["changes"]
    assert (change["setting"], change["was"], change["is"]) == ("max_rewinds", 1, 30)


@pytest.mark.slow
def test_signal_while_it_rewinds(tmp_path, command, words, rewound):
    """The signal is handled after the next block of iterations, and the rewind is on record."""
    stop = Mishap(functools.partial(kill, signal.SIGTERM), "os.rename", "run.json", count=2)
    stopped = command(words(**rewound.settings), [stop])
    assert stopped.status == 143, stopped.stderr
    assert record(tmp_path / "out")["rewinds"]
    assert "Traceback" not in stopped.stderr
    assert_all_finite(tmp_path / "out")
