"""Signals: the first is noted, or ends what can be repeated; the second ends the process."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading

import pytest
from forked import exit_status, fork, forked

from vanilla_gan.errors import StoppedBySignal
from vanilla_gan.training.signals import STOP_SIGNALS, StopRequest, stop_on_signals

pytestmark = pytest.mark.usefixtures("default_handlers")


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_first_signal_is_noted(number):
    with stop_on_signals() as stop:
        assert stop.signal_number is None
        signal.raise_signal(number)
        assert stop.signal_number == number


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    with stop_on_signals():
        assert [signal.getsignal(number) for number in STOP_SIGNALS] != before
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


@pytest.mark.parametrize(
    ("signals", "status"),
    [
        ([signal.SIGTERM], 0),
        ([signal.SIGINT, signal.SIGINT], 130),
        ([signal.SIGHUP, signal.SIGTERM], 143),
    ],
)
def test_second_signal_ends_the_process(signals, status):
    def get_signals() -> None:
        with stop_on_signals():
            for number in signals:
                signal.raise_signal(number)

    assert forked(get_signals) == status


def test_second_signal_ends_the_process_while_the_main_thread_is_not_in_python():
    """As when TensorFlow computes; here it waits in C for a lock that it holds itself."""
    reading, writing = os.pipe()

    def wait_for_signals() -> None:
        signal.alarm(60)
        c, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(256)
        with stop_on_signals():
            c.pthread_mutex_lock(mutex)
            os.write(writing, b"!")
            c.pthread_mutex_lock(mutex)

    pid = fork(wait_for_signals)
    os.read(reading, 1)
    # Not the same signal twice: while the first is pending, the second would merge with it.
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)
    assert exit_status(pid) in (130, 143)


def test_ignored_signals_stay_ignored():
    """As when `nohup` starts its command."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stop_on_signals() as stop:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        assert stop.signal_number is None
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_other_threads_handle_nothing():
    seen = []

    def work() -> None:
        with stop_on_signals() as stop:
            seen.append(stop.signal_number)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [None]


def test_signal_ends_at_once_what_can_be_repeated():
    with stop_on_signals() as stop:
        with pytest.raises(StoppedBySignal) as caught, stop.at_once():  # noqa: PT012
            signal.raise_signal(signal.SIGTERM)
            pytest.fail("went on")
        assert caught.value.exit_status == 143
        assert "signal 15" in str(caught.value)


def test_signal_that_came_before():
    with stop_on_signals() as stop:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(StoppedBySignal), stop.at_once():
            pytest.fail("began")


def test_signal_whose_exception_got_lost():
    """As in a destructor, or if a library catches every exception."""
    with stop_on_signals() as stop:
        reached = False
        with pytest.raises(StoppedBySignal), stop.at_once():  # noqa: PT012
            with contextlib.suppress(StoppedBySignal):
                signal.raise_signal(signal.SIGTERM)
            reached = True
        assert reached


def test_signal_after_the_block_is_only_noted():
    with stop_on_signals() as stop:
        with stop.at_once():
            pass
        signal.raise_signal(signal.SIGTERM)
        assert stop.signal_number == signal.SIGTERM


def test_other_errors_pass_through():
    with pytest.raises(KeyError), StopRequest().at_once():
        raise KeyError


def test_only_the_first_request_counts():
    stop = StopRequest()
    stop.ask(signal.SIGPIPE)
    stop.ask(signal.SIGTERM)
    assert stop.signal_number == signal.SIGPIPE


@pytest.mark.parametrize("first", [signal.SIGHUP, signal.SIGTERM])
def test_a_second_hangup_ends_nothing(first):
    """They come when a terminal is closed, and from systemd at the end of a session."""

    def get_signals() -> None:
        with stop_on_signals() as stop:
            signal.raise_signal(first)
            signal.raise_signal(signal.SIGHUP)
            assert stop.signal_number == first

    assert forked(get_signals) == 0


def test_a_request_that_comes_twice_ends_nothing():
    """`timeout` sends SIGTERM to its command, and at once again to the command's group."""

    def get_signals() -> None:
        with stop_on_signals() as stop:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
            assert stop.signal_number == signal.SIGTERM

    assert forked(get_signals) == 0


def test_a_reader_that_has_gone_counts_as_no_signal():
    def get_a_signal() -> None:
        with stop_on_signals() as stop:
            stop.ask(signal.SIGPIPE)
            signal.raise_signal(signal.SIGINT)

    assert forked(get_a_signal) == 0


def test_a_signal_that_came_too_late_is_raised_after_the_block():
    with pytest.raises(KeyboardInterrupt), stop_on_signals(False, raises_late=True):
        signal.raise_signal(signal.SIGINT)
    # Otherwise the block's own error would be caught, and the signal forgotten.
    with pytest.raises(KeyboardInterrupt), contextlib.suppress(ValueError):
        fail_when_asked_to_stop()


def fail_when_asked_to_stop():
    with stop_on_signals(False, raises_late=True):
        signal.raise_signal(signal.SIGINT)
        raise ValueError
