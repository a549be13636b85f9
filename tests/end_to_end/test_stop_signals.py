"""A run that is asked to stop saves its state, says how to go on, and goes on as if never asked."""

from __future__ import annotations

import contextlib
import functools
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading

import pytest
from conftest import ITERS
from mishaps import kill, set_environment, take_terminal, write_to
from processes import ROOT
from results import checkpoints
from runner import Mishap, start


def stop(number: int, **where) -> Mishap:
    return Mishap(functools.partial(kill, number), **where)


@pytest.mark.parametrize(
    ("number", "engine"),
    # The other tests stop the loop engine by SIGTERM and SIGHUP.
    [(signal.SIGINT, "loop"), pytest.param(signal.SIGTERM, "feed", marks=pytest.mark.slow)],
)
def test_state_is_saved(tmp_path, command, words, continues, number, engine):
    # No other checkpoint comes before the end, and none but the last is kept then.
    settings = {"engine": engine, "checkpoint_every": 1000, "keep_checkpoints": 1}
    at_a_picture = stop(number, operation="os.rename", path="003.png")

    stopped = command(words(**settings), [at_a_picture])

    assert stopped.status == 128 + number
    line = re.fullmatch(
        rf"run\.sh: stopped by signal {int(number)} at iteration (\d+) of {ITERS}, saved; "
        r"the same command continues it .*--out out.*",
        stopped.last_line,
    )
    assert line, stopped.stderr
    assert 150 < int(line[1]) <= 200
    assert checkpoints(tmp_path / "out") == [int(line[1])]
    assert not (tmp_path / "out" / "run.lock").exists()
    continues(**settings)


@pytest.mark.slow
def test_any_moment(tmp_path, command, words, continues):
    """Stopped again and again, each time after more file operations."""
    stopped = command(words(), [stop(signal.SIGTERM, count=7)])
    stops = 0
    while stopped.status == 143 and stops < 4:
        stops += 1
        # Once it trains, each start reaches at least the end of a block.
        stopped = command(words(), [stop(signal.SIGTERM, count=7 * (stops + 4))])
    assert stops >= 2
    continues()


def test_before_it_trains(tmp_path, command, words, continues):
    stopped = command(words(), [stop(signal.SIGTERM, operation="open", path="run.lock")])
    assert stopped.status == 143
    assert "before training began" in stopped.last_line
    assert not (tmp_path / "out").exists()
    continues()


def test_while_data_are_downloaded(tmp_path, words):
    """From a server that accepts the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
        started = start(
            words(data_dir="data", allow_unverified_data="false"),
            tmp_path,
            prepare=functools.partial(set_environment, https_proxy=proxy, no_proxy=""),
        )
        connection, _ = server.accept()
        with connection:
            started.signal(signal.SIGTERM)
            stopped = started.wait()
    assert stopped.status == 143
    assert "before training began" in stopped.last_line
    assert "Traceback" not in stopped.stderr
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"stdout.txt", "stderr.txt"}


def test_second_signal_ends_it_at_once(tmp_path, command, words, continues):
    """The second one comes while the first one's checkpoint is being written."""
    first = stop(signal.SIGINT, operation="os.rename", path="003.png")
    # In the fifth checkpoint. Each state before it is opened three times, to be written,
    # checksummed and flushed; the first one also twice to be read, for its sum and for its arrays.
    second = stop(signal.SIGINT, operation="open", path="state.npz", count=4 * 3 + 2 + 1)
    stopped = command(words(), [first, second])
    assert stopped.status == 130
    assert "saved" not in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert len(list((tmp_path / "out" / "checkpoints").glob(".*"))) == 1
    continues()


@pytest.mark.slow
def test_terminal_that_is_closed(tmp_path, words, continues):
    master, slave = pty.openpty()
    terminal = os.ttyname(slave)
    settings = {"iters": 4000, "sample_every": 1000}
    started = start(words(**settings), tmp_path, prepare=functools.partial(take_terminal, terminal))
    shown = bytearray()
    three_pictures = threading.Event()

    def read() -> None:
        # Takes the lines and the progress bar, as a terminal does, until it is closed.
        while not three_pictures.is_set():
            shown.extend(os.read(master, 4096))

    reader = threading.Thread(target=read)
    reader.start()
    started.wait_for((tmp_path / "out" / "002.png").exists)
    three_pictures.set()
    os.close(slave)
    reader.join()
    os.close(master)

    assert started.wait().status == 129
    assert b"Iter: 0\r\n" in shown
    [newest] = checkpoints(tmp_path / "out")[-1:]
    assert 2000 <= newest < 4000
    continues(**settings)


@pytest.mark.slow
def test_stdout_that_nobody_reads(tmp_path, words, continues):
    program = shlex.join([sys.executable, "-m", "vanilla_gan", *words()])
    done = subprocess.run(
        ["bash", "-c", f"{program} | head -1; exit ${{PIPESTATUS[0]}}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 141
    assert done.stdout == "Iter: 0\n"
    assert "saved; the same command continues it" in done.stderr.splitlines()[-1]
    assert checkpoints(tmp_path / "out")[-1] > 0
    continues()


@pytest.mark.slow
def test_stdout_on_a_full_disk(tmp_path, command, words, continues):
    stopped = command(words(), prepare=functools.partial(write_to, "/dev/full", 1))
    assert stopped.status == 1
    assert stopped.last_line.startswith(
        "run.sh: cannot write standard output: No space left on device; free some space"
    )
    assert "Traceback" not in stopped.stderr
    continues()


@pytest.mark.parametrize(
    "numbers", [(1, 2), *(pytest.param((n,), marks=pytest.mark.slow) for n in (1, 2))]
)
def test_a_reader_that_stalls(tmp_path, words, continues, numbers):
    """The run waits for its reader; a signal still ends it, with its state saved and no lock left.

    An example is `./run.sh 2>&1 | less` if nobody scrolls.
    """
    os.mkfifo(tmp_path / "pipe")
    pipe = os.open(tmp_path / "pipe", os.O_RDWR | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while os.write(pipe, bytes(1 << 16)):
            pass
    full = functools.partial(write_to, "pipe", *numbers)
    started = start(words(), tmp_path, prepare=full)
    # It waits before its first line on stderr, or before the published lines of the first picture.
    early = tmp_path / "out" / "run.json" if 2 in numbers else tmp_path / "out" / "000.png"
    started.wait_for(early.exists)
    started.signal(signal.SIGTERM)
    assert started.wait().status == 143
    os.close(pipe)
    assert not (tmp_path / "out" / "run.lock").exists()
    continues()
