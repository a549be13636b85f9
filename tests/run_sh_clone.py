"""A copy of run.sh on an imitated machine, with one Python that only notes how it is called.

The real script runs, in a folder whose path holds spaces and brackets. Only Python is a stand-in: a
shell script that notes when it is called as venv, pip, pytest or the program, and hands everything
else (the probes and the lock) to the Python that runs the tests. So nothing is installed.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import select
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping

from processes import ROOT

TIME_LIMIT_S = 60
# All that run.sh and the stand-in may call; the machine's own Pythons and GPU stay out of sight.
TOOLS = (
    *("bash", "cat", "cksum", "dirname", "env", "grep", "ln", "mkdir"),
    *("mv", "readlink", "rm", "sh", "sleep", "tail", "timeout"),
)

STAND_IN = """#!/bin/sh
stand_in={stand_in} calls={calls} gate={gate} real={real}
case " $* " in
*" -m venv "*)
    for folder; do :; done
    echo venv >>"$calls"
    rm -rf "$folder"
    mkdir -p "$folder/bin"
    ln -s "$stand_in" "$folder/bin/python"
    echo "VIRTUAL_ENV='$folder'" >"$folder/bin/activate"
    : >"$folder/bin/pip"
    ;;
*" -m pip install "*)
    for target; do :; done
    echo "pip $target" >>"$calls"
    case " $* " in *" --constraint constraints.txt --editable $target ") ;; *) exit 9 ;; esac
    [ "$PWD" = "$ROOT" ] && [ -r constraints.txt ] || exit 9
    if [ -n "$GATED" ]; then
        echo started >"$gate.started"
        read -r _ <"$gate.go"
    fi
    [ -z "$PIP_FAILS" ] || {{ printf "%s\\n" "$PIP_FAILS"; exit 3; }}
    ;;
*" -c import pip ") [ -e "${{0%/*}}/pip" ] ;;
" -I -X utf8 -m vanilla_gan "* | " -m pytest "*)
    isolated=
    if [ "$1" = -I ]; then isolated=yes; shift 3; fi
    echo "$2" >>"$calls"
    shift 2
    echo "cwd $PWD"
    echo "isolated $isolated"
    [ -z "${{PYTHONPATH+set}}${{PYTHONHOME+set}}" ] || echo "the shell's Python"
    (: >&9) 2>/dev/null && echo "holds the lock"
    for argument; do printf '<%s>\\n' "$argument"; done
    exit "${{STATUS:-0}}"
    ;;
*) exec "$real" "$@" ;;
esac
"""


def make_executable(path: pathlib.Path, text: str) -> pathlib.Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


class Gate:
    """Two named pipes, opened for reading and writing so that neither side waits in opening one."""

    def __init__(self, path: pathlib.Path) -> None:
        self._ends = {}
        for name in ("started", "go"):
            pipe = path.with_name(f"{path.name}.{name}")
            os.mkfifo(pipe)
            self._ends[name] = os.open(pipe, os.O_RDWR)

    def wait_for_start(self) -> None:
        ready, _, _ = select.select([self._ends["started"]], [], [], TIME_LIMIT_S)
        assert ready, "pip was not started"
        os.read(self._ends["started"], 100)

    def open(self) -> None:
        os.write(self._ends["go"], b"go\n")

    def close(self) -> None:
        for end in self._ends.values():
            os.close(end)


class Clone:
    """A copy of what run.sh reads, and an imitated machine with one Python, the stand-in."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder.resolve()
        self.root = self.folder / "a clone [1]"
        self.bin = self.folder / "the bin"
        self.cwd = self.folder / "else where"
        for made in (self.root, self.bin, self.cwd):
            made.mkdir(parents=True)
        for name in ("run.sh", "setup.py", "constraints.txt"):
            shutil.copy(ROOT / name, self.root / name)
        for tool in TOOLS:
            found = shutil.which(tool)
            if found:  # macOS has no `timeout`, and no nvidia-smi to use it on
                (self.bin / tool).symlink_to(found)
        self.calls_path = self.folder / "calls"
        self.gate = self.folder / "gate"
        self.python = self.folder / "stand-in"
        text = STAND_IN.format(
            stand_in=shlex.quote(str(self.python)),
            calls=shlex.quote(str(self.calls_path)),
            gate=shlex.quote(str(self.gate)),
            real=shlex.quote(sys.executable),
        )
        make_executable(self.python, text)
        (self.bin / "python3").symlink_to(self.python)

    @property
    def log(self) -> pathlib.Path:
        return self.root / ".venv.log"

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": str(self.bin),
            "HOME": str(self.folder),
            "ROOT": str(self.root),
            "GATED": "",
            "PIP_FAILS": "",
            **extra,
        }

    @contextlib.contextmanager
    def begin(self, *arguments: str, **extra: str) -> Iterator[subprocess.Popen[str]]:
        """Starts run.sh; at the end of the context, kills it and all its children."""
        with subprocess.Popen(
            [str(self.bin / "bash"), str(self.root / "run.sh"), *arguments],
            cwd=self.cwd,
            env=self.environment(extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def start(
        self, *arguments: str, script: pathlib.Path | None = None, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs run.sh to its end, from another folder than its own."""
        return subprocess.run(
            [str(script or self.root / "run.sh"), *arguments],
            cwd=self.cwd,
            env=self.environment(extra),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT_S,
            check=False,
        )

    def calls(self) -> list[str]:
        """Returns the calls noted since the last time, and deletes them."""
        noted = self.calls_path.read_text(encoding="utf-8").splitlines()
        self.calls_path.write_text("", encoding="utf-8")
        return noted

    @contextlib.contextmanager
    def gated(self) -> Iterator[Gate]:
        """Makes pip, if started with GATED=1, report its start and wait until the gate opens."""
        gate = Gate(self.gate)
        try:
            yield gate
        finally:
            gate.close()
