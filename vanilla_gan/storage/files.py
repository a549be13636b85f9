"""Files that land whole or not at all: temporary name, flush to disk, rename; and their sums."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import pathlib
import re
import shutil
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO

from vanilla_gan.errors import OutputError
from vanilla_gan.storage.reading import open_file

_TEMPORARY_SUFFIX = ".tmp"
_TEMPORARY_NAME = re.compile(r"\..+\.\d+\.\d+\.tmp")
_REMEDIES = {
    errno.EACCES: "make it writable",
    errno.EPERM: "make it writable",
    errno.EROFS: "make it writable",
    errno.ENOENT: "put back what was removed",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "free some space",
    errno.ENAMETOOLONG: "choose a shorter name",
}
_counter = itertools.count()


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a temporary file that becomes `path` when the block ends without an error.

    The temporary file stands in the folder of `path` (a rename does not cross file systems), as
    `.NAME.PID.N.tmp`. It is flushed to the disk before the rename, and the folder after it, so that
    not even a power failure leaves half a file under the final name. After an error it is removed
    and `path` is what it was before.

    Args:
      path: where the file shall stand; its folder must exist.

    Yields:
      A binary file open for writing and reading.

    Raises:
      OutputError: the file could not be created, written, flushed or renamed.
    """
    final = pathlib.Path(path)
    temporary = temporary_path(final)
    try:
        # O_EXCL: never write through somebody else's link; mode 0666: the user's umask decides.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        with open(os.open(temporary, flags, 0o666), "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, final)
        sync_folder(final.parent)
    except OSError as error:
        raise unwritable(final, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes `content` to `path`, whole or not at all; see `whole_file`."""
    with whole_file(path) as stream:
        stream.write(content)


def open_own(path: str | os.PathLike[str], flags: int, *, other_names: bool = False) -> int:
    """Opens a file of a run in place, and returns its descriptor.

    A run's folder may come from somebody else: a link there, or a second name of some file, would
    lead the writing elsewhere, and a pipe would never let go.

    Args:
      path: the file.
      flags: as of `os.open`; the new file of `O_CREAT` gets the user's mode.
      other_names: whether it may have other names, which does no harm where it is only read.

    Raises:
      OSError: it is a link, no regular file, or has other names; or it cannot be opened.
    """
    # Without waiting: opening a pipe in its place would.
    extra = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags | extra, 0o666)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or (status.st_nlink > 1 and not other_names):
        os.close(descriptor)
        raise OSError(errno.EMLINK, "it is not a regular file of one name", os.fspath(path))
    return descriptor


def open_cut(path: str | os.PathLike[str], size: int) -> BinaryIO:
    """Opens a file of a run to write on behind its first `size` bytes; what follows is cut off.

    Where the file has other names, as in a backup made of links, these keep what they have: a copy
    takes its place.

    Raises:
      OSError: it is a link or no regular file, or cannot be opened, copied or cut.
      OutputError: the copy could not be written.
    """
    with open(open_own(path, os.O_RDONLY, other_names=True), "rb") as old:
        if os.fstat(old.fileno()).st_nlink > 1:
            with whole_file(path) as copy:
                shutil.copyfileobj(old, copy)
    stream = open(open_own(path, os.O_RDWR), "r+b")  # noqa: SIM115 - closed by who asked for it
    stream.truncate(size)
    stream.seek(size)
    return stream


def set_aside(path: pathlib.Path, called: str | None = None) -> pathlib.Path:
    """Renames what stands at a path to `<name>.1`, or the first number that is free.

    Args:
      path: a file, a folder, or a link, which is renamed itself.
      called: in place of its name.

    Returns:
      Where it stands now.

    Raises:
      OutputError: it could not be renamed.
    """
    for number in itertools.count(1):
        aside = path.with_name(f"{called or path.name}.{number}")
        if not os.path.lexists(aside):
            break
    try:
        os.rename(path, aside)
    except OSError as error:
        raise unwritable(path, error) from error
    return aside


def file_entry(path: str | os.PathLike[str], max_bytes: int | None = None) -> dict[str, Any]:
    """Returns what a record says of a file: `bytes`, its size, and `sha256`, in hex digits.

    Raises:
      OSError: it cannot be read, or is larger than `max_bytes`.
    """
    digest = hashlib.sha256()
    with open_file(path, max_bytes) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
        return {"bytes": stream.tell(), "sha256": digest.hexdigest()}


def temporary_path(final: pathlib.Path) -> pathlib.Path:
    """Returns a name beside `final` that no other process takes and `remove_leftovers` knows."""
    return final.with_name(f".{final.name}.{os.getpid()}.{next(_counter)}{_TEMPORARY_SUFFIX}")


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Flushes a folder's entries to the disk, where the system can do that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems refuse to sync a folder; the rename itself has happened.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Removes what killed processes left half-written or half-removed in `folder`, not below it.

    What cannot be removed stays, without an error: it does no harm but take room.
    """
    with contextlib.suppress(OSError):
        for leftover in pathlib.Path(folder).iterdir():
            if _TEMPORARY_NAME.fullmatch(leftover.name):
                remove(leftover)


def remove(path: pathlib.Path) -> None:
    """Removes a file, or a folder with all that is in it, as far as that is possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def unwritable(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Returns the one-line error for a result that could not be written."""
    reason = error.strerror or str(error)
    # TensorFlow tells of a full disk in words alone.
    full = os.strerror(errno.ENOSPC) in reason
    number = errno.ENOSPC if full else error.errno or 0
    remedy = _REMEDIES.get(number, "check the disk")
    return OutputError(
        f"cannot write {os.fspath(path)}: {reason}; "
        f"{remedy} or choose another folder, then give the same command again"
    )
