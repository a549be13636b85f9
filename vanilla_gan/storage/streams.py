"""Standard streams: opened where they are closed, given up where nobody takes them."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from typing import TextIO

# How long a reader that stands still is waited for by who is asked to end.
GRACE_S = 1.0


def open_missing_streams() -> None:
    """Opens the standard streams that were closed, on the null device.

    Otherwise the next file that is opened would be one of them, and messages would land in it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open
            setattr(sys, name, stream)


def discard(stream: TextIO) -> None:
    """Lets what is still in a stream's buffer, and all that comes, go nowhere.

    Python would try once again at its exit, complain, and end with a status of its own.
    """
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def flush_or_discard(stream: TextIO) -> None:
    """Flushes a stream; one that nobody takes is given up."""
    try:
        stream.flush()
    except (OSError, ValueError):
        discard(stream)


def discard_blocked() -> None:
    """Gives up the standard streams whose readers stand still, as those of full pipes.

    For a process that was asked to end: what it has yet to say must not keep it. Who is within a
    write to such a stream when a signal comes, goes on behind its handler.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            writable = select.poll()
            writable.register(stream.fileno(), select.POLLOUT)
            if not writable.poll(1000 * GRACE_S):
                discard(stream)
