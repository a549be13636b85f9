"""`train --overwrite`: an earlier run is moved aside last, and only a run."""

from __future__ import annotations

import io
import os
import pathlib
import shutil

import numpy as np
import pytest
from offline import VALIDATION_SIZE, listed_shapes, train, write_data

from vanilla_gan.data.shape import PUBLISHED_SHAPE
from vanilla_gan.errors import DataError, OutputError, UsageError, VanillaGanError
from vanilla_gan.observers.observer import Observer
from vanilla_gan.settings import RunConfig
from vanilla_gan.training.host import Host
from vanilla_gan.training.run import train as run_train

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


def test_too_few_images_to_evaluate_leave_the_run_where_it_is(run, tmp_path):
    before = contents(run)
    labels = np.arange(VALIDATION_SIZE + 15) % 10
    write_data(tmp_path, PUBLISHED_SHAPE, labels, labels[:5])
    with pytest.raises(DataError, match=r"15 training images .* too few to judge samples by"):
        train(run, tmp_path, overwrite=True, sample_every=1, evaluate_every=1, **SIZES)
    assert contents(run) == before
    assert not run.with_name("out.1").exists()


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_log_that_cannot_be_written_leaves_all_as_it_is(
    run, offline_data_dir, tmp_path, overwrite
):
    before = contents(run)
    assert "losses.png" in before
    log = str(tmp_path / "logs" / "lines.jsonl")
    settings = {"overwrite": overwrite, "log_json": log, **SIZES, "iters": 3}
    with pytest.raises(VanillaGanError, match=r"lines\.jsonl: No such file"):
        train(run, offline_data_dir, **settings)
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
    # Not inside the moved folder, which is where `.` is now.
    assert os.path.samefile(".", run.with_name("out.1"))
    assert (run / "run.json").exists()
    assert (run / "lines.jsonl").exists()


class Moves(Observer):
    """Renames the folder of the run that it watches, and puts another run in its place."""

    def __init__(self, out: pathlib.Path, other: pathlib.Path) -> None:
        self._out, self._other = out, other

    def picture(self, it: int, samples: np.ndarray) -> None:
        if it == 2:
            self._out.rename(self._out.with_name("moved"))
            shutil.copytree(self._other, self._out)


def test_a_run_that_was_moved_leaves_the_next_one_alone(finished, offline_data_dir, tmp_path):
    out = tmp_path / "out"
    settings = {"dataset": "mnist", "data_dir": str(offline_data_dir), **SIZES, "iters": 6}
    settings |= {"sample_every": 2, "allow_unverified_data": True, "report": True}
    config = RunConfig(out=str(out), **settings)
    host = Host(stdout=io.StringIO(), inform=lambda line: None, observers=[Moves(out, finished)])
    with pytest.raises(OutputError, match="now holds another run"):
        run_train(config, host)
    # Not even what is brought up to date at the end has changed it.
    assert contents(out) == contents(finished)
    # The moved run can be continued where it is now.
    train(out.with_name("moved"), offline_data_dir)


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


def test_a_data_set_that_is_the_folder_is_not_moved(offline_data_dir, tmp_path):
    out = pathlib.Path(shutil.copytree(offline_data_dir / "mnist", tmp_path / "data" / "mnist"))
    train(out, tmp_path / "data", **SIZES)
    before = contents(out)
    with pytest.raises(UsageError, match=r"--dataset: .*data/mnist is in --out=.*move the data"):
        train(out, tmp_path / "data", overwrite=True, **SIZES)
    assert contents(out) == before
    assert not out.with_name("mnist.1").exists()
