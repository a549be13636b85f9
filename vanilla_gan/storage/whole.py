"""Files and folders that are written whole or not at all; cleans up after killed processes.

A result is made under its own name in a hidden folder beside its final path,
`.vanilla_gan.PID.N.tmp`, then flushed and renamed. The hidden folder is locked while its process
lives. If the result or an older one is a folder, a rename cannot replace the older one. It then
waits as `old.NAME`, and goes back if the new one does not get there, even if the process is killed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import pathlib
import re
import shutil
from collections.abc import Callable, Iterator
from typing import BinaryIO

from vanilla_gan.errors import OutputError, UsageError
from vanilla_gan.storage.files import closing_fd, remove, sync_folder, unwritable

_OURS = re.compile(r"\.vanilla_gan\.\d+\.\d+\.tmp")
# Their name in earlier versions, in the folders of runs: `.NAME.PID.N.tmp`.
_OURS_BEFORE = re.compile(r"\..+\.\d+\.\d+\.tmp")
_OLD = "old."
_counter = itertools.count()
# Folders that this process has already cleaned of leftovers.
_tidied: set[str] = set()


@contextlib.contextmanager
def whole_path(
    path: str | os.PathLike[str], check: Callable[[], object] | None = None
) -> Iterator[pathlib.Path]:
    """Gives a temporary path that becomes `path` when the block ends without an error.

    The block may make a file or a folder there. It is flushed to the disk before the rename, and
    its parent folder after it, so that not even a power failure leaves half of it under the final
    name. After an error it is removed, and `path` is what it was before.

    Args:
      path: the final path; its parent folder must exist. Whatever is there is replaced, except that
        a file does not replace a folder.
      check: called before the rename in place of that rule; raises an error to keep what is there.

    Yields:
      The temporary path, in a folder beside the final one; nothing is there yet.

    Raises:
      UsageError: the path has no name, like `.` and `/`.
      OutputError: the result could not be made, flushed or renamed.
    """
    final = pathlib.Path(path)
    if final.name in ("", ".."):
        raise UsageError(f"{os.fspath(path)}: it is a folder; expected a name inside a folder")
    try:
        with _workplace(final.parent) as place:
            new = place / final.name
            yield new
            _sync_below(new)
            if check is not None:
                check()
            elif _is_folder(final) and not _is_folder(new):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if os.path.lexists(final) and (_is_folder(new) or _is_folder(final)):
                # `_settle` puts it back if the next line fails, or is never reached.
                os.rename(final, place / f"{_OLD}{final.name}")
            os.replace(new, final)
            sync_folder(final.parent)
    except OSError as error:
        raise unwritable(final, error) from error
    except OutputError as error:
        # It names the temporary path, which means nothing to the user.
        if isinstance(error.__cause__, OSError):
            raise unwritable(final, error.__cause__) from error
        raise


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a temporary file that becomes `path` when the block ends without an error.

    See `whole_path`.

    Yields:
      A binary file open for writing and reading.
    """
    with whole_path(path) as new:
        # O_EXCL: never write through somebody else's link; mode 0666: the user's umask decides.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with open(os.open(new, flags, 0o666), "w+b") as stream:
            yield stream


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes `content` to `path`, whole or not at all; see `whole_file`."""
    with whole_file(path) as stream:
        stream.write(content)


def remove_whole(path: pathlib.Path) -> None:
    """Removes a file or a folder, if it is there; never leaves part of it under its name.

    Raises:
      OSError: it could not be moved out of the way.
    """
    if os.path.lexists(path):
        with _workplace(path.parent) as place:
            try:
                os.rename(path, place / "doomed")
            except OSError as error:
                if error.errno != errno.EXDEV:  # see `move_whole`
                    raise
                remove(path)


def move_whole(path: pathlib.Path, to: pathlib.Path) -> None:
    """Renames a file or a folder; nothing may be at `to`.

    The file system of containers, overlayfs, cannot rename a folder that belongs to the image. Such
    a folder is copied, and then removed.

    Raises:
      OSError: it could not be renamed.
      OutputError: it could not be copied.
    """
    try:
        os.rename(path, to)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with whole_path(to) as copy:
            shutil.copytree(path, copy, symlinks=True)
        remove(path)


def check_writable(folder: pathlib.Path) -> None:
    """Checks that files can be created in a folder.

    Raises:
      OSError: they cannot.
    """
    with _workplace(folder) as place:
        (place / "writable").touch()


def remove_leftovers(folder: str | os.PathLike[str], *, of_a_run: bool = True) -> None:
    """Removes what killed processes left half-made in `folder`, not in its subfolders.

    Older results that they had moved out of the way go back. Folders of live processes remain, and
    so does, without an error, what cannot be removed: it only takes up space.

    Args:
      folder: where to look.
      of_a_run: whether it is a run's folder, which may have leftovers of earlier versions, too.
    """
    name = _OURS_BEFORE if of_a_run else _OURS
    with contextlib.suppress(OSError):
        for leftover in [entry for entry in os.scandir(folder) if name.fullmatch(entry.name)]:
            if leftover.is_symlink():
                os.unlink(leftover.path)
                continue
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with contextlib.suppress(OSError), closing_fd(os.open(leftover.path, flags)) as lock:
                # Fails if the file system has no locks: nobody can tell then if its process lives.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _settle(pathlib.Path(leftover.path))


@contextlib.contextmanager
def _workplace(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Makes a hidden folder in `folder`, locked during the block and removed after it."""
    resolved = os.path.realpath(folder)
    if resolved not in _tidied:
        _tidied.add(resolved)
        remove_leftovers(folder, of_a_run=False)
    place, lock = _locked_place(folder)
    with closing_fd(lock):
        try:
            yield place
        finally:
            _settle(place)


def _locked_place(folder: pathlib.Path) -> tuple[pathlib.Path, int]:
    while True:
        place = folder / f".vanilla_gan.{os.getpid()}.{next(_counter)}.tmp"
        try:
            place.mkdir(0o700)
        except FileExistsError:
            continue  # From a process with the same PID in another container.
        try:
            lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # Removed as a leftover before it was locked; see also below.
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue  # Another process has just taken it for a leftover.
        except OSError:
            pass  # A file system without locks: its leftovers stay.
        if os.fstat(lock).st_nlink and os.path.isdir(place):
            return place, lock
        os.close(lock)


def _settle(place: pathlib.Path) -> None:
    """Puts an older result back if the new one did not replace it; then removes the folder."""
    if place.is_dir():
        for old in place.glob(f"{_OLD}*"):
            name = old.name.removeprefix(_OLD)
            # No `NAME` beside it: the new one is in its place, or `old.NAME` is itself a new one.
            if name in ("", ".", "..") or not os.path.lexists(place / name):
                continue
            final = place.with_name(name)
            if not os.path.lexists(final):
                os.rename(old, final)
            else:
                return  # Somebody has put another one there: keep both the old and the new here.
    remove(place)


def _is_folder(path: pathlib.Path) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _sync_below(path: pathlib.Path) -> None:
    """Flushes a file, or a folder with all that is in it, to the disk."""
    if not _is_folder(path):
        with closing_fd(os.open(path, os.O_RDONLY)) as descriptor:
            os.fsync(descriptor)
        return
    for child in path.iterdir():
        _sync_below(child)
    sync_folder(path)
