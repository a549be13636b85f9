"""Tests of what moves on a terminal of 80 columns: the bar, phases, the time that is left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import sys
import termios

import numpy as np
import pytest

from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.say import phase
from vanilla_gan.training.pace import Pace, clock_time, short_speed, speed
from vanilla_gan.training.progress import Progress


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@contextlib.contextmanager
def terminal():
    """Makes stderr a terminal of 80 columns; yields a function that reads what was written."""
    controller, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with os.fdopen(inside, "w") as stderr, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        yield lambda: os.read(controller, 1 << 16).decode()
    os.close(controller)


@pytest.mark.parametrize("iters", [100, 10_001, 1_000_000])
def test_the_bar_is_wide_and_stays_in_its_place(iters):
    places, shares = set(), []
    with terminal() as read:
        progress = Progress(0, iters, print)
        progress._bar.mininterval = 0
        progress._pace = Pace(0, iters, 0, clock := Clock())
        for it, loss in ((0, 0.693147), (iters // 800, 1.2345e-05), (iters // 2, 123.4)):
            clock.seconds += iters / 7000
            progress.advance(
                LossBlock(it, {"D_loss": np.array([loss]), "G_loss": np.array([loss * 3])})
            )
            line = ""
            while f" {it + 1}/{iters} " not in line:
                line = read().split("\r")[-1]
            assert len(line) <= 80
            assert f"{loss:.3g}" in line
            places.add((line.index("|"), line.rindex("|")))
            shares.append(line.partition("%")[0])
        progress.close()
    ((left, right),) = places
    assert right - left > 10
    # A thousandth of a run is visible.
    assert len(set(shares)) == 3 - (iters == 100)


def test_a_line_does_not_continue_the_bar():
    with terminal() as read:
        progress = Progress(0, 100, lambda line: print(line, file=sys.stderr, flush=True))
        progress.inform("health: collapse")
        written = ""
        while "health: collapse" not in written:
            written += read()
        progress.close()
    before, _, _ = written.partition("health: collapse")
    assert before.split("\r")[-2:] == [" " * len(before.split("\r")[-2]), ""]


def test_the_time_left_includes_evaluations():
    """100 iterations a second, and 40 s for each evaluation: at 0, 1000, 2000 and the end, 2001."""
    clock = Clock()
    pace = Pace(0, 2001, 1000, clock)
    assert pace.left_s == float("inf")
    for it in range(2001):
        if it % 1000 == 0:
            with pace.picture(it):
                clock.seconds += 40
        clock.seconds += 0.01
        pace.advance(it + 1)
        assert pace.per_s == pytest.approx(100)
        ahead = sum(at > it for at in (1000, 2000)) + 1
        assert pace.left_s == pytest.approx((2000 - it) / 100 + 40 * ahead)


def test_a_slow_beginning_is_forgotten_and_a_picture_is_no_evaluation():
    clock = Clock()
    pace = Pace(10, 1000, 0, clock)
    clock.seconds += 30  # the first block builds the graph
    pace.advance(11)
    for it in range(12, 60):
        with pace.picture(it):
            clock.seconds += 0.5
        clock.seconds += 0.5
        pace.advance(it)
    assert pace.per_s == pytest.approx(1)
    assert pace.left_s == pytest.approx(1000 - 59)


def test_rates_and_times_for_people():
    assert [speed(per_s) for per_s in (123.4, 2.34, 0.24)] == [
        "123 a second",
        "2.3 a second",
        "4.2 s an iteration",
    ]
    assert [short_speed(per_s) for per_s in (0, 123.4, 2.34, 0.24, 1e-5, 123456)] == [
        *("", "123/s", "2.3/s", "4.2 s", "100ks", "123k/s"),
    ]
    assert [clock_time(s) for s in (0, 65.4, 7325, 1e6, float("inf"))] == [
        *("0:00:00", "0:01:05", "2:02:05", "11 d", "-:--:--"),
    ]


def test_a_phase_is_named_while_it_lasts(monkeypatch):
    monkeypatch.delenv("TERM", raising=False)
    with terminal() as read:
        with phase("loading TensorFlow", every_s=0.01) as rename:
            assert re.match(r"\rloading TensorFlow, \d+ s\x1b\[K", read())
            rename("importing pictures: 3 of 9 " + 80 * "x")
            line = ""
            while "3 of 9" not in line:
                line = read().split("\r")[-1]
            assert len(line.removesuffix("\x1b[K")) == 79
            rename("importing 4 of 9 files of " + 80 * "\u732b")
            while "4 of 9" not in line:
                line = read().split("\r")[-1]
            # Each of these letters takes two of the 79 columns.
            assert line.removesuffix("\x1b[K") == "importing 4 of 9 files of " + 26 * "\u732b"
        assert read().endswith("\r\x1b[K")


def test_a_phase_says_nothing_on_a_dumb_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    with terminal() as read:
        with phase("loading TensorFlow", every_s=0.0):
            pass
        print("behind it", file=sys.stderr, flush=True)
        assert read() == "behind it\r\n"


def test_a_phase_says_nothing_if_stderr_is_no_terminal(capfd):
    with phase("loading TensorFlow", every_s=0.0):
        pass
    assert capfd.readouterr() == ("", "")
