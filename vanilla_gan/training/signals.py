"""Signals: the first one asks the loop to stop, a second one ends the process at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """Whether a signal has asked the run to stop.

    Attributes:
      signal_number: the first signal that came; None as long as none has.
    """

    def __init__(self) -> None:
        """Makes a request that nobody has made yet."""
        self.signal_number: int | None = None

    def handle(self, signal_number: int, frame: FrameType | None) -> None:
        """Notes the first signal; at a second one exits without saving anything further.

        That does no harm: files land whole or not at all, and the last checkpoint stands.
        """
        del frame
        if self.signal_number is not None:
            os._exit(128 + signal_number)
        self.signal_number = signal_number


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Handles SIGINT, SIGTERM and SIGHUP during the block.

    A signal that the process was told to ignore (`nohup` ignores SIGHUP) stays ignored. Outside the
    main thread, where Python allows no handlers, nothing is handled.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    handled = [s for s in STOP_SIGNALS if signal.getsignal(s) is not signal.SIG_IGN]
    before = {s: signal.signal(s, request.handle) for s in handled}
    try:
        yield request
    finally:
        for signal_number, handler in before.items():
            signal.signal(signal_number, handler)
