"""Files that land whole or not at all: temporary name, flush to disk, rename."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
from collections.abc import Iterator
from typing import BinaryIO

from vanilla_gan.errors import OutputError

_TEMPORARY_SUFFIX = ".tmp"
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
    temporary = final.with_name(f".{final.name}.{os.getpid()}.{next(_counter)}{_TEMPORARY_SUFFIX}")
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
    """Removes temporary files that killed processes left in `folder` (not below it)."""
    for leftover in pathlib.Path(folder).glob(f".*{_TEMPORARY_SUFFIX}"):
        with contextlib.suppress(OSError):
            leftover.unlink()


def unwritable(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Returns the one-line error for a result that could not be written."""
    reason = error.strerror or str(error)
    return OutputError(
        f"cannot write {os.fspath(path)}: {reason}; "
        "free some space or choose another folder, then give the same command again"
    )
