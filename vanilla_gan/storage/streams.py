"""Standard streams: opens those that are closed, and discards output that nobody reads."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from typing import TextIO

# How long a process that was asked to end waits for each reader that has stopped reading.
GRACE_S = 1.0


def open_missing_streams() -> None:
    """Opens the standard streams that were closed, on the null device.

    Otherwise the next file that is opened would take the place of one, and get its messages.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open
            setattr(sys, name, stream)


def discard(stream: TextIO) -> None:
    """Discards what is still in a stream's buffer, and everything written to it later.

    Otherwise Python would flush it again at exit, complain, and exit with a status of its own.
    """
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def flush_or_discard(stream: TextIO) -> None:
    """Flushes a stream, or discards its output if that fails."""
    try:
        stream.flush()
    except (OSError, ValueError):
        discard(stream)


def discard_blocked() -> None:
    """Discards the output of standard streams whose readers have stopped, as with full pipes.

    For a process that was asked to end: its last messages must not keep it waiting. A write to such
    a stream that a signal has interrupted continues after the signal's handler.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            writable = select.poll()
            writable.register(stream.fileno(), select.POLLOUT)
            if not writable.poll(1000 * GRACE_S):
                discard(stream)
