"""Checkpoints: their format, which one is used, and what is left after damage and kills."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pathlib
import signal
import sys

import mutants
import numpy as np
import pytest
from forked import forked
from processes import peak_memory

from vanilla_gan.errors import CheckpointError, OutputError
from vanilla_gan.runfolder.checkpoint import (
    Checkpoints,
    copy_checkpoint,
    mark_of,
    newest_iteration,
    read_checkpoint,
    run_state,
)
from vanilla_gan.runfolder.losses_csv import Mark
from vanilla_gan.storage.sealed_json import write_sealed

INDEX, DATA = "model.ckpt.index", "model.ckpt.data-00000-of-00001"
FILES = {INDEX, DATA, "state.npz", "manifest.json"}


def variables(content: bytes):
    """Returns a function that saves as TensorFlow does: two files that begin with the prefix."""

    def save(prefix: str) -> None:
        pathlib.Path(f"{prefix}.index").write_bytes(b"index of " + content)
        pathlib.Path(f"{prefix}.data-00000-of-00001").write_bytes(content)

    return save


def some_state(iteration: int) -> dict[str, np.ndarray]:
    return {"order": np.arange(7) * iteration, "gauss": np.array(iteration / 3)}


def save(checkpoints: Checkpoints, *iterations: int) -> None:
    for iteration in iterations:
        checkpoints.save(iteration, variables(b"%d" % iteration), some_state(iteration))


def newest(checkpoints: Checkpoints) -> tuple[int | str, list[str]]:
    """Returns the newest whole checkpoint's iteration, or the error's line, and the warnings."""
    warnings: list[str] = []
    try:
        return checkpoints.newest_whole(
            lambda checkpoint: None, warnings.append
        ).iteration, warnings
    except CheckpointError as error:
        return str(error), warnings


def names(tmp_path: pathlib.Path) -> list[str]:
    return sorted(os.listdir(tmp_path / "checkpoints"))


@pytest.fixture
def checkpoints(tmp_path) -> Checkpoints:
    return Checkpoints(tmp_path, "the run", keep=3)


def test_files_are_the_documented_ones(tmp_path, checkpoints):
    save(checkpoints, 12000)

    folder = tmp_path / "checkpoints" / "0000012000"
    assert names(tmp_path) == [folder.name]
    assert {path.name for path in folder.iterdir()} == FILES
    manifest = json.loads((folder / "manifest.json").read_text())
    seal = manifest.pop("sha256")
    assert seal == hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    sums = {
        name: {
            "bytes": (folder / name).stat().st_size,
            "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
        }
        for name in FILES - {"manifest.json"}
    }
    assert manifest == {"format": 1, "run_id": "the run", "iteration": 12000, "files": sums}


def test_what_was_saved_comes_back(tmp_path, checkpoints):
    save(checkpoints, 40)

    checkpoint = checkpoints.newest_whole(lambda checkpoint: None, pytest.fail)

    assert checkpoint.iteration == 40
    assert pathlib.Path(f"{checkpoint.prefix}.data-00000-of-00001").read_bytes() == b"40"
    assert checkpoint.state.keys() == {"order", "gauss"}
    for name, array in some_state(40).items():
        assert checkpoint.state[name].dtype == array.dtype
        assert checkpoint.state[name].tobytes() == array.tobytes()


def test_folders_that_cannot_be_renamed(tmp_path, checkpoints, monkeypatch):
    """As folders of a container's image, on overlayfs."""
    save(checkpoints, 1, 2, 3)
    of_image, rename = names(tmp_path), os.rename

    def refuse(path, to):
        if pathlib.Path(path).name in of_image and pathlib.Path(path).parent.name == "checkpoints":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(path, to)

    monkeypatch.setattr(os, "rename", refuse)
    save(checkpoints, 4)
    assert names(tmp_path) == ["0000000002", "0000000003", "0000000004"]
    checkpoints.go_back_to(2)
    later = ["0000000003.passed_over", "0000000004.passed_over"]
    assert names(tmp_path) == ["0000000002", *later]
    assert {path.name for path in (tmp_path / "checkpoints" / later[0]).iterdir()} == FILES


def test_run_state_holds_the_end_of_losses_csv():
    state = run_state({"gauss": np.array(0.5)}, Mark(size=1 << 40, crc32=0xFFFFFFFF), rewinds=2)

    assert mark_of(state) == Mark(1 << 40, 0xFFFFFFFF)
    assert {name: array.item() for name, array in state.items()} == {
        "gauss": 0.5,
        "losses_size": 1 << 40,
        "losses_crc32": 0xFFFFFFFF,
        "rewinds": 2,
    }


def test_newest_ones_are_kept(tmp_path, checkpoints):
    save(checkpoints, 9, 40, 80, 120, 1000)

    assert names(tmp_path) == ["0000000080", "0000000120", "0000001000"]
    assert newest(checkpoints) == (1000, [])
    assert newest_iteration(tmp_path) == 1000


def test_no_checkpoints(tmp_path, checkpoints):
    assert newest_iteration(tmp_path) is None
    line, warnings = newest(checkpoints)
    assert "there is no checkpoint that can be continued from" in str(line)
    assert warnings == []


def test_saved_over_one_of_the_same_iteration(tmp_path, checkpoints):
    save(checkpoints, 40)
    checkpoints.save(40, variables(b"other"), some_state(41))

    assert names(tmp_path) == ["0000000040"]
    checkpoint = checkpoints.newest_whole(lambda checkpoint: None, pytest.fail)
    assert pathlib.Path(f"{checkpoint.prefix}.data-00000-of-00001").read_bytes() == b"other"
    assert checkpoint.state["gauss"] == 41 / 3


def cut(folder, name):
    os.truncate(folder / name, (folder / name).stat().st_size - 1)


def flip(folder, name):
    mutants.flip(folder / name)


def remove(folder, name):
    (folder / name).unlink()


def take_from_before(folder, name):
    (folder / name).write_bytes((folder.parent / "0000000040" / name).read_bytes())


@pytest.mark.parametrize("damage", [cut, flip, remove, take_from_before])
@pytest.mark.parametrize("name", sorted(FILES))
def test_damaged_one_is_named_and_passed_over(tmp_path, checkpoints, name, damage):
    save(checkpoints, 40, 80)
    folder = tmp_path / "checkpoints" / "0000000080"
    damage(folder, name)

    iteration, warnings = newest(checkpoints)

    assert iteration == 40
    assert len(warnings) == 1
    assert str(folder) in warnings[0]
    assert damage is take_from_before or name in warnings[0]
    assert warnings[0].isprintable()


def test_checkpoint_of_another_run_is_passed_over(tmp_path, checkpoints):
    save(checkpoints, 40)
    save(Checkpoints(tmp_path, "another", keep=3), 80)

    iteration, warnings = newest(checkpoints)

    assert iteration == 40
    assert "another run (another, not the run)" in warnings[0]


def test_checkpoint_under_another_iteration_is_passed_over(tmp_path, checkpoints):
    save(checkpoints, 40)
    folder = tmp_path / "checkpoints"
    (folder / "0000000040").rename(folder / "0000000080")
    save(checkpoints, 20)

    iteration, warnings = newest(checkpoints)

    assert iteration == 20
    assert "its manifest is that of iteration 40" in warnings[0]


def test_sealed_file_that_is_no_manifest(tmp_path, checkpoints):
    save(checkpoints, 40, 80)
    folder = tmp_path / "checkpoints" / "0000000080"
    write_sealed(folder / "manifest.json", {"format": 1, "run_id": "the run", "config": {}})

    iteration, warnings = newest(checkpoints)

    assert iteration == 40
    assert "is not the manifest of a checkpoint" in warnings[0]


def test_one_that_does_not_fit_is_passed_over(checkpoints):
    save(checkpoints, 40, 80)
    warnings: list[str] = []

    def acceptable(checkpoint) -> None:
        if checkpoint.iteration == 80:
            raise CheckpointError("losses.csv is too short for it")

    assert checkpoints.newest_whole(acceptable, warnings.append).iteration == 40
    assert "losses.csv is too short for it" in warnings[0]


def test_no_whole_checkpoint(tmp_path, checkpoints):
    save(checkpoints, 40, 80)
    for name in names(tmp_path):
        flip(tmp_path / "checkpoints" / name, INDEX)

    line, warnings = newest(checkpoints)

    assert "none of its 2 checkpoints can be continued from" in str(line)
    assert "--overwrite" in str(line)
    assert len(warnings) == 2


def test_read_without_a_run_accepts_any(tmp_path, checkpoints):
    save(checkpoints, 40)
    moved = (tmp_path / "checkpoints" / "0000000040").rename(tmp_path / "kept")
    assert read_checkpoint(moved).iteration == 40


def test_a_copy_takes_little_memory(tmp_path, checkpoints):
    content = b"0123456789abcdef" * (1 << 21)
    checkpoints.save(7, variables(content), some_state(7))
    one = read_checkpoint(tmp_path / "checkpoints" / "0000000007")
    with peak_memory() as peak:
        copy_checkpoint(one, tmp_path / "copy", "other")
        assert peak() < 5_000_000 < len(content)
    copied = read_checkpoint(tmp_path / "copy" / "checkpoints" / "0000000007", "other")
    assert (copied.folder / DATA).read_bytes() == content


def test_going_back_sets_later_ones_aside(tmp_path, checkpoints):
    save(checkpoints, 40, 80, 120)
    (tmp_path / "checkpoints" / "0000000120.passed_over").mkdir()

    checkpoints.go_back_to(40)

    assert names(tmp_path) == ["0000000040", "0000000080.passed_over", "0000000120.passed_over"]
    assert newest(checkpoints) == (40, [])
    save(checkpoints, 80)
    assert newest(checkpoints) == (80, [])


def test_going_back_removes_what_killed_processes_left(tmp_path, checkpoints):
    save(checkpoints, 40, 80, 120)
    folder = tmp_path / "checkpoints"
    half = folder / ".0000000160.4711.3.tmp"
    half.mkdir()
    (half / INDEX).write_bytes(b"torn")
    (folder / ".0000000160.4711.4.tmp").write_bytes(b"a file")
    (folder / "notes.txt").write_text("a user's own")
    # Killed right after a new one was renamed, before the oldest was dropped.
    Checkpoints(tmp_path, "the run", keep=4).save(160, variables(b"160"), some_state(160))

    checkpoints.go_back_to(160)

    assert names(tmp_path) == ["0000000080", "0000000120", "0000000160", "notes.txt"]


def test_unwritable_variables_leave_what_was_there(tmp_path, checkpoints):
    save(checkpoints, 40)

    def full(prefix: str) -> None:
        variables(b"half")(prefix)
        raise OSError(errno.EIO, "No space left on device", prefix)

    with pytest.raises(OutputError, match="0000000080: No space left on device"):
        checkpoints.save(80, full, some_state(80))

    assert names(tmp_path) == ["0000000040"]
    assert newest(checkpoints) == (40, [])


def test_run_folder_that_is_gone(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*gone"):
        save(Checkpoints(tmp_path / "gone", "the run", keep=3), 40)


# File operations of `save`, noted by an audit hook, which cannot be removed once it is added.
_operations: list[tuple[str, str]] | None = None


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if _operations is not None and event in ("open", "os.mkdir", "os.rename", "os.remove"):
        path = arguments[event == "os.rename"]
        if not isinstance(path, int):  # A file that is open already.
            _operations.append((event, str(path)))


sys.addaudithook(_note)


@pytest.fixture
def operations():
    global _operations
    _operations = []
    yield _operations
    _operations = None


def test_manifest_is_written_last_and_all_is_renamed_when_it_is_whole(checkpoints, operations):
    save(checkpoints, 40)

    files = [INDEX, DATA, "state.npz", "manifest.json"]
    opened = [pathlib.Path(path) for event, path in operations if event == "open"]
    written = [path for path in opened if path.name in files]
    assert all(path.parent.parent.name.startswith(".vanilla_gan.") for path in written)
    # They are opened first to be written, then for their checksums or to be flushed.
    assert list(dict.fromkeys(path.name for path in written)) == files
    renamed = [path for event, path in operations if event == "os.rename"]
    assert [pathlib.Path(path).name for path in renamed] == ["0000000040"]
    events = [event for event, _ in operations]
    assert events.index("os.rename") > max(
        index
        for index, (event, path) in enumerate(operations)
        if event == "open" and path.endswith("manifest.json")
    )


def killed_at(operation: int, checkpoints: Checkpoints, iteration: int) -> bool:
    """Saves in a process that kills itself before a file operation; False if it never did."""
    seen = 0

    def count(event: str, arguments: object) -> None:
        nonlocal seen
        if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"):
            seen += 1
            if seen == operation:
                os.kill(os.getpid(), signal.SIGKILL)

    def save_and_die() -> None:
        sys.addaudithook(count)
        save(checkpoints, iteration)

    status = forked(save_and_die)
    assert status in (0, -signal.SIGKILL)
    return status != 0


def test_killed_before_each_file_operation(tmp_path, checkpoints):
    save(checkpoints, 40, 80, 120)
    operation = 0
    outcomes = set()
    while killed_at(operation := operation + 1, checkpoints, 160):
        iteration, warnings = newest(checkpoints)
        assert warnings == []
        outcomes.add(iteration)
        checkpoints.go_back_to(120)
        assert [name for name in names(tmp_path) if name[0] == "."] == []
        # The oldest may be gone, which does no harm: two whole ones remain before the new one.
        assert newest(checkpoints) == (120, [])
        for aside in (tmp_path / "checkpoints").glob("*.passed_over"):
            aside.rename(tmp_path / f"aside{operation}")
    assert outcomes == {120, 160}
    assert operation > 15
    assert newest(checkpoints) == (160, [])
