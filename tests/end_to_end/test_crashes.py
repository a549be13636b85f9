"""A run that is killed at any moment and continued leaves what an undisturbed one leaves."""

from __future__ import annotations

import pytest
from commands import run_with_long_blocks, small_run, stable_run
from crashes import KILLED, Crashes
from mishaps import kill
from results import checkpoints, differences, record
from runner import Mishap, run

ITERS = 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "kills"), [(stable_run, 4), (small_run, 8), (run_with_long_blocks, 8)]
)
def test_killed_run_equals_undisturbed_one(tmp_path, offline_data_dir, words, kills):
    crashes = Crashes([*words(offline_data_dir), f"--iters={ITERS}"], tmp_path)
    crashes.kill(kills, seed=0)
    assert crashes.wrong == []
    assert sum(crashes.landed.values()) == kills
    # Some of the kills that are aimed at a file hit it.
    assert crashes.landed.keys() - {"at the start", "elsewhere"}


@pytest.mark.slow
def test_a_run_killed_around_an_evaluation_keeps_its_best_checkpoint(tmp_path, offline_data_dir):
    words = [
        *small_run(offline_data_dir, iters=120, sample_every=10, checkpoint_every=30),
        *("--evaluate_every=10", "--keep_best=frechet", "--keep_checkpoints=1"),
        "--learning_rate=0.02",
    ]
    undisturbed = run([*words, "--out=undisturbed"], tmp_path)
    assert undisturbed.status == 0, undisturbed.stderr
    best = record(tmp_path / "undisturbed")["best"]["iteration"]
    assert checkpoints(tmp_path / "undisturbed") == [best, 120]
    # Each run continues the one killed before it. The kills come before figures are saved, before
    # the record names the best checkpoint, before a new one is saved, and while an old one goes.
    places = {
        "quality.json": (1, 2),
        "/run.json": (2, 3),
        "checkpoints/0": (3,),
        "checkpoints/.": (2,),
    }
    for place, count in ((place, count) for place, counts in places.items() for count in counts):
        killed = run([*words, "--out=out"], tmp_path, [Mishap(kill, "os.rename", place, count)])
        assert killed.status == KILLED, killed.stderr
        newest = max(checkpoints(tmp_path / "out"), default=0)
        if (tmp_path / "out" / "run.json").exists() and newest:
            named = record(tmp_path / "out")["best"].get("iteration", newest)
            assert named in checkpoints(tmp_path / "out")
    assert run([*words, "--out=out"], tmp_path).status == 0
    assert differences(tmp_path / "out", tmp_path / "undisturbed") == []
