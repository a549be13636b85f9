"""The observer of `--log_json`: the results of a run as lines of JSON, for other programs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import pathlib
import stat
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.errors import UsageError
from vanilla_gan.runfolder.pictures import picture_path
from vanilla_gan.runfolder.quality_json import read_evaluations
from vanilla_gan.runfolder.record import RunRecord
from vanilla_gan.storage.files import writing
from vanilla_gan.storage.own import open_own
from vanilla_gan.storage.whole import check_writable

_LONGEST_LINE = 1 << 16  # bytes; a line has a few hundred


class LogJson:
    """Writes an object per line, each with `run_id`, `iteration` and `event`; an `Observer`.

    The events: `losses`, for each row of `losses.csv`, with all scalars that the objective watches;
    `signs`, for each row of signs in `health.csv`; `picture`, with its `path`; `evaluation`, with
    the figures of `quality.json`. A number that is not finite is null. Each line is there once,
    however often the run is continued or rewound.
    """

    def __init__(self, record: RunRecord, start: int) -> None:
        """Opens the file and cuts it back to the lines before iteration `start`, which comes next.

        Raises:
          UsageError: it holds other things than lines of this run, or another run has it open.
          OutputError: it cannot be opened or cut.
        """
        config = record.config
        assert config.log_json is not None
        self._path = os.path.abspath(config.log_json)
        self._run_id = record.run_id
        self._out_dir = config.out_dir.resolve()
        self._log_every = config.log_every
        self._sample_every = config.resolved_int("sample_every")
        self._evaluate_every = config.evaluate_every
        self._reached, self._evaluated = start, -1
        with writing(self._path):
            self._file = open(open_own(self._path, os.O_RDWR | os.O_CREAT), "r+b")  # noqa: SIM115
            try:
                self._hold()
                self._file.truncate(self._end_before(start))
                self._file.seek(0, os.SEEK_END)
            except BaseException:
                self._file.close()
                raise

    def picture(self, it: int, samples: npt.NDArray[np.float32]) -> None:
        """Adds the line of a picture, and of the evaluation that goes with it."""
        path = picture_path(self._out_dir, it // self._sample_every)
        self._write(it, "picture", {"path": os.fspath(path)})
        self._evaluation(it)

    def losses(self, block: LossBlock) -> None:
        """Adds the lines of a block, and flushes the file, so that readers see all lines."""
        if block.signs:
            self._write(block.first, "signs", block.signs)
        for k in range(-block.first % self._log_every, len(block.D_loss), self._log_every):
            scalars = {name: values[k] for name, values in block.scalars.items()}
            self._write(block.first + k, "losses", scalars)
        self._reached = block.first + len(block.D_loss)
        with writing(self._path):
            self._file.flush()

    def close(self) -> None:
        """Adds the evaluation of the run's end, if there is one, and closes the file."""
        with writing(self._path), self._file:
            self._evaluation(self._reached)

    def _evaluation(self, it: int) -> None:
        """Adds the line of an evaluation that has just been written to `quality.json`, if any."""
        if not self._evaluate_every or it == self._evaluated:
            return
        for found in read_evaluations(self._out_dir):
            if found.iteration == it:
                self._write(it, "evaluation", {"n": found.n, **found.figures})
                self._evaluated = it

    def _write(self, it: int, event: str, values: Mapping[str, Any]) -> None:
        line = {"run_id": self._run_id, "iteration": it, "event": event}
        line |= {name: _as_json(value) for name, value in values.items()}
        with writing(self._path):
            self._file.write(json.dumps(line).encode() + b"\n")

    def _hold(self) -> None:
        """Locks the file while it is open, because two runs would overwrite each other's lines.

        Raises:
          UsageError: another run has it.
        """
        # A file system without locks is no reason not to write.
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UsageError(
                    f"--log_json={self._path}: another run writes to it; name another file"
                ) from error

    def _end_before(self, start: int) -> int:
        """Returns where the lines of iterations before `start` end; a torn last line is cut off."""
        end = 0
        while (line := self._file.readline(_LONGEST_LINE)).endswith(b"\n"):
            run_id, iteration, is_behind = _of_line(line)
            if run_id != self._run_id:
                raise _others(self._path)
            if iteration >= start + is_behind:
                return end
            if is_behind:
                self._evaluated = iteration
            end += len(line)
        if line and end == 0:
            raise _others(self._path)
        return end


def check_log_json(record: RunRecord) -> None:
    """Checks by its first line that the file of `--log_json` is this run's, if there is one.

    Raises:
      UsageError: it holds something else, or is a link or no regular file.
      OutputError: it cannot be written.
    """
    path = os.path.abspath(record.config.log_json or "")
    with writing(path):
        if not os.path.lexists(path):
            check_writable(pathlib.Path(path).parent)
            return
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise UsageError(
                f"--log_json={path}: it is not a regular file, but each start of a run reads the "
                "file and cuts it; name a file, and follow it with tail -F"
            )
        with open(open_own(path, os.O_RDWR), "rb") as stream:
            line = stream.readline(_LONGEST_LINE)
    if line and _of_line(line)[0] != record.run_id:
        raise _others(path)


def _of_line(line: bytes) -> tuple[str | None, int, bool]:
    """Returns a line's run (None if malformed), its iteration, and whether it is an evaluation.

    The evaluation at a run's end comes after its last update, and is not made again.
    """
    try:
        content = json.loads(line)
        run_id, iteration = content["run_id"], int(content["iteration"])
        return run_id, iteration, content["event"] == "evaluation"
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None, 0, False


def _others(path: str) -> UsageError:
    return UsageError(
        f"--log_json={path}: it holds lines that this run did not write; name another file, or "
        "move this one away"
    )


def _as_json(value: Any) -> Any:
    if value is None or isinstance(value, (str, int)):
        return value
    return float(value) if math.isfinite(value) else None
