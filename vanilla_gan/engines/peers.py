"""Peers: whether the other tasks of a cluster accept connections, and the wait until they do."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from vanilla_gan.engines.task import Task
from vanilla_gan.errors import LostPeerError

POLL_S = 0.1
_TOLD_EVERY_S = 10.0


def answers(address: str) -> bool:
    """Returns whether somebody listens at `host:port`."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1.0).close()
    # A host name with a part that is empty or too long raises a UnicodeError.
    except (OSError, UnicodeError):
        return False
    return True


def absent(task: Task) -> list[tuple[str, int]]:
    """Returns the tasks, other than the chief, that do not listen."""
    return [other for other in task.others if not answers(task.address(other))]


def wait_for_others(task: Task, timeout_s: float, inform: Callable[[str], None]) -> None:
    """Waits until all tasks other than the chief listen.

    Raises:
      LostPeerError: one of them does not listen within the timeout.
    """
    began_s, told_s = time.monotonic(), 0.0
    while missing := absent(task):
        names = ", ".join(map(task.named, missing))
        waited_s = time.monotonic() - began_s
        if waited_s > timeout_s:
            raise LostPeerError(
                f"no answer from {names} within {timeout_s:g} s; start the same command there, "
                "correct the addresses, or give a longer --cluster_timeout"
            )
        if waited_s >= told_s:
            told_s = waited_s + _TOLD_EVERY_S
            inform(f"waiting for {names}")
        time.sleep(POLL_S)
