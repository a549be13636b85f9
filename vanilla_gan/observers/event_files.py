"""TensorBoard's event files: written so that no iteration stands in them twice.

An event file is a file of TFRecords, each a serialised `tf.summary.Event` with a step, here an
iteration. Each start of a run writes a file of its own and first cuts the older ones back to what
they held before the iteration that it starts from. A TensorBoard that has shown what was cut off
forgets it again: the new file begins with a `SessionLog.START` at that iteration.

`tf.summary.FileWriter` writes the same files, but in a thread, which prints a traceback when the
disk is full; here the caller hears of that.
"""

from __future__ import annotations

import pathlib
import struct
import time
from typing import Any, BinaryIO

from google.protobuf.message import DecodeError

from vanilla_gan.errors import OutputError
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.storage.files import unwritable

_PREFIX = "events.out.tfevents."
_VERSION = "brain.Event:2"
# A record: its length, a checksum of that, the content, a checksum of that.
_LENGTH, _CHECKSUM_BYTES = struct.Struct("<Q"), 4


class EventFile:
    """The event file of one start of a run."""

    def __init__(self, folder: pathlib.Path, start: int, graph: Any = None) -> None:
        """Cuts the files in a folder back and begins a new one.

        Args:
          folder: is made if it is missing.
          start: the iteration that comes next.
          graph: a `tf.Graph` that goes into the first file of a folder; None for none.

        Raises:
          OutputError: a file cannot be cut or made.
        """
        try:
            folder.mkdir(exist_ok=True)
            older = event_files(folder)
            for path in older:
                cut_back(path, start)
            stamps = [int(path.name.removeprefix(_PREFIX)) for path in older]
        except OSError as error:
            raise unwritable(folder, error) from error
        # TensorBoard reads the files in the order of their names, which have the time in them.
        stamp = max([int(time.time()), *(stamp + 1 for stamp in stamps)])
        self._path = folder / f"{_PREFIX}{stamp:010d}"
        try:
            self._writer = tf.io.TFRecordWriter(str(self._path))
        except tf.errors.OpError as error:
            raise self._unwritable(error) from error
        self._write(tf.summary.Event(file_version=_VERSION))
        if graph is not None and not older:
            definition = graph.as_graph_def(add_shapes=True)
            self._write(tf.summary.Event(graph_def=definition.SerializeToString()))
        began = tf.summary.SessionLog(status=tf.summary.SessionLog.START)
        self._write(tf.summary.Event(session_log=began, step=start))
        self.flush()

    def add_summary(self, summary: Any, it: int) -> None:
        """Adds a `tf.summary.Summary` of iteration `it`, never one before those there are.

        Raises:
          OutputError: it could not be written.
        """
        self._write(tf.summary.Event(summary=summary, step=it))

    def flush(self) -> None:
        """Hands all events to the system, so that a killed process loses none.

        Raises:
          OutputError: they could not be written.
        """
        try:
            self._writer.flush()
        except tf.errors.OpError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Closes the file.

        Raises:
          OutputError: the last events could not be written.
        """
        try:
            self._writer.close()
        except tf.errors.OpError as error:
            raise self._unwritable(error) from error

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        try:
            self._writer.write(event.SerializeToString())
        except tf.errors.OpError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: Any) -> OutputError:
        # The system's reason stands behind the last semicolon, if TensorFlow says more at all.
        return unwritable(self._path, OSError(error.message.rpartition("; ")[2]))


def event_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the event files in a folder that are ours by their names, in the order of writing."""
    found = folder.glob(f"{_PREFIX}*")
    return sorted(path for path in found if path.name.removeprefix(_PREFIX).isdecimal())


def cut_back(path: pathlib.Path, start: int) -> None:
    """Cuts off an event file what is of iteration `start` or later, and what is half-written.

    Raises:
      OSError: the file cannot be read or cut.
    """
    with open(path, "r+b") as stream:
        end = 0
        while (content := _next_record(stream)) is not None:
            try:
                event = tf.summary.Event.FromString(content)
            except DecodeError:
                break
            if event.step >= start and not (event.file_version or event.graph_def):
                break
            end = stream.tell()
        stream.truncate(end)


def _next_record(stream: BinaryIO) -> bytes | None:
    """Reads a record's content; None where there is no whole one.

    A power failure may leave zeros at the end of a file: no record of ours is empty.
    """
    header = stream.read(_LENGTH.size + _CHECKSUM_BYTES)
    if len(header) < _LENGTH.size + _CHECKSUM_BYTES:
        return None
    (length,) = _LENGTH.unpack(header[: _LENGTH.size])
    content = stream.read(length)
    whole = len(content) == length and len(stream.read(_CHECKSUM_BYTES)) == _CHECKSUM_BYTES
    return content if whole and length else None
