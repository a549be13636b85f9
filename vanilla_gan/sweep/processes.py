"""Runs side by side, each a process of its own that ends with this one."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vanilla_gan.errors import OutputError
from vanilla_gan.say import shown
from vanilla_gan.storage.files import writing
from vanilla_gan.storage.own import open_own
from vanilla_gan.training.signals import StopRequest

# Set in the environment of a sweep's runs. Schedulers signal every process of a job, and a sweep
# passes its own signal on: this second signal must not end a run that is saving its state.
OF_A_SWEEP = "VANILLA_GAN_OF_A_SWEEP"
# Time between two checks for runs that have ended; a run takes seconds at least.
_LOOK_S = 0.05
_TAIL_BYTES = 4096
# The line in a log that says how a run ended, however the program was started.
_SAID = re.compile(r"(?:run\.sh|vanilla-gan|python -m vanilla_gan): (.*)")
# Replaces itself with the program in its arguments; a forked watcher sends that program SIGTERM,
# once, when the sweep ends for any reason: then its stdin, a pipe, ends. The kernel's own signal on
# a parent's death comes once for each of the parent's threads, and a second one would end a run
# without saving it. The watcher is killed with the program: PR_SET_PDEATHSIG is 1.
_TIED = """
import ctypes, os, signal, sys
program = os.getpid()
if os.fork() == 0:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() == program and not os.read(0, 1):
        os.kill(program, signal.SIGTERM)
    os._exit(0)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Job(NamedTuple):
    """A process to run.

    Attributes:
      name: its name in lines for the user.
      words: the program and its arguments.
      log: file that its stdout and stderr are appended to.
    """

    name: str
    words: Sequence[str]
    log: pathlib.Path


def run_jobs(
    jobs: Sequence[Job], at_a_time: int, stop: StopRequest, inform: Callable[[str], None]
) -> dict[str, int]:
    """Runs processes side by side to their ends; a signal to this process is passed on to all.

    A terminal's Ctrl-C reaches them only through this process: each has a session of its own. If
    this process is killed, they get SIGTERM. A further signal does not keep them from saving.

    Args:
      jobs: what to run, in this order.
      at_a_time: how many at the same time, at least 1.
      stop: whether a signal came; after that no further process is started.
      inform: called with a line for each start and each end.

    Returns:
      The exit status of each process that was started, by name; -N if signal N killed it.

    Raises:
      OutputError: a log cannot be written, or a process cannot be started. Running processes are
        asked to stop, and waited for.
    """
    waiting, running, ended = list(jobs), dict[str, tuple[Job, subprocess.Popen[bytes]]](), {}
    # Where the output of this start begins in each log; before it is that of earlier ones.
    began: dict[str, int] = {}
    passed_on = False
    try:
        while running or (waiting and stop.signal_number is None):
            while waiting and len(running) < at_a_time and stop.signal_number is None:
                job = waiting.pop(0)
                began[job.name] = os.path.getsize(job.log) if os.path.isfile(job.log) else 0
                running[job.name] = job, _start(job)
                inform(f"{job.name}: started, {len(jobs) - len(waiting)} of {len(jobs)}")
            if stop.signal_number is not None and not passed_on:
                passed_on = True
                _ask([process for _, process in running.values()], stop.signal_number)
            for name, (job, process) in list(running.items()):
                if (status := process.poll()) is not None:
                    _let_go(process)
                    del running[name]
                    ended[name] = status
                    how = "done" if status == 0 else _last_words(job, status, began[name])
                    inform(f"{name}: {how}")
            time.sleep(_LOOK_S)
    finally:
        left = [process for _, process in running.values()]
        _ask(left, signal.SIGTERM)
        for process in left:
            process.wait()
            _let_go(process)
    return ended


def how_it_ended(status: int) -> str:
    """Returns the exit status of `run_jobs` in words."""
    return f"killed by signal {-status}" if status < 0 else f"status {status}"


def _last_words(job: Job, status: int, began: int) -> str:
    """Returns how a process ended, and what it said last, as a part of a line.

    Its output begins at byte `began` of the log.
    """
    how = how_it_ended(status)
    try:
        with open(open_own(job.log, os.O_RDONLY, other_names=True), "rb") as stream:
            stream.seek(max(began, os.fstat(stream.fileno()).st_size - _TAIL_BYTES))
            lines = stream.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return how
    said = [found[1] for line in lines if (found := _SAID.match(line))]
    return f"{how}, {shown(said[-1])}" if said and status > 0 else how


def _start(job: Job) -> subprocess.Popen[bytes]:
    with writing(job.log):
        log = open_own(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _TIED, *job.words],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**os.environ, OF_A_SWEEP: "1"},
            start_new_session=True,
        )
    except OSError as error:
        raise OutputError(
            f"cannot start {job.name}: {error.strerror or error}; give a smaller --jobs"
        ) from error
    finally:
        os.close(log)


def _ask(processes: Sequence[subprocess.Popen[bytes]], number: int) -> None:
    for process in processes:
        process.send_signal(number)


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Closes the pipe to a process that has ended."""
    assert process.stdin is not None
    process.stdin.close()
