"""Real runs in processes of their own, started fast, with mishaps at exact places.

A server process imports TensorFlow once, and each run is a fork of it that calls the command line's
`main`: only the import is shared, and the process can be killed, limited and stripped of its rights
like any other. Python's audit events report each file operation before it happens, so that a mishap
needs no timing: "at the third rename to a name with `.png` in it, SIGKILL".
"""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from garbage import pass_over_what_is_loaded

TIME_LIMIT_S = 600
STDOUT, STDERR = "stdout.txt", "stderr.txt"
# The operations that are counted; `os.replace` counts as a rename.
OPERATIONS = ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir")

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tensorflow.compat.v1", "vanilla_gan.training.run"])


class Mishap(NamedTuple):
    """What happens to a run, and when.

    Attributes:
      action: called in the run's process; a function of a module, or a `functools.partial` of one.
      operation: the file operation before which it happens, one of `OPERATIONS`; None for any.
      path: a part of the operation's path (for a rename, of the new one).
      count: the number of that operation among those that match, from 1; 0 for the run's start.
      delay_s: seconds from then to the action, during which the run goes on.
    """

    action: Callable[[], object]
    operation: str | None = None
    path: str = ""
    count: int = 1
    delay_s: float = 0.0


class Finished(NamedTuple):
    """A run that is over; if a signal killed it, `status` is the negative of its number."""

    status: int
    stdout: str
    stderr: str
    operations: int

    @property
    def last_line(self) -> str:
        """The last line on stderr."""
        return self.stderr.splitlines()[-1]


class Run:
    """A run that was started."""

    def __init__(self, process: BaseProcess, folder: pathlib.Path, operations: Any) -> None:
        self._process = process
        self._folder = folder
        self._operations = operations

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Waits until `condition` is true, and fails if the run ends before that."""
        end_s = time.monotonic() + TIME_LIMIT_S
        while not condition():
            assert self._process.is_alive(), self._read(STDERR)
            assert time.monotonic() < end_s
            time.sleep(0.001)

    def wait(self) -> Finished:
        """Waits for the end."""
        self._process.join(TIME_LIMIT_S)
        if self._process.exitcode is None:
            self._process.kill()
            raise AssertionError(f"not over after {TIME_LIMIT_S} s: {self._read(STDERR)}")
        stdout, stderr = self._read(STDOUT), self._read(STDERR)
        return Finished(self._process.exitcode, stdout, stderr, self._operations.value)

    def _read(self, name: str) -> str:
        return (self._folder / name).read_text()


def start(
    words: Sequence[str],
    folder: pathlib.Path,
    mishaps: Sequence[Mishap] = (),
    *,
    prepare: Callable[[], object] | None = None,
) -> Run:
    """Starts `run.sh WORDS` in a folder.

    Args:
      words: the command line.
      folder: the working folder, where its stdout and stderr go to files.
      mishaps: what happens to it.
      prepare: called in the process before the run starts, for example to set a resource limit.
    """
    operations = _context.RawValue("Q", 0)
    process = _context.Process(
        target=_run, args=(list(words), folder, list(mishaps), operations, prepare)
    )
    process.start()
    return Run(process, folder, operations)


def run(words: Sequence[str], folder: pathlib.Path, *args: Any, **options: Any) -> Finished:
    """Starts `run.sh WORDS` and waits for its end; see `start`."""
    return start(words, folder, *args, **options).wait()


def _run(
    words: list[str],
    folder: pathlib.Path,
    mishaps: list[Mishap],
    operations: Any,
    prepare: Callable[[], object] | None,
) -> None:
    os.chdir(folder)
    for number, name in ((1, STDOUT), (2, STDERR)):
        with open(name, "wb") as stream:
            os.dup2(stream.fileno(), number)
    sys.stdout, sys.stderr = open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
    # As in a terminal, however the tests themselves were started.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A delayed mishap must happen when it is due, not when Python next switches threads.
    sys.setswitchinterval(1e-4)
    pass_over_what_is_loaded()
    if prepare is not None:
        prepare()
    _install(mishaps, operations)
    from vanilla_gan.cli.main import main

    try:
        status = main(words)
    except BaseException:
        traceback.print_exc()
        status = 1
    # Ends as Python does, with status 120 if flushing fails, but without multiprocessing's cleanup.
    try:
        sys.stdout.flush()
    except OSError:
        status = 120
    os._exit(status)


def _install(mishaps: list[Mishap], operations: Any) -> None:
    pending = [mishap for mishap in mishaps if mishap.count]
    seen = [0] * len(pending)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in OPERATIONS or threading.current_thread() is not threading.main_thread():
            return
        path = str(arguments[1] if event == "os.rename" else arguments[0])
        # The files of the program have absolute names; those that the run writes do not.
        if event == "open" and (path.startswith("/") or isinstance(arguments[0], int)):
            return
        operations.value += 1
        for index, mishap in enumerate(pending):
            if mishap.operation in (None, event) and mishap.path in path:
                seen[index] += 1
                if seen[index] == mishap.count:
                    _happen(mishap)

    for mishap in mishaps:
        if not mishap.count:
            _happen(mishap)
    sys.addaudithook(hook)


def _happen(mishap: Mishap) -> None:
    if not mishap.delay_s:
        mishap.action()
        return
    timer = threading.Timer(mishap.delay_s, mishap.action)
    timer.daemon = True
    timer.start()
