"""TensorBoard's event files: written so that no iteration is in them twice.

An event file is a file of TFRecords, each a serialised `tf.summary.Event` with a step, here an
iteration. Each start of a run writes a file of its own and first cuts the older ones back to what
they held before the iteration that it starts from. A TensorBoard that has shown what was cut off
drops it again, because the new file begins with a `SessionLog.START` at that iteration.

`tf.summary.FileWriter` writes the same files, but in a thread, which prints a traceback when the
disk is full; here the caller gets an error.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from google.protobuf.message import DecodeError

from vanilla_gan.graph.tf1 import tf
from vanilla_gan.storage.files import unwritable, writing
from vanilla_gan.storage.own import open_cut, open_own, set_aside
from vanilla_gan.storage.plain_path import plain_path

_PREFIX = "events.out.tfevents."
_VERSION = "brain.Event:2"
# Bytes of a record besides its content: its length, and checksums of length and content.
_AROUND = 8 + 4 + 4
# Bytes. The largest of our records is the graph, with a few megabytes.
_MAX_RECORD, _MAX_FILE = 1 << 26, 1 << 34


class EventFile:
    """The event file of one start of a run."""

    def __init__(
        self,
        folder: pathlib.Path,
        start: int,
        graph: Any = None,
        warn: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Cuts the files in a folder back and begins a new one.

        Args:
          folder: is made if it is missing; a link or a file in its place is renamed.
          start: the iteration that comes next.
          graph: a `tf.Graph` to write into the first file of a folder; None for none.
          warn: called with one line for each damaged file, which is renamed; nothing depends on it.

        Raises:
          OutputError: a file cannot be renamed, cut or made.
        """
        if os.path.lexists(folder) and (folder.is_symlink() or not os.path.isdir(folder)):
            aside = set_aside(folder)
            warn(f"warning: {folder} is not a folder of this run; it was renamed to {aside}")
        with writing(folder):
            folder.mkdir(exist_ok=True)
            found = event_files(folder)
            stamps = [int(path.name.removeprefix(_PREFIX)) for path in found]
            older = []
            for path in found:
                flaw = cut_back(path, start)
                if flaw is None:
                    older.append(path)
                else:
                    # TensorBoard would read any file with the name of an event file in its name.
                    aside = set_aside(path, called="damaged")
                    warn(
                        f"warning: {path} {flaw}; it was renamed to {aside} and is no longer shown"
                    )
        # TensorBoard reads the files in the order of their names, which have the time in them.
        stamp = max([int(time.time()), *(stamp + 1 for stamp in stamps)])
        self._path = folder / f"{_PREFIX}{stamp:010d}"
        with writing(self._path), self._failures_told():
            os.close(open_own(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            with plain_path(self._path) as plain:
                self._writer = tf.io.TFRecordWriter(plain)
        self._write(tf.summary.Event(file_version=_VERSION))
        if graph is not None and not older:
            definition = graph.as_graph_def(add_shapes=True)
            self._write(tf.summary.Event(graph_def=definition.SerializeToString()))
        began = tf.summary.SessionLog(status=tf.summary.SessionLog.START)
        self._write(tf.summary.Event(session_log=began, step=start))
        self.flush()

    def add_summary(self, summary: Any, it: int) -> None:
        """Adds a `tf.summary.Summary` of iteration `it`, not earlier than those already there.

        Raises:
          OutputError: it could not be written.
        """
        self._write(tf.summary.Event(summary=summary, step=it))

    def flush(self) -> None:
        """Hands all events to the operating system, so that a killed process loses none.

        Raises:
          OutputError: they could not be written.
        """
        with self._failures_told():
            self._writer.flush()

    def close(self) -> None:
        """Closes the file.

        Raises:
          OutputError: the last events could not be written.
        """
        with self._failures_told():
            self._writer.close()

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        with self._failures_told():
            self._writer.write(event.SerializeToString())

    @contextlib.contextmanager
    def _failures_told(self) -> Iterator[None]:
        """Turns an error of TensorFlow in the block into an OutputError."""
        try:
            yield
        except tf.errors.OpError as error:
            # The system's reason follows the last semicolon, if TensorFlow puts anything before it.
            reason = OSError(error.message.rpartition("; ")[2])
            raise unwritable(self._path, reason) from error


def event_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the event files in a folder whose names are ours, in the order of writing."""
    found = folder.glob(f"{_PREFIX}*")
    return sorted(path for path in found if path.name.removeprefix(_PREFIX).isdecimal())


def cut_back(path: pathlib.Path, start: int) -> str | None:
    """Cuts events of iteration `start` or later, and a half-written one, off an event file.

    Returns:
      What is wrong with a file that is damaged or cannot be used, and is left as it is; else None.

    Raises:
      OSError: the file cannot be cut.
      OutputError: it has other hard links, and the copy in its place cannot be written.
    """
    try:
        with open(open_own(path, os.O_RDONLY, other_names=True), "rb") as stream:
            _check_lengths(stream)
            end = _end_of_whole(path, start)
            stream.seek(end)
            rest = stream.read(_AROUND)
    except OSError as error:
        return f"cannot be used: {error.strerror or error}"
    except _Damage:
        return "is damaged: a checksum does not hold"
    if rest:
        open_cut(path, end).close()
    return None


class _Damage(Exception):
    """A record is not as it was written."""


def _check_lengths(stream: BinaryIO) -> None:
    """Checks the lengths that records claim: TensorFlow allocates that much before it reads.

    Raises:
      _Damage: one claims more than any record of ours has.
      OSError: the file is larger than any of ours.
    """
    size = os.fstat(stream.fileno()).st_size
    if size > _MAX_FILE:
        raise OSError(f"it has {size} bytes, expected at most {_MAX_FILE}")
    place = 0
    while place < size:
        stream.seek(place)
        around = stream.read(_AROUND)
        if not any(around):
            break  # Zeros that a power failure left.
        length = int.from_bytes(around[:8], "little")
        if length > _MAX_RECORD:
            raise _Damage
        place += length + _AROUND


def _end_of_whole(path: pathlib.Path, start: int) -> int:
    """Returns where the whole records before iteration `start` end.

    Raises:
      _Damage: what follows them is damaged, not just half-written.
    """
    end = 0
    try:
        # Unwrapped, because the wrapper only prints that this function is deprecated.
        with plain_path(path) as plain:
            for content in inspect.unwrap(tf.io.tf_record_iterator)(plain):
                event = tf.summary.Event.FromString(content)
                if event.step >= start and not (event.file_version or event.graph_def):
                    break
                end += len(content) + _AROUND
    except DecodeError:
        pass
    except tf.errors.DataLossError as error:
        # A killed process leaves a torn record at the end, and a power failure zeros.
        if "truncated record" not in error.message and not _only_zeros_from(path, end):
            raise _Damage from error
    return end


def _only_zeros_from(path: pathlib.Path, place: int) -> bool:
    with open(path, "rb") as stream:
        stream.seek(place)
        return not any(any(block) for block in iter(lambda: stream.read(1 << 16), b""))
