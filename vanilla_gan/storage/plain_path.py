"""Paths for TensorFlow, which takes that of a checkpoint for a pattern, and any for UTF-8."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from vanilla_gan.storage.files import closing_fd

# With these a pattern does not match itself; * and ? do.
_SPECIAL = frozenset("[]\\")


@contextlib.contextmanager
def plain_path(path: str | os.PathLike[str]) -> Iterator[str]:
    """Gives a path of the same file, during the block, with a folder that TensorFlow can name.

    That is one without the special characters of patterns, and in UTF-8.

    Args:
      path: where the names of the checkpoint's files begin.

    Raises:
      OSError: the folder cannot be opened, or has a file of the checkpoint that is no regular one:
        TensorFlow waits for a pipe.
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
