"""Opens files of a run in place, never through a link or a second name; sets files aside."""

from __future__ import annotations

import errno
import itertools
import os
import pathlib
import shutil
import stat
import sys
from collections.abc import Callable
from typing import BinaryIO

from vanilla_gan.storage.files import writing
from vanilla_gan.storage.whole import whole_file


def open_own(path: str | os.PathLike[str], flags: int, *, other_names: bool = False) -> int:
    """Opens a file of a run in place, and returns its descriptor.

    A run's folder may come from somebody else. Writing to a link there, or to a second name of some
    file, would change a file elsewhere, and opening a pipe would wait for ever.

    Args:
      path: the file.
      flags: as for `os.open`; with `O_CREAT`, the user's umask decides a new file's mode.
      other_names: whether it may have other names, which is harmless if it is only read.

    Raises:
      OSError: it is a link or no regular file, has other names, or cannot be opened.
    """
    # O_NONBLOCK, because opening a pipe in its place would wait.
    extra = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags | extra, 0o666)
    except OSError as error:
        # The system's own message, "too many levels of symbolic links", would mislead the user.
        if error.errno == errno.ELOOP and os.path.islink(path):
            raise OSError(errno.EMLINK, "it is a link", os.fspath(path)) from error
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or (status.st_nlink > 1 and not other_names):
        os.close(descriptor)
        why = "it is not a regular file, or has other hard links"
        raise OSError(errno.EMLINK, why, os.fspath(path))
    return descriptor


def open_cut(path: str | os.PathLike[str], size: int) -> BinaryIO:
    """Opens a file of a run for writing after its first `size` bytes; cuts off what follows.

    If the file has other names, as in a backup made of hard links, a copy takes its place, and the
    other names keep the old content.

    Raises:
      OSError: it is a link or no regular file, or cannot be opened, copied or cut.
      OutputError: the copy could not be written.
    """
    with open(open_own(path, os.O_RDONLY, other_names=True), "rb") as old:
        if os.fstat(old.fileno()).st_nlink > 1:
            with whole_file(path) as copy:
                shutil.copyfileobj(old, copy)
    stream = open(open_own(path, os.O_RDWR), "r+b")  # noqa: SIM115 - closed by the caller
    stream.truncate(size)
    stream.seek(size)
    return stream


def copy_open(stream: BinaryIO, copy: str | os.PathLike[str], most: int = sys.maxsize) -> None:
    """Copies the rest of an open file, at most `most` bytes, into a new one, block by block.

    Raises:
      OSError: `copy` exists already, or cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with open(open_own(copy, flags), "wb") as target:
        while block := stream.read(min(1 << 20, most)):
            target.write(block)
            most -= len(block)


def set_aside(path: pathlib.Path, called: str | None = None) -> pathlib.Path:
    """Renames a file or folder to `<name>.1`, or with the first number that is free.

    Args:
      path: a file, a folder, or a link, which is itself renamed.
      called: used instead of its name.

    Returns:
      The new path.

    Raises:
      OutputError: it could not be renamed.
    """
    for number in itertools.count(1):
        aside = path.with_name(f"{called or path.name}.{number}")
        if not os.path.lexists(aside):
            break
    with writing(path):
        os.rename(path, aside)
    return aside


def clear(path: pathlib.Path, warn: Callable[[str], None]) -> None:
    """Removes a result that will be made again, if it is there.

    Args:
      path: a file; a folder in its place is not ours, and is renamed.
      warn: called with one line if that happens.

    Raises:
      OutputError: it could not be removed or renamed.
    """
    if os.path.isdir(path) and not os.path.islink(path):
        warn(f"warning: {path} is a folder; it was renamed to {set_aside(path)}")
        return
    with writing(path):
        path.unlink(missing_ok=True)
