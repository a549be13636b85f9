"""Makes the N-th file operation of a process fail, as a full or a broken disk would.

Python's own operations fail before they happen: opening to write, writing, flushing to the disk,
truncating, renaming, linking, making a folder, removing. Only the raw file is replaced; the buffers
and text layers above it are Python's own. All that TensorFlow writes for a checkpoint counts as one
operation, which fails through a limit on the size of files.
"""

from __future__ import annotations

import builtins
import errno
import functools
import io
import os
import pathlib
import resource
import stat
import threading
from collections.abc import Callable
from typing import Any

# A file in the run's folder that names the operation that failed; it is missing if none did.
FAILED = "failed.txt"
# A file that lists all operations, if none is to fail.
OPERATIONS = "operations.txt"
_OF_OS = (
    "fsync",
    "ftruncate",
    "link",
    "mkdir",
    "remove",
    "rename",
    "replace",
    "rmdir",
    "unlink",
    "write",
)
_FILE_SIZE = 1000

_open, _os_open = builtins.open, os.open


def _is_pipe(name: object) -> bool:
    """Returns whether `name` is the descriptor of a pipe, which needs no disk."""
    return isinstance(name, int) and stat.S_ISFIFO(os.fstat(name).st_mode)


class _Counter:
    """Counts the operations and decides which of them fail."""

    def __init__(self, n: int, for_good: bool) -> None:
        self._listing = n == 0
        self._left = n
        self._for_good = for_good
        self._error = errno.ENOSPC if n % 2 else errno.EIO

    def fails(self, what: str, name: object) -> bool:
        """Counts an operation on a file; returns whether it must fail."""
        # The run uses relative names and descriptors; the program and its caches, absolute names.
        others = str(name).startswith("/") or name in (1, 2) or _is_pipe(name)
        if others or threading.current_thread() is not threading.main_thread():
            return False
        if self._listing:
            if isinstance(name, int):
                name = os.readlink(f"/proc/self/fd/{name}").removeprefix(f"{os.getcwd()}/")
            with _open(OPERATIONS, "a") as stream:
                stream.write(f"{what} {name}\n")
        self._left -= 1
        if self._left == 0:
            with _open(FAILED, "w") as stream:
                stream.write(f"{what} {name}")
        return self._left == 0 or (self._for_good and self._left < 0)

    def step(self, what: str, name: object) -> None:
        """Counts an operation; raises the system's error if it must fail."""
        if self.fails(what, name):
            raise OSError(self._error, os.strerror(self._error), name)


def fail(n: int, for_good: bool = False) -> None:
    """Makes the n-th operation from now on fail, or all from the n-th on; 0 only lists them."""
    counter = _Counter(n, for_good)

    class Raw(io.FileIO):
        def write(self, content: Any) -> int:
            counter.step("write", self.name)
            return super().write(content)

        def truncate(self, size: int | None = None) -> int:
            counter.step("truncate", self.name)
            return super().truncate(size)

    def open_file(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        if not set(mode) & set("wax+") or str(file).startswith("/"):
            return _open(file, mode, *args, **options)
        if not isinstance(file, int):
            counter.step("open", file)
        raw = Raw(file, mode.replace("b", ""))
        buffer = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding="utf-8")

    def open_descriptor(path: Any, flags: int, *args: Any, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            counter.step("open", path)
        return _os_open(path, flags, *args, **options)

    def counted(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(operation)
        def call(file: Any, *args: Any, **options: Any) -> Any:
            counter.step(name, file)
            return operation(file, *args, **options)

        return call

    builtins.open = io.open = open_file
    os.open = open_descriptor
    for name in _OF_OS:
        setattr(os, name, counted(name, getattr(os, name)))
    _limit_what_tensorflow_writes(counter)


def failed(folder: pathlib.Path) -> str | None:
    """Returns which operation failed in a run in `folder`; None if it ended before the n-th."""
    path = folder / FAILED
    if not path.exists():
        return None
    what = path.read_text()
    path.unlink()
    return what


def _limit_what_tensorflow_writes(counter: _Counter) -> None:
    from tensorflow.compat.v1.train import Saver

    save = Saver.save

    def limited(self: Any, session: Any, prefix: str, **options: Any) -> Any:
        if not counter.fails("save", prefix):
            return save(self, session, prefix, **options)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_SIZE, limits[1]))
        try:
            return save(self, session, prefix, **options)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    Saver.save = limited
