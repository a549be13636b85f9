"""`--tune`: which numbers of threads are tried, how they are timed, and what is kept."""

from __future__ import annotations

import dataclasses
import json

import pytest
from offline import train
from processes import ROOT

from vanilla_gan.errors import DeviceError
from vanilla_gan.plugins.loading import load_plugin
from vanilla_gan.settings import RunConfig
from vanilla_gan.training import tune
from vanilla_gan.training.tune import candidates, milliseconds, tuned

SMALL = RunConfig(seed=0, h_dim=13, z_dim=7, batch_size=11)


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        (1, [(1, 1)]),
        (2, [(2, 2), (1, 2), (2, 1), (1, 1)]),
        (4, [(4, 4), (1, 4), (1, 2), (2, 2), (4, 1), (1, 1)]),
    ],
)
def test_the_candidates_of_a_machine(cores, expected):
    assert candidates(cores) == expected


@pytest.mark.parametrize(
    "settings",
    [
        {"engine": "loop"},
        {"engine": "feed"},
        {"system": "conditional", "engine": "loop"},
        {"system": "layers", "engine": "feed"},
    ],
)
def test_an_iteration_of_each_kind_is_timed(settings):
    config = dataclasses.replace(SMALL, **settings).resolved().counted(5000)
    assert 0 < milliseconds(config, probe_s=0.05) < 1000


def test_the_fastest_is_taken(monkeypatch):
    took_ms = {(4, 4): 3.0, (1, 4): 2.5, (1, 2): 2.0, (2, 2): None, (4, 1): 2.75, (1, 1): 9.0}
    asked = []

    def timed(config):
        asked.append((config.intra_op_threads, config.inter_op_threads))
        return took_ms[asked[-1]]

    monkeypatch.setattr(tune, "usable_cores", lambda: 4)
    monkeypatch.setattr(tune, "_timed_apart", timed)
    lines = []
    config = tuned(SMALL, lines.append)
    assert asked == candidates(4)
    assert (config.intra_op_threads, config.inter_op_threads) == (1, 2)
    assert dataclasses.replace(config, intra_op_threads=0, inter_op_threads=0) == SMALL
    assert lines[0] == "tune: --intra_op_threads 4 --inter_op_threads 4: 3 ms an iteration"
    assert lines[3] == "tune: --intra_op_threads 2 --inter_op_threads 2: failed"
    assert lines[-1] == "tune: using --intra_op_threads 1 --inter_op_threads 2"


def test_nothing_that_can_be_timed_is_one_line(monkeypatch):
    monkeypatch.setattr(tune, "_timed_apart", lambda config: None)
    with pytest.raises(DeviceError, match="every run that it timed failed"):
        tuned(SMALL, lambda line: None)


def test_a_run_is_tuned_in_separate_processes_and_keeps_the_choice(
    monkeypatch, offline_data_dir, tmp_path
):
    monkeypatch.setattr(tune, "usable_cores", lambda: 1)
    settings = {"seed": 3, "h_dim": 13, "iters": 5}
    run = train(tmp_path / "out", offline_data_dir, tune=True, **settings)
    (timed,) = [line for line in run.lines if line.endswith("ms an iteration")]
    assert timed.startswith("tune: --intra_op_threads 1 --inter_op_threads 1: ")
    recorded = json.loads((run.out / "run.json").read_text())["config"]
    assert (recorded["intra_op_threads"], recorded["inter_op_threads"]) == (1, 1)
    # A second start goes on as the run began.
    again = train(tmp_path / "out", offline_data_dir, tune=True, **{**settings, "iters": 7})
    said = "--tune has no effect on a run that has begun"
    assert [line for line in again.lines if "--tune" in line or "tune: " in line] == [said]
    # Nobody asked for it this time.
    again = train(tmp_path / "out", offline_data_dir, **{**settings, "iters": 9})
    assert not any("--tune" in line for line in again.lines)


@pytest.mark.slow
def test_a_users_own_system_is_timed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    load_plugin(ROOT / "docs" / "examples" / "leaky.py")
    config = dataclasses.replace(SMALL, system="leaky").resolved().counted(5000)
    assert tune._timed_apart(config) is not None
