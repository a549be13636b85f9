"""Signals: the first one asks the run to stop, a second one may end the process.

A run that waits for a reader of its output has to stop, too: it drops what it has yet to print.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

from vanilla_gan.errors import StoppedBySignal
from vanilla_gan.storage.streams import discard_blocked

_NO_MORE = 0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# `timeout` sends SIGTERM to the process and then to its group, so one request comes twice.
TWICE_S = 1.0


class _Signals:
    """Tells a second request to end from signals that only accompany the first one."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._first_s = 0.0

    def is_second(self, number: int) -> bool | None:
        """Notes a signal; returns whether it is a second request, and None for the first signal.

        A second SIGHUP is none: when a terminal is closed, its shell sends one, and the kernel
        sends another when that shell ends. Nor is a SIGTERM soon after another.
        """
        now_s = time.monotonic()
        if self._first is None:
            self._first, self._first_s = number, now_s
            return None
        is_twice = number == self._first == signal.SIGTERM and now_s - self._first_s < TWICE_S
        return number != signal.SIGHUP and not is_twice


class StopRequest:
    """Whether the run was asked to stop.

    Attributes:
      signal_number: the first signal that came; None as long as none has.
    """

    def __init__(self, second_exits: bool = True) -> None:
        """Begins without a request; see `stop_on_signals`."""
        self.signal_number: int | None = None
        self._second_exits = second_exits
        self._at_once = False
        self._signals = _Signals()

    def ask(self, signal_number: int) -> None:
        """Asks the run to stop as that signal would; does nothing if it was asked before."""
        if self.signal_number is None:
            self.signal_number = signal_number

    def handle(self, signal_number: int, frame: FrameType | None) -> None:
        """Notes the first signal; at a second one may exit without saving anything further.

        At the first signal, standard streams that nobody reads any more are given up. Exiting at a
        second one does no harm: files are written whole or not at all, and the last checkpoint is
        kept.

        Raises:
          StoppedBySignal: for a signal within `at_once`.
        """
        del frame
        is_second = self._signals.is_second(signal_number)
        if is_second is False:
            return
        if is_second and self._second_exits:
            os._exit(128 + signal_number)
        self.ask(signal_number)
        discard_blocked()
        if self._at_once:
            self._raise_if_asked()

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Lets a first signal interrupt the block: for long work that can be done again.

        Raises:
          StoppedBySignal: a signal came before or within the block.
        """
        self._at_once = True
        try:
            self._raise_if_asked()
            yield
        finally:
            self._at_once = False
        # What a signal handler raises in a library's `except` clause or destructor may get lost.
        self._raise_if_asked()

    def _raise_if_asked(self) -> None:
        number = self.signal_number
        if number is None:
            return
        raise StoppedBySignal(
            number,
            f"stopped by signal {number} before training began; the results so far are "
            "unchanged, and the same command continues from there",
        )


@contextlib.contextmanager
def stop_on_signals(second_exits: bool = True, raises_late: bool = False) -> Iterator[StopRequest]:
    """Handles SIGINT, SIGTERM and SIGHUP during the block.

    Args:
      second_exits: whether a second signal ends the process. Otherwise it changes nothing: the
        first one is being obeyed, and the process does other things than this run.
      raises_late: whether a signal that did not stop the block is raised again after it, even if
        an error ended the block.

    A signal that the process was told to ignore (`nohup` ignores SIGHUP) stays ignored. Outside the
    main thread, where Python allows no handlers, nothing is handled.
    """
    request = StopRequest(second_exits)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    # None: a handler that was not installed from Python, and could not be put back.
    handled = [s for s in STOP_SIGNALS if signal.getsignal(s) not in (signal.SIG_IGN, None)]
    before = {s: signal.signal(s, request.handle) for s in handled}
    is_obeyed = False
    try:
        with _watched(handled) if second_exits else contextlib.nullcontext():
            yield request
    except StoppedBySignal:
        is_obeyed = True
        raise
    finally:
        for signal_number, handler in before.items():
            signal.signal(signal_number, handler)
        if raises_late and not is_obeyed and request.signal_number in handled:
            signal.raise_signal(request.signal_number)


@contextlib.contextmanager
def _watched(handled: list[signal.Signals]) -> Iterator[None]:
    """Ends the process at a second signal during the block, whatever the main thread does.

    It counts them as `StopRequest.handle` does. Python runs handlers in the main thread, which may
    be inside TensorFlow for minutes. So signal numbers are also written to a pipe, at once, and
    another thread reads them.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def watch() -> None:
        signals = _Signals()
        while (number := os.read(reading, 1)[0]) != _NO_MORE:
            if number in handled and signals.is_second(number):
                os._exit(128 + number)

    watcher = threading.Thread(target=watch, daemon=True)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.write(writing, bytes([_NO_MORE]))
        watcher.join()
        os.close(reading)
        os.close(writing)
