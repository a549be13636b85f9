"""New Pythons, for what only a process of its own can show, and what the system may limit."""

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
    """Runs a new Python that finds the package, to its end.

    `environment` are changed variables; None takes one away.
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
    """Yields what says how many bytes Python has held at the most since then."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
