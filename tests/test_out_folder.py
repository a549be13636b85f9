"""The folder of results: made, checked, moved aside; and its numbered pictures."""

from __future__ import annotations

import os

import pytest

from vanilla_gan.errors import OutputError, RunConflictError, UsageError
from vanilla_gan.runfolder.lock import run_lock
from vanilla_gan.runfolder.names import LOCK
from vanilla_gan.runfolder.out_folder import check_no_results, make_out_dir, move_aside
from vanilla_gan.runfolder.pictures import numbered_pictures, picture_path, remove_pictures_from


def test_folder_is_made_with_its_parents(tmp_path):
    make_out_dir(tmp_path / "a" / "b")
    assert os.listdir(tmp_path / "a" / "b") == []


def test_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "mine").touch()
    make_out_dir(tmp_path)
    assert os.listdir(tmp_path) == ["mine"]


def test_a_broken_link_is_reported_as_one(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for name in ("link", "link/below"):
        with pytest.raises(UsageError, match=r"link is a link to .*gone, which does not exist"):
            make_out_dir(tmp_path / name)


def test_a_link_to_itself(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UsageError, match="loop is a link to loop, which does not exist"):
        make_out_dir(tmp_path / "loop")
    with pytest.raises(OutputError, match=r"cannot write .*loop/below: Too many levels"):
        make_out_dir(tmp_path / "loop" / "below")


@pytest.mark.parametrize(
    ("name", "is_own"),
    [
        ("run/checkpoints/0000000200", True),
        ("run/checkpoints/new", True),
        ("run/tensorboard", True),
        ("run/best", True),
        ("link/deep/below", True),
        ("saved/below", True),
        ("run", False),
        ("run/another", False),
        ("checkpoints/mine", False),
        ("other/checkpoints", False),
    ],
)
def test_the_folders_of_a_run_are_its_own(tmp_path, name, is_own):
    """Training a run inside a checkpoint would break the checkpoint."""
    for folder in ("run/checkpoints/0000000200", "run/tensorboard", "saved", "other"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "run" / "run.json").touch()
    (tmp_path / "link").symlink_to("run/checkpoints")
    for file in ("manifest.json", "state.npz"):
        (tmp_path / "saved" / file).touch()
    before = sorted(tmp_path.rglob("*"))
    if not is_own:
        make_out_dir(tmp_path / name)
        return
    with pytest.raises(UsageError, match="belongs to the run in"):
        make_out_dir(tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["000.png", "1234.png", "latest.png", "training.gif", "losses.png", "tensorboard"]
)
def test_results_without_a_run(tmp_path, name):
    check_no_results(tmp_path, lacking="run.json")
    (tmp_path / name).touch()
    with pytest.raises(RunConflictError, match=r"results of a run but no run\.json"):
        check_no_results(tmp_path, lacking="run.json")


def test_losses_without_a_run(tmp_path):
    header = b"iteration,d_loss,g_loss\n"
    (tmp_path / "losses.csv").write_bytes(header)
    check_no_results(tmp_path, lacking="run.json")
    (tmp_path / "losses.csv").write_bytes(header + b"0")
    with pytest.raises(RunConflictError, match="--overwrite"):
        check_no_results(tmp_path, lacking="run.json")


def test_checkpoints_without_a_run(tmp_path):
    """A new run would delete its own first checkpoint, as the oldest among them."""
    out = tmp_path / "out"
    (out / "checkpoints" / "0000000040").mkdir(parents=True)
    with pytest.raises(RunConflictError, match=r"results of a run but no run\.json"):
        check_no_results(out, lacking="run.json")
    assert move_aside(out) == tmp_path / "out.1"
    assert (tmp_path / "out.1" / "checkpoints" / "0000000040").is_dir()


def test_folders_are_moved_to_the_first_free_number(tmp_path):
    out = tmp_path / "out"
    for number in range(3):
        out.mkdir(exist_ok=True)
        (out / "000.png").write_text(str(number))
        assert move_aside(out) == tmp_path / f"out.{number + 1}"
    assert [(tmp_path / f"out.{n}" / "000.png").read_text() for n in (1, 2, 3)] == ["0", "1", "2"]
    assert os.listdir(out) == []


def test_numbers_that_are_taken_by_something_else(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "000.png").touch()
    (tmp_path / "out.1").touch()
    (tmp_path / "out.2").symlink_to(tmp_path / "nowhere")
    assert move_aside(tmp_path / "out") == tmp_path / "out.3"


@pytest.mark.parametrize("names", [[], [".gitkeep"], [LOCK], [".gitkeep", LOCK]])
def test_nothing_to_move(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    assert move_aside(tmp_path) is None
    assert sorted(os.listdir(tmp_path)) == sorted(names)


def test_gitkeep_stays_behind(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / ".gitkeep").touch()
    (out / "000.png").touch()
    move_aside(out)
    assert os.listdir(out) == [".gitkeep"]


def test_link_is_kept_and_its_folder_moved(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "000.png").touch()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    assert move_aside(tmp_path / "out") == tmp_path / "disk.1"
    assert (tmp_path / "out").is_symlink()
    assert os.listdir(tmp_path / "out") == []


def test_locked_folder_takes_its_lock_along(tmp_path):
    """Another start must never find the folder unlocked before it has moved."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "000.png").touch()
    with run_lock(out):
        aside = move_aside(out)
        with run_lock(out):
            pass
    assert os.listdir(aside) == ["000.png"]
    assert os.listdir(out) == []


def test_folder_that_cannot_be_moved(tmp_path, monkeypatch, unprivileged):
    monkeypatch.chdir(tmp_path)
    os.makedirs("locked/out")
    (tmp_path / "locked" / "out" / "000.png").touch()
    os.chmod("locked", 0o555)
    with unprivileged(), pytest.raises(OutputError, match="cannot move locked/out aside to"):
        move_aside(type(tmp_path)("locked/out"))


def test_pictures_are_those_with_a_number(tmp_path):
    for name in ("000.png", "7.png", "012.png", "1000.png", "0999.png", "x.png", "001.jpg"):
        (tmp_path / name).touch()
    assert list(numbered_pictures(tmp_path)) == [0, 12, 1000]
    assert picture_path(tmp_path, 12) == tmp_path / "012.png"
    assert picture_path(tmp_path, 12345) == tmp_path / "12345.png"


def test_later_pictures_are_removed(tmp_path):
    for number in (0, 1, 2, 999, 1000):
        picture_path(tmp_path, number).touch()
    (tmp_path / "notes.png").touch()
    remove_pictures_from(tmp_path, 2, pytest.fail)
    assert sorted(os.listdir(tmp_path)) == ["000.png", "001.png", "notes.png"]


def test_folder_in_place_of_a_picture(tmp_path):
    (tmp_path / "003.png").mkdir()
    lines = []
    remove_pictures_from(tmp_path, 0, lines.append)
    assert os.listdir(tmp_path) == ["003.png.1"]
    assert ["003.png.1" in line for line in lines] == [True]
