"""Keeps TensorFlow's start-up chatter off the terminal; what matters still comes through."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

from vanilla_gan.say import printable

_STDERR = 2
# The process has one stderr: two threads that both redirect it would restore each other's file.
_HOLDING = threading.Lock()
# TensorFlow writes these lines before its log levels apply: that it uses oneDNN, that there are no
# CUDA libraries, which instructions the processor has. Lines of placer.cc, about where operations
# are placed, are kept: they only come if the user asks for them.
_CHATTER = re.compile(
    rb"^(WARNING: All log messages before absl::InitializeLog"
    rb"|I\d{4} (?!.*\bplacer\.cc)"
    rb"|To enable the following instructions"
    rb"|INFO: Created TensorFlow Lite"
    rb"|E\d{4} .*failed call to cuInit)"
)


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Keeps TensorFlow's chatter during the block off the terminal, and out of a notebook's cell.

    Messages up to INFO from its Python logger are dropped, too: a notebook would show them.
    Within another such block, or during one in another thread, only these are dropped.
    """

    def matters(record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO

    logger = logging.getLogger("tensorflow")
    logger.addFilter(matters)
    holds = _HOLDING.acquire(blocking=False)
    try:
        with _held_stderr() if holds else contextlib.nullcontext():
            yield
    finally:
        if holds:
            _HOLDING.release()
        logger.removeFilter(matters)


@contextlib.contextmanager
def _held_stderr() -> Iterator[None]:
    """Holds back the process's stderr during the block, then passes on all but known chatter.

    Works on the file descriptor, because the lines come from C++ and not through `sys.stderr`,
    which in a notebook is the cell. If the descriptor is closed, or no temporary file can be made,
    nothing is held back.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
    try:
        kept = os.dup(_STDERR)
    except OSError:
        yield
        return
    try:
        held = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    except OSError:
        os.close(kept)
        yield
        return
    try:
        os.dup2(held.fileno(), _STDERR)
        yield
    finally:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        os.dup2(kept, _STDERR)
        os.close(kept)
        held.seek(0)
        lines = [line for line in held if not _CHATTER.match(line)]
        held.close()
        # Made printable, because TensorFlow may quote names from somebody else's file.
        shown = [printable(line.decode(errors="replace").rstrip("\n")) + "\n" for line in lines]
        with contextlib.suppress(OSError):
            os.write(_STDERR, "".join(shown).encode(errors="backslashreplace"))
