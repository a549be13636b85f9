"""`train --overwrite`: an earlier run is moved aside last, and only a run."""

from __future__ import annotations

import os
import pathlib
import shutil

import numpy as np
import pytest
from offline import VALIDATION_SIZE, listed_shapes, train, write_data

from vanilla_gan.data.shape import PUBLISHED_SHAPE
from vanilla_gan.errors import DataError, UsageError, VanillaGanError

SIZES = {"iters": 2, "batch_size": 11, "z_dim": 5, "h_dim": 7}


@pytest.fixture(scope="module")
def finished(offline_data_dir, tmp_path_factory) -> pathlib.Path:
    """Returns the folder of a finished run; not to be changed."""
    return train(tmp_path_factory.mktemp("finished") / "out", offline_data_dir, seed=1, **SIZES).out


@pytest.fixture
def run(finished, tmp_path) -> pathlib.Path:
    """Returns the folder of a copy of it."""
    return pathlib.Path(shutil.copytree(finished, tmp_path / "out"))


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "run.lock"
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 100_000},
        {"sample_class": "3"},
        {"data_dir": "nowhere", "dataset": "mnist"},
        {"device": "gpu:77"},
        {"init_weights": "nowhere.npz"},
        {"epochs": 1},
        {"evaluate_every": 7},
        {"dropout_rate": 0.5},
    ],
)
def test_a_wrong_setting_leaves_the_run_where_it_is(run, offline_data_dir, wrong, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    before = contents(run)
    settings = {"data_dir": str(offline_data_dir), **SIZES, **wrong}
    with pytest.raises(VanillaGanError):
        train(run, settings.pop("data_dir"), overwrite=True, **settings)
    assert contents(run) == before
    assert not run.with_name("out.1").exists()


def test_too_few_images_to_evaluate_by_leave_the_run_where_it_is(run, tmp_path):
    before = contents(run)
    labels = np.arange(VALIDATION_SIZE + 15) % 10
    write_data(tmp_path, PUBLISHED_SHAPE, labels, labels[:5])
    with pytest.raises(DataError, match=r"15 training images .* too few to judge samples by"):
        train(run, tmp_path, overwrite=True, sample_every=1, evaluate_every=1, **SIZES)
    assert contents(run) == before
    assert not run.with_name("out.1").exists()


def test_weights_of_the_run_that_is_moved(run, offline_data_dir):
    shapes = listed_shapes(h_dim=7, z_dim=5)
    np.savez(run / "w.npz", **{name: np.ones(shape, "f4") for name, shape in shapes.items()})
    train(run, offline_data_dir, overwrite=True, init_weights=str(run / "w.npz"), **SIZES)
    assert (run.with_name("out.1") / "w.npz").exists()


def test_from_within_the_folder(run, offline_data_dir, monkeypatch):
    before = contents(run)
    monkeypatch.chdir(run)
    settings = {"seed": 2, "log_json": "lines.jsonl", **SIZES}
    train(pathlib.Path("."), offline_data_dir, overwrite=True, **settings)
    assert contents(run.with_name("out.1")) == before
    # Not within what was moved, which is where `.` is now.
    assert os.path.samefile(".", run.with_name("out.1"))
    assert (run / "run.json").exists()
    assert (run / "lines.jsonl").exists()


def test_other_things_stay_where_they_are(offline_data_dir, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("precious")
    train(out, offline_data_dir, overwrite=True, **SIZES)
    assert (out / "thesis.tex").read_text() == "precious"
    assert not out.with_name("out.1").exists()


def test_data_in_the_folder_are_not_moved(run, offline_data_dir):
    (run / "data").mkdir()
    (run / "data" / "mnist").symlink_to(offline_data_dir / "mnist")
    before = contents(run)
    with pytest.raises(UsageError, match="which --overwrite moves aside"):
        train(run, run / "data", overwrite=True, **SIZES)
    assert contents(run) == before
