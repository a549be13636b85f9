"""Tests that two threads can use what the process has only once: stderr, matplotlib's style."""

from __future__ import annotations

import os
import threading

import matplotlib

from vanilla_gan.drawing.style import drawn_in
from vanilla_gan.engines.quiet import without_chatter


def test_stderr_is_restored_whoever_leaves_first():
    before = os.fstat(2)
    inside, outside = threading.Event(), threading.Event()

    def first() -> None:
        with without_chatter():
            inside.set()
            outside.wait(60)

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(60)
    with without_chatter():
        outside.set()
        thread.join()
    assert os.path.samestat(os.fstat(2), before)


def test_a_nested_block_holds_nothing_back(capfd):
    with without_chatter():
        with without_chatter():
            os.write(2, b"I0000 chatter\nmatters\n")
        assert capfd.readouterr().err == ""
    assert capfd.readouterr().err == "matters\n"


def test_one_thread_at_a_time_has_a_style():
    name, before = "image.interpolation", dict(matplotlib.rcParams)
    inside, outside = threading.Event(), threading.Event()
    seen = []

    def first() -> None:
        with drawn_in("classic"):
            inside.set()
            outside.wait(60)
            seen.append(matplotlib.rcParams[name])

    def second() -> None:
        with drawn_in({name: "nearest"}):
            seen.append(matplotlib.rcParams[name])

    threads = [threading.Thread(target=target) for target in (first, second)]
    threads[0].start()
    assert inside.wait(60)
    threads[1].start()
    outside.set()
    for thread in threads:
        thread.join()
    assert seen == ["bilinear", "nearest"]
    assert dict(matplotlib.rcParams) == before
