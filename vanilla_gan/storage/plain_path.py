"""Paths for TensorFlow's reader of checkpoints, which takes a path for a pattern."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

# With these a pattern does not match itself; * and ? do.
_SPECIAL = frozenset("[]\\")


@contextlib.contextmanager
def plain_path(path: str | os.PathLike[str]) -> Iterator[str]:
    """Gives a path of the same file without special characters in its folder, during the block.

    Raises:
      OSError: the folder cannot be opened.
    """
    folder, name = os.path.split(os.fspath(path))
    if not _SPECIAL.intersection(folder):
        yield os.fspath(path)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)
