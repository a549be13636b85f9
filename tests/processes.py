"""New Python processes, for tests that need their own; a limit on files, a measure of memory."""

from __future__ import annotations

import contextlib
import os
import pathlib
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator

ROOT = pathlib.Path(__file__).resolve().parents[1]


def python(
    *words: object, cwd: pathlib.Path = ROOT, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    """Runs a new Python process that finds the package, and waits for its end.

    `environment` has the changed variables; None removes one.
    """
    changed = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        env={name: value for name, value in changed.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )


@contextlib.contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Lets no file of this process grow beyond `size` bytes, as a full disk would."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextlib.contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """Yields a function that returns the most bytes that Python has held since then."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
