"""Tests of what rounding does: twins that drift apart, and verdicts that allow for the drift."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from offline import initial_weights, listed_shapes, train
from wrong_programs import WRONG

from vanilla_gan.agreement import drift, verdicts
from vanilla_gan.agreement.compare import compare
from vanilla_gan.agreement.drift import MULTIPLE, TWINS, drifts, within_rounding
from vanilla_gan.agreement.settings import CompareConfig
from vanilla_gan.agreement.verdicts import Verdict
from vanilla_gan.data.read import read_data_sets
from vanilla_gan.settings import RunConfig

WHAT = "difference of recorded losses"
FAST = ("frozen generator", "learning rate /2", "sorted by label")
# Wrong initial weights do not show in runs that start from given weights, as these do.
NOT_BY_LOSSES = {name for name in WRONG if name.startswith(("xavier", "fan_out"))}


# --- How far twins drift.


@pytest.fixture(scope="module", params=["loop", pytest.param("feed", marks=pytest.mark.slow)])
def measured(request, offline_data_dir):
    """Returns what `drifts` yields for a small run of 300 iterations."""
    config = RunConfig(
        iters=300, h_dim=16, z_dim=10, batch_size=32, seed=0, sample_every=100, engine=request.param
    )
    stream = np.random.RandomState(5)
    source = read_data_sets("mnist", offline_data_dir, stream, allow_unverified=True)
    weights = initial_weights(0, listed_shapes(h_dim=16, z_dim=10))
    return list(drifts(config.resolved().counted(1000), source.splits.train, weights, 300))


def test_twins_begin_together_and_drift_apart(measured):
    assert len(measured) == TWINS
    farthest = measured[-1]
    assert farthest.shape == (300,)
    # A unit in the last place is 6e-8 to 1.2e-7 of a weight.
    assert 0 < farthest[0] < 1e-6
    assert farthest[299] > farthest[10]
    for before, after in itertools.pairwise(measured):
        assert (after >= before).all()
    assert (np.diff(farthest) >= 0).all()


def test_twins_differ_by_one_unit_in_the_last_place():
    weights = {"b": np.float32([0.0, 1.0]), "a": np.float32([[-2.0, 3.0], [0.1, 1e-3]])}
    moved = drift._moved(weights, 3)
    for name, values in weights.items():
        units = np.spacing(np.abs(values))
        off = np.abs(moved[name].astype(np.float64) - values)
        # Below a power of two the unit is half as large.
        assert ((off == units) | (off == units / 2)).all()
        assert moved[name].dtype == np.float32
    assert any((drift._moved(weights, 4)[name] != moved[name]).any() for name in weights)


# --- Verdicts.


def judged(values, drift_of_twins):
    """Returns verdicts on differences at 10 and 100, limits 1e-6, and the drifts asked for."""
    asked = []

    def drifts_of(iters):
        asked.append(iters)
        for twin in drift_of_twins:
            yield np.interp(np.arange(iters), [10, 100], twin)

    found = [Verdict(WHAT, it, value, 0, 1e-6) for it, value in zip((10, 100), values, strict=True)]
    return within_rounding(found, drifts_of), asked


def test_what_passes_needs_no_twins():
    found, asked = judged([1e-7, 9e-7], [])
    assert (asked, [verdict.passed for verdict in found]) == ([], [True, True])
    assert [verdict.rounding for verdict in found] == [None, None]


def test_within_the_multiple_of_a_twin():
    found, asked = judged([1e-7, 5e-5], [[1e-8, 1e-6], [1e-8, 9e-6]])
    assert asked == [101]
    assert [verdict.passed for verdict in found] == [True, True]
    assert found[1].rounding == pytest.approx(9e-6)
    assert found[1].high == pytest.approx(MULTIPLE * 9e-6)
    found, _ = judged([1e-7, 5e-5], [[1e-8, 1e-6]])
    assert [verdict.passed for verdict in found] == [True, False]


def test_a_wrong_start_is_not_excused_by_what_comes_later():
    found, asked = judged([1e-4, 1e-3], [[1e-7, 1.0]])
    assert asked == [11]
    assert [verdict.passed for verdict in found] == [False, False]


def test_nan_is_not_within_rounding():
    found, _ = judged([1e-7, np.nan], [[1e-8, 1.0]])
    assert not found[1].passed


# --- Runs.


@pytest.fixture
def recorded_settings(offline_weights):
    return {"init_weights": str(offline_weights), "seed": 0, "sample_every": 100}


def test_a_faithful_run_passes_by_rounding_alone(
    offline_data_dir, recorded_settings, tmp_path, monkeypatch
):
    run = train(tmp_path / "out", offline_data_dir, iters=101, log_every=1, **recorded_settings)
    # As on a processor where no run comes as close as a plain replica did.
    monkeypatch.setattr(verdicts, "ALLOWANCE", 1e-3)
    said = []
    found = compare(CompareConfig(source=str(run.out)), said.append)
    assert (len(said), found.failed) == (1, 0)
    by_losses = [verdict for verdict in found.verdicts if verdict.what == WHAT]
    assert [verdict.iteration for verdict in by_losses] == [10, 50, 100]
    assert all(verdict.value <= MULTIPLE * verdict.rounding < 1 for verdict in by_losses)
    assert any("on this processor" in note for note in found.notes)


@pytest.mark.slow
def test_data_that_are_gone(offline_data_dir, recorded_settings, tmp_path, monkeypatch):
    here = tmp_path / "data"
    here.mkdir()
    (here / "mnist").symlink_to(offline_data_dir / "mnist")
    run = train(tmp_path / "out", here, iters=101, log_every=1, **recorded_settings)
    (here / "mnist").rename(tmp_path / "mnist")
    (here / "mnist").mkdir()
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (here / "mnist" / name).write_bytes(b"no data")
    monkeypatch.setattr(verdicts, "ALLOWANCE", 1e-3)
    found = compare(CompareConfig(source=str(run.out)))
    assert found.failed == 3
    assert any("could not be measured" in note for note in found.notes)
    moved = CompareConfig(source=str(run.out), data_dir=str(tmp_path))
    assert compare(moved).failed == 0


@pytest.mark.parametrize(
    "name",
    [
        # A solver, a setting and the data; the others are slow.
        pytest.param(name, marks=[] if name in FAST else pytest.mark.slow)
        for name in sorted(WRONG.keys() - NOT_BY_LOSSES)
    ],
)
def test_a_wrong_program_from_recorded_weights_is_caught(
    name, offline_data_dir, recorded_settings, tmp_path
):
    wrong = WRONG[name]
    with pytest.MonkeyPatch.context() as patch:
        wrong.patch(patch)
        settings = {**recorded_settings, **wrong.settings, "iters": 11, "log_every": 1}
        run = train(tmp_path / "out", offline_data_dir, **settings)
    (found,) = compare(CompareConfig(source=str(run.out))).verdicts
    assert (found.what, found.iteration, found.passed) == (WHAT, 10, False)
    # Not narrowly, but by a thousand times what rounding does.
    assert found.value > 1e3 * found.rounding
