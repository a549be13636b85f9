"""Paths for TensorFlow, which treats a checkpoint's path as a pattern, and all paths as UTF-8."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from vanilla_gan.storage.files import closing_fd

# A pattern with one of these does not match itself; with * and ? it does.
_SPECIAL = frozenset("[]\\")


@contextlib.contextmanager
def plain_path(path: str | os.PathLike[str]) -> Iterator[str]:
    """Gives a path to the same file, valid during the block, whose folder TensorFlow can handle.

    Such a folder's path has no special characters of patterns, and is valid UTF-8.

    Args:
      path: what the names of the checkpoint's files begin with.

    Raises:
      OSError: the folder cannot be opened, or a file of the checkpoint is not a regular one:
        TensorFlow would wait for a pipe.
    """
    folder, name = os.path.split(os.fspath(path))
    with os.scandir(folder or ".") as entries:
        for entry in entries:
            if entry.name.startswith(name) and not (entry.is_file() or entry.is_dir()):
                raise OSError(f"{entry.name} is not a regular file")
    if not _SPECIAL.intersection(folder) and folder.isprintable():
        yield os.fspath(path)
        return
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    with closing_fd(os.open(folder or ".", flags)) as descriptor:
        yield f"/proc/self/fd/{descriptor}/{name}"
