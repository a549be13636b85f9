"""A line for the user, on stderr."""

from __future__ import annotations

import contextlib
import sys


def say(line: str) -> None:
    """Prints a line; a terminal that was closed is no reason to give up the work."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)
