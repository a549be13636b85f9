"""Small helpers for files: sums, removal, locks on folders, and errors of writing."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any

from vanilla_gan.errors import OutputError
from vanilla_gan.storage.reading import open_file

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REMEDIES = {
    errno.EACCES: "make it writable",
    errno.EPERM: "make it writable",
    errno.EROFS: "make it writable",
    errno.ENOENT: "put back what was removed",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "free some space",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMLINK: "remove it",
    errno.EBUSY: "name a folder inside it, if it is a mounted disk,",
}


def file_entry(path: str | os.PathLike[str], max_bytes: int | None = None) -> dict[str, Any]:
    """Returns what a record says about a file: `bytes`, its size, and `sha256`, in hex digits.

    Raises:
      OSError: it cannot be read, or is larger than `max_bytes`.
    """
    digest = hashlib.sha256()
    with open_file(path, max_bytes) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
        return {"bytes": stream.tell(), "sha256": digest.hexdigest()}


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Flushes a folder's entries to the disk, if the file system supports that."""
    with closing_fd(os.open(folder, os.O_RDONLY)) as descriptor, contextlib.suppress(OSError):
        # Some network file systems refuse to sync a folder; the rename itself has happened.
        os.fsync(descriptor)


@contextlib.contextmanager
def closing_fd(descriptor: int) -> Iterator[int]:
    """Closes a file descriptor after the block."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked_folder(
    folder: pathlib.Path, result: pathlib.Path, waits: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Locks a folder for the block, so that no two processes change a result at the same time.

    Args:
      folder: must exist.
      result: what the block writes.
      waits: called if the lock is held by another process and this one has to wait.

    Raises:
      OutputError: the folder cannot be opened.
    """
    with writing(result):
        opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    with closing_fd(opened) as descriptor:
        # Some network file systems have no such locks: there, the last of several writers wins.
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waits()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def remove(path: pathlib.Path) -> None:
    """Removes a file, or a folder with everything in it; leaves what cannot be removed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


@contextlib.contextmanager
def no_empty_folders(folder: pathlib.Path) -> Iterator[None]:
    """Removes `folder` and parents that the block made and left empty, if the block fails."""
    new = [path for path in (folder, *folder.parents) if not os.path.exists(path)]
    try:
        yield
    except BaseException:
        for path in new:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Raises an OSError of the block as the one-line error for `path`; see `unwritable`."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Returns the one-line error for a result that could not be written."""
    reason = error.strerror or str(error)
    # TensorFlow reports a full disk only in the text of its error.
    full = any(os.strerror(number) in reason for number in _FULL)
    number = errno.ENOSPC if full else error.errno or 0
    remedy = _REMEDIES.get(number, "check the disk")
    return OutputError(
        f"cannot write {os.fspath(path)}: {reason}; "
        f"{remedy} or choose another folder, then give the same command again"
    )
