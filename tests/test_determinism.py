"""Tests that a seed decides everything: losses, pictures and weights, bit for bit."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from offline import Run, read_variables, train
from processes import python

from vanilla_gan.settings import ENGINES

ITERS = 60
SETTINGS = {"iters": ITERS, "sample_every": 25, "log_every": 1, "checkpoint_every": 23}


def results(out: pathlib.Path) -> dict[str, bytes]:
    """Returns the bytes of everything that a seed decides, by name."""
    found = {"losses.csv": (out / "losses.csv").read_bytes()}
    found |= {path.name: path.read_bytes() for path in out.glob("*.png")}
    for iteration in (46, ITERS):
        for name, value in read_variables(out, iteration).items():
            found[f"{iteration}/{name}"] = np.asarray(value).tobytes()
    return found


def assert_same(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    # Compared by name, so that a failure does not print megabytes of bytes.
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []


# Both engines are tested alike; one of them is slow.
@pytest.fixture(scope="module", params=["loop", pytest.param("feed", marks=pytest.mark.slow)])
def engine(request):
    return request.param


@pytest.fixture(scope="module")
def run(engine, offline_data_dir, tmp_path_factory) -> Run:
    out = tmp_path_factory.mktemp("run") / "out"
    return train(out, offline_data_dir, engine=engine, seed=20160917, **SETTINGS)


def test_there_is_something_to_compare(run):
    names = set(results(run.out))
    pictures = {"000.png", "001.png", "002.png", "latest.png", "losses.png"}
    assert {"losses.csv", *pictures, "46/D_W1", "60/G_W2"} <= names
    # 8 variables, 16 slots and 4 powers, twice.
    assert len(names) == 1 + len(pictures) + 2 * 28
    assert len((run.out / "losses.csv").read_bytes().splitlines()) == 1 + ITERS


def test_another_process_gives_the_same_bits(run, engine, offline_data_dir, tmp_path):
    words = [f"--{name}={value}" for name, value in SETTINGS.items()]
    words += ["--seed=20160917", f"--engine={engine}", f"--out={tmp_path / 'out'}"]
    words += ["--dataset=mnist", f"--data_dir={offline_data_dir}", "--allow_unverified_data"]
    done = python("-m", "vanilla_gan", *words, PYTHONHASHSEED="12345")
    assert done.returncode == 0, done.stderr
    assert done.stdout == run.stdout
    assert_same(results(tmp_path / "out"), results(run.out))


def test_another_seed_changes_results(run, engine, offline_data_dir, tmp_path):
    other = train(tmp_path / "out", offline_data_dir, engine=engine, seed=20160918, **SETTINGS)
    one, two = results(run.out), results(other.out)
    same = {name for name in one if one[name] == two[name]}
    # The powers of Adam's betas depend only on the number of steps.
    assert {name for name in same if "_power" not in name} == set()


@pytest.mark.slow
def test_numpys_global_stream_has_no_effect(run, engine, offline_data_dir, tmp_path):
    before = np.random.get_state()
    np.random.seed(1)
    try:
        other = train(tmp_path / "out", offline_data_dir, engine=engine, seed=20160917, **SETTINGS)
        assert np.random.uniform() == np.random.RandomState(1).uniform()
    finally:
        np.random.set_state(before)
    assert_same(results(other.out), results(run.out))


@pytest.mark.slow
def test_how_often_something_is_saved_changes_no_number(run, engine, offline_data_dir, tmp_path):
    settings = {**SETTINGS, "checkpoint_every": 1, "keep_checkpoints": 100, "log_every": 7}
    other = train(tmp_path / "out", offline_data_dir, engine=engine, seed=20160917, **settings)
    one, two = results(run.out), results(other.out)
    assert {name for name in one if one[name] != two[name]} == {"losses.csv", "losses.png"}
    np.testing.assert_array_equal(other.losses(), run.losses()[::7])


@pytest.mark.slow
def test_both_engines_give_the_same_bits_without_onednn(offline_data_dir, tmp_path):
    given = ["--iters=12", "--log_every=1", "--seed=1", "--device=cpu"]
    given += ["--dataset=mnist", f"--data_dir={offline_data_dir}", "--allow_unverified_data"]
    for engine in ENGINES:
        words = [*given, f"--engine={engine}", f"--out={tmp_path / engine}"]
        done = python("-m", "vanilla_gan", *words, TF_ENABLE_ONEDNN_OPTS="0")
        assert done.returncode == 0, done.stderr
    one, *others = ((tmp_path / engine / "losses.csv").read_bytes() for engine in ENGINES)
    assert others == [one]
