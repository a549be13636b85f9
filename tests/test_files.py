"""Files that land whole or not at all, and what is left of those that did not."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import stat

import pytest
from forked import forked

from vanilla_gan.errors import OutputError
from vanilla_gan.storage.files import (
    file_entry,
    remove_leftovers,
    temporary_path,
    unwritable,
    whole_file,
    write_whole,
)


def test_content_stands_under_the_name_only_when_the_block_is_over(tmp_path):
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
    """A limit on the size of files stands for the disk, in a process of its own."""
    write_whole(tmp_path / "a", b"before")

    def write() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with pytest.raises(OutputError, match=r"cannot write .*/a: File too large; free some"):
            write_whole(tmp_path / "a", bytes(10_000))

    assert forked(write) == 0
    assert (tmp_path / "a").read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("size", [0, 3, (1 << 20) - 1, 1 << 20, (2 << 20) + 1])
def test_the_entry_of_a_file(tmp_path, size):
    content = bytes(range(251)) * (size // 251 + 1)
    (tmp_path / "a").write_bytes(content[:size])
    expected = hashlib.sha256(content[:size]).hexdigest()
    assert file_entry(tmp_path / "a") == {"bytes": size, "sha256": expected}


def test_leftovers_are_removed_and_nothing_else(tmp_path):
    leftover = temporary_path(tmp_path / "003.png")
    leftover.write_bytes(b"half")
    folder = temporary_path(tmp_path / "0000000040")
    folder.mkdir()
    (folder / "model.ckpt.index").touch()
    outside = tmp_path.parent / f"{tmp_path.name}_outside"
    outside.mkdir()
    (outside / "kept").touch()
    temporary_path(tmp_path / "link").symlink_to(outside)
    for kept in ("003.png", ".gitkeep", ".hidden.tmp", "a.1.2.tmp", ".a.1.2.tmp.png"):
        (tmp_path / kept).touch()
    (tmp_path / "below").mkdir()
    below = temporary_path(tmp_path / "below" / "a")
    below.touch()

    remove_leftovers(tmp_path)

    assert sorted(os.listdir(tmp_path)) == sorted(
        ["003.png", ".gitkeep", ".hidden.tmp", "a.1.2.tmp", ".a.1.2.tmp.png", "below"]
    )
    assert below.exists()
    assert (outside / "kept").exists()


def test_leftovers_of_no_folder(tmp_path):
    remove_leftovers(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


def test_temporary_names_are_never_the_same(tmp_path):
    assert len({temporary_path(tmp_path / "a") for _ in range(100)}) == 100


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
