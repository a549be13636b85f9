"""Files of a run that are written in place: never through a link or a second name; set aside."""

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
    try:
        descriptor = os.open(path, flags | extra, 0o666)
    except OSError as error:
        # What the system says of a link, that there are too many, would be sought on the disk.
        if error.errno == errno.ELOOP and os.path.islink(path):
            raise OSError(errno.EMLINK, "it is a link", os.fspath(path)) from error
        raise
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


def copy_open(stream: BinaryIO, copy: str | os.PathLike[str], most: int = sys.maxsize) -> None:
    """Copies what is left of an open file, `most` bytes of it, into a new one, block by block.

    Raises:
      OSError: there is one already, or it cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with open(open_own(copy, flags), "wb") as target:
        while block := stream.read(min(1 << 20, most)):
            target.write(block)
            most -= len(block)


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
    with writing(path):
        os.rename(path, aside)
    return aside


def clear(path: pathlib.Path, warn: Callable[[str], None]) -> None:
    """Removes a result that will be made again, if it is there.

    Args:
      path: a file; a folder in its place is none of ours, and is renamed.
      warn: called with one line where that happens.

    Raises:
      OutputError: it could not be removed or renamed.
    """
    if os.path.isdir(path) and not os.path.islink(path):
        warn(f"warning: {path} is a folder; it was renamed to {set_aside(path)}")
        return
    with writing(path):
        path.unlink(missing_ok=True)
