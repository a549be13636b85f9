"""Forks of the process that runs the tests, for what can only be tested in another process."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable


def fork(action: Callable[[], object]) -> int:
    """Calls `action` in a fork and returns its process id.

    The fork ends with the action: with status 0, or 1 and a traceback if it raises.
    """
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        action()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def exit_status(pid: int) -> int:
    """Waits for a fork's end and returns its status, negative for a signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def forked(action: Callable[[], object]) -> int:
    """Calls `action` in a fork, waits for its end, and returns its status."""
    return exit_status(fork(action))
