"""A run with a damaged file: exit status 1 and one line that names it; 2 is for wrong usage."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from collections.abc import Callable

import pytest
from mutants import flip, sealed
from offline import Run, train
from one_line import failure
from small_run import make_run

from vanilla_gan.errors import DamagedRunError, RunConflictError
from vanilla_gan.observers.event_files import event_files
from vanilla_gan.report.page import is_page

JUNK = {
    "empty": b"",
    "text": b"mine\n",
    "no text": bytes(range(256)),
    "deep": b"[" * 100_000,
}
READ_BY = {
    "losses.csv": ("compare", "report"),
    "000.png": ("compare",),
    "run.json": ("compare", "report", "evaluate", "sample"),
}


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize(
    ("name", "command"), [(name, each) for name, commands in READ_BY.items() for each in commands]
)
def test_a_damaged_file_is_named_with_status_1(tmp_path, capsys, name, command, junk):
    folder = make_run(tmp_path / "run")
    (folder / name).write_bytes(JUNK[junk])
    status, line = failure(capsys, command, f"--from={folder}")
    assert (status, f"{folder / name}" in line) == (1, True), line


@pytest.mark.parametrize("command", ["compare", "report"])
def test_a_missing_losses_csv_too(tmp_path, capsys, command):
    folder = make_run(tmp_path / "run")
    (folder / "losses.csv").unlink()
    status, line = failure(capsys, command, f"--from={folder}")
    assert (status, f"{folder / 'losses.csv'}" in line) == (1, True)


def test_a_report_without_any_whole_picture(tmp_path, capsys):
    folder = make_run(tmp_path / "run", pictures=2)
    for number in range(2):
        (folder / f"{number:03d}.png").write_bytes(b"mine")
    status, line = failure(capsys, "report", f"--from={folder}")
    assert (status, f"{folder / '000.png'}" in line) == (1, True)


@pytest.mark.parametrize("command", ["compare", "report", "evaluate", "sample", "export"])
def test_the_status_for_a_folder_without_a_run(tmp_path, capsys, command):
    (tmp_path / "mine").mkdir()
    status, _ = failure(capsys, command, f"--from={tmp_path / 'mine'}")
    assert status == (2 if command in ("compare", "report") else 1)


def garble(path: pathlib.Path) -> None:
    path.write_bytes(JUNK["no text"])


def other_line_ends(path: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory, offline_data_dir: pathlib.Path) -> Run:
    """Returns a run that has three more iterations to go, with every result that a run can have."""
    out = tmp_path_factory.mktemp("half") / "out"
    kinds = {"tensorboard": True, "report": True, "sample_every": 4, "log_every": 1}
    sizes = {"system": "layers", "epochs": 2, "batch_size": 250, "z_dim": 3, "seed": 1}
    return train(out, offline_data_dir, **kinds, **sizes, device="cpu")


@pytest.fixture(scope="module")
def whole(half: Run, offline_data_dir: pathlib.Path) -> Run:
    out = shutil.copytree(half.out, half.out.with_name("whole"))
    return train(out, offline_data_dir, iters=11)


def make_folder(path: pathlib.Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        os.unlink,
        garble,
        *(pytest.param(of, marks=pytest.mark.slow) for of in (flip, other_line_ends, make_folder)),
    ],
)
def test_training_goes_on_whichever_result_is_damaged(
    tmp_path: pathlib.Path,
    half: Run,
    whole: Run,
    offline_data_dir: pathlib.Path,
    damage: Callable[[pathlib.Path], None],
):
    out = shutil.copytree(half.out, tmp_path / "out")
    (events,) = event_files(out / "tensorboard")
    kept_of = {
        out / "losses.csv": out / "losses.csv.1",
        out / "samples.npz": out / "samples.npz.1",
        out / "000.png": out / "000.png.1",
        events: out / "tensorboard" / "damaged.1",
    }
    # These are made anew each time, so nothing is lost.
    again = [out / name for name in ("report.html", "losses.png", "latest.png", "training.gif")]
    for path in (*kept_of, *again):
        damage(path)
    damaged = {path: path.read_bytes() for path in kept_of if path.is_file()}
    # But a page that this program did not write may be the user's.
    renamed = again if damage is make_folder else []
    if again[0].is_file() and not is_page(again[0]):
        renamed = again[:1]
    run = train(out, offline_data_dir, iters=11)
    ours, theirs = run.variables(11), whole.variables(11)
    assert {name: value.tobytes() for name, value in ours.items()} == {
        name: value.tobytes() for name, value in theirs.items()
    }
    warned = [line for line in run.lines if line.startswith("warning: ")]
    noticed = {path for path in kept_of if any(str(path) in line for line in warned)}
    assert len(warned) == len(noticed) + len(renamed)
    assert all(path.is_file() for path in again)
    if damage is os.unlink:
        assert noticed == {out / "losses.csv", out / "samples.npz"}
    else:
        assert noticed == set(kept_of)
    assert {path: kept_of[path].read_bytes() for path in damaged} == damaged


@pytest.mark.parametrize("said", [{"image_shape": [14, 56, 1]}, {"train_examples": 1001}])
def test_a_record_of_other_data(tmp_path, half, offline_data_dir, said):
    """Its seal is valid, and the checksum of the data is right."""
    out = shutil.copytree(half.out, tmp_path / "out")
    content = json.loads((out / "run.json").read_text())
    del content["sha256"]
    content["dataset"] |= said
    (out / "run.json").write_bytes(sealed(content))
    with pytest.raises(DamagedRunError, match=r"run\.json does not match these data: .* but there"):
        train(out, offline_data_dir, iters=11)


@pytest.mark.parametrize("case", ["goes on", "is finished", "begins", "begins anew"])
def test_no_checkpoint_goes_through_a_link(tmp_path, half, offline_data_dir, case):
    """In a folder from somebody else, a link can lead to checkpoints that are not theirs."""
    out = shutil.copytree(half.out, tmp_path / "out")
    theirs = (out / "checkpoints").rename(tmp_path / "theirs")
    (theirs / ".mine.1.2.tmp").touch()
    if case.startswith("begins"):
        shutil.rmtree(out)
        out.mkdir()
    (out / "checkpoints").symlink_to(theirs)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path != out}
    with pytest.raises(RunConflictError, match=r"checkpoints is a link to .*theirs, but a run "):
        train(
            out,
            offline_data_dir,
            iters=8 if case == "is finished" else 11,
            overwrite=case == "begins anew",
        )
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p != out} == before


@pytest.mark.slow
def test_the_whole_folder_may_be_a_link(tmp_path, half, whole, offline_data_dir):
    """Users may make such a link to another disk."""
    shutil.copytree(half.out, tmp_path / "disk")
    (tmp_path / "out").symlink_to("disk")
    run = train(tmp_path / "out", offline_data_dir, iters=11)
    assert run.losses().tolist() == whole.losses().tolist()
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "disk" / "checkpoints" / "0000000011").is_dir()
