"""Files that are written whole or not at all, and leftovers of writes that were cut short."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import signal
import stat

import pytest
from forked import forked
from processes import limited_files

from vanilla_gan.errors import OutputError, UsageError
from vanilla_gan.storage.files import file_entry, unwritable
from vanilla_gan.storage.whole import remove_leftovers, whole_file, whole_path, write_whole


def test_the_file_is_replaced_only_when_the_block_ends(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"before")
    with whole_file(path) as stream:
        stream.write(b"after")
        stream.flush()
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_umask_decides_who_may_read(tmp_path):
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_error_in_the_block_leaves_what_was_there(tmp_path, error):
    (tmp_path / "a").write_bytes(b"before")
    with pytest.raises(error), whole_file(tmp_path / "a") as stream:  # noqa: PT012
        stream.write(b"half")
        raise error
    assert (tmp_path / "a").read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a"]


def test_missing_folder(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*gone/a: No such file or directory"):
        write_whole(tmp_path / "gone" / "a", b"")


def test_folder_in_place_of_the_file(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "kept").touch()
    with pytest.raises(OutputError, match=r"cannot write .*/a: "):
        write_whole(tmp_path / "a", b"")
    assert os.listdir(tmp_path) == ["a"]


def test_read_only_folder(tmp_path, monkeypatch, unprivileged):
    monkeypatch.chdir(tmp_path)
    os.mkdir("locked", 0o555)
    with unprivileged(), pytest.raises(OutputError, match="Permission denied; make it writable"):
        write_whole("locked/a", b"")


def test_full_disk(tmp_path):
    """A limit on file size stands in for a full disk."""
    write_whole(tmp_path / "a", b"before")
    message = r"cannot write .*/a: File too large; free some"
    with limited_files(1000), pytest.raises(OutputError, match=message):
        write_whole(tmp_path / "a", bytes(10_000))
    assert (tmp_path / "a").read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("size", [0, 3, (1 << 20) - 1, 1 << 20, (2 << 20) + 1])
def test_the_entry_of_a_file(tmp_path, size):
    content = bytes(range(251)) * (size // 251 + 1)
    (tmp_path / "a").write_bytes(content[:size])
    expected = hashlib.sha256(content[:size]).hexdigest()
    assert file_entry(tmp_path / "a") == {"bytes": size, "sha256": expected}


def make_beside(final, steps: int) -> None:
    """Replaces a folder by a new one, and is killed before rename number `steps` (from 0)."""
    left = itertools.count(steps, -1)

    def stepwise(rename):
        def step(*paths) -> None:
            if next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            rename(*paths)

        return step

    os.rename, os.replace = stepwise(os.rename), stepwise(os.replace)
    with whole_path(final) as new:
        new.mkdir()
        (new / "new").touch()
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("steps", range(4))
def test_a_folder_is_replaced_or_kept_whenever_the_process_is_killed(tmp_path, steps):
    final = tmp_path / "model"
    final.mkdir()
    (final / "old").touch()
    assert forked(lambda: make_beside(final, steps)) == -signal.SIGKILL
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == ["model"]
    assert os.listdir(final) == ["old" if steps < 2 else "new"]


def test_a_half_result_leaves_nothing_whatever_its_name(tmp_path):
    assert forked(lambda: make_beside(tmp_path / "old.model", 0)) == -signal.SIGKILL
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == []


def test_old_and_new_survive_a_taken_name(tmp_path):
    final = tmp_path / "model"
    final.mkdir()
    (final / "old").touch()
    assert forked(lambda: make_beside(final, 1)) == -signal.SIGKILL
    final.mkdir()
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.rglob("*")} > {"old", "new"}


@pytest.mark.parametrize("fails", ["rename", "replace"])
def test_a_folder_that_cannot_be_replaced_stays(tmp_path, monkeypatch, fails):
    final = tmp_path / "model"
    final.mkdir()
    (final / "old").touch()

    def broken(*paths) -> None:
        monkeypatch.undo()
        raise OSError(errno.EIO, "broken")

    with (  # noqa: PT012
        pytest.raises(OutputError, match=r"cannot write .*/model: broken"),
        whole_path(final) as new,
    ):
        new.mkdir()
        monkeypatch.setattr(os, fails, broken)
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "old"]


def test_leftovers_are_removed_and_nothing_else(tmp_path):
    half = tmp_path / ".0000000040.4711.1.tmp"
    half.mkdir()
    (half / "model.ckpt.index").touch()
    (tmp_path / ".003.png.4711.2.tmp").write_bytes(b"half")
    os.mkfifo(tmp_path / ".pipe.4711.3.tmp")
    outside = tmp_path.parent / f"{tmp_path.name}_outside"
    outside.mkdir()
    (outside / "kept").touch()
    (tmp_path / ".vanilla_gan.4711.4.tmp").symlink_to(outside)
    kept = ["003.png", ".gitkeep", ".hidden.tmp", "a.1.2.tmp", ".a.1.2.tmp.png"]
    for name in kept:
        (tmp_path / name).touch()
    below = tmp_path / "below" / ".a.4711.5.tmp"
    below.mkdir(parents=True)

    remove_leftovers(tmp_path)

    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "below"])
    assert below.exists()
    assert (outside / "kept").exists()


def test_files_of_a_running_process_are_not_leftovers(tmp_path):
    def look() -> None:
        remove_leftovers(tmp_path)

    with whole_path(tmp_path / "model") as folder:
        folder.mkdir()
        (folder / "variables").write_bytes(b"half")
        look()
        assert forked(look) == 0
    assert (tmp_path / "model" / "variables").read_bytes() == b"half"


def test_a_write_removes_leftovers_in_its_folder(tmp_path):
    """But it leaves files whose names another program might have given."""
    assert forked(lambda: make_beside(tmp_path / "model", 0)) == -signal.SIGKILL
    (tmp_path / ".paper.1.2.tmp").touch()
    write_whole(tmp_path / "a", b"")
    assert sorted(os.listdir(tmp_path)) == [".paper.1.2.tmp", "a"]


def test_files_of_a_process_with_the_same_id_are_left_alone(tmp_path):
    """Processes in two containers may have the same id."""
    write_whole(tmp_path / "a", b"")
    *_, number, _ = only_place(tmp_path).split(".")
    theirs = tmp_path / f".vanilla_gan.{os.getpid()}.{int(number) + 1}.tmp"
    theirs.mkdir()
    write_whole(tmp_path / "b", b"")
    assert sorted(os.listdir(tmp_path)) == [theirs.name, "a", "b"]


def only_place(folder) -> str:
    """Returns the name of the hidden folder in which `whole_path` makes a result."""
    with whole_path(folder / "c"):
        (name,) = (name for name in os.listdir(folder) if name.startswith(".vanilla_gan."))
        (folder / name / "c").touch()
    (folder / "c").unlink()
    return name


def test_leftovers_without_a_folder(tmp_path):
    remove_leftovers(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("path", [".", "/", "..", "a/.."])
def test_a_path_without_a_name(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="it is a folder; expected a name inside a folder"):
        write_whole(path, b"")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "make it writable"),
        (errno.ENOENT, "put back what was removed"),
        (errno.EIO, "check the disk"),
    ],
)
def test_line_says_what_to_do(number, remedy):
    line = str(unwritable("out/a", OSError(number, "the reason")))
    assert line.startswith(f"cannot write out/a: the reason; {remedy} or choose another folder")
