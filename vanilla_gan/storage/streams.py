"""Standard streams: opened where they are closed, given up where nobody takes them."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO


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
