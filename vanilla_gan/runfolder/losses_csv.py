"""`losses.csv`: a row every `log_every` iterations, truncated where a run continues."""

from __future__ import annotations

import array
import errno
import io
import os
import pathlib
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.errors import DamagedRunError
from vanilla_gan.storage.files import writing
from vanilla_gan.storage.own import open_cut, open_own, set_aside
from vanilla_gan.storage.reading import open_file, reason_of
from vanilla_gan.storage.whole import write_whole

_BLOCK = 1 << 20
_LONGEST_ROW = 1000
HEADER = b"iteration,d_loss,g_loss\n"


class Mark(NamedTuple):
    """Where the file ended at a checkpoint: its size in bytes and the CRC-32 of these bytes."""

    size: int
    crc32: int


class LossesCsv:
    """Appends rows `iteration,d_loss,g_loss`, losses as `%.9g`: enough digits for any float32."""

    def __init__(
        self, path: str | os.PathLike[str], log_every: int, mark: Mark, warn: Callable[[str], None]
    ) -> None:
        """Opens the file for appending at `mark`, and cuts off what follows.

        No iteration depends on this file. If it has changed, it is renamed; then, and if it is
        missing, a new one is started.

        Args:
          path: the file.
          log_every: the iterations that are multiples of it have a row.
          mark: where the file ended when the checkpoint that the run continues from was saved.
          warn: called with one line if a new file is started.

        Raises:
          OutputError: the file cannot be opened, cut or renamed.
        """
        self._path = pathlib.Path(path)
        self._log_every = log_every
        flaw = _flaw(self._path, mark)
        if flaw is not None:
            kept = ""
            if os.path.lexists(self._path):
                kept = f"; it was renamed to {set_aside(self._path)}"
            warn(f"warning: {self._path} {flaw}{kept}; the rows from here on go into a new file")
            mark = begin_losses(self._path)
        self._size, self._crc32 = mark
        with writing(self._path):
            self._file: BinaryIO = open_cut(self._path, mark.size)

    def append(self, first: int, d_loss: list[float], g_loss: list[float]) -> None:
        """Appends the rows that are due among iterations `first, first + 1, ...`.

        Raises:
          OutputError: they could not be written.
        """
        skipped = -first % self._log_every
        rows = zip(
            range(first + skipped, first + len(d_loss), self._log_every),
            d_loss[skipped :: self._log_every],
            g_loss[skipped :: self._log_every],
            strict=True,
        )
        text = "".join(f"{it:d},{d:.9g},{g:.9g}\n" for it, d, g in rows)
        if content := text.encode():
            with writing(self._path):
                self._file.write(content)
            self._size += len(content)
            self._crc32 = zlib.crc32(content, self._crc32)

    def flush(self) -> None:
        """Flushes the rows to the operating system, so that other programs see them."""
        with writing(self._path):
            self._file.flush()

    def mark(self) -> Mark:
        """Flushes all rows to the disk and returns where the file ends.

        Raises:
          OutputError: they could not be written, or the file is no longer there.
        """
        with writing(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            if not os.fstat(self._file.fileno()).st_nlink:
                # Writing still succeeds, but nobody can find the file.
                raise FileNotFoundError(errno.ENOENT, "it was removed")
        return Mark(self._size, self._crc32)

    def close(self) -> None:
        """Closes the file.

        Raises:
          OutputError: the last rows could not be written.
        """
        with writing(self._path):
            self._file.close()


class LossRows(NamedTuple):
    """The rows of a file.

    Attributes:
      iteration: int64 [n], ascending.
      d_loss, g_loss: float64 [n], as fetched before the update of that iteration.
    """

    iteration: npt.NDArray[np.int64]
    d_loss: npt.NDArray[np.float64]
    g_loss: npt.NDArray[np.float64]

    def before(self, iteration: int) -> LossRows:
        """Returns the rows of earlier iterations."""
        count = np.searchsorted(self.iteration, iteration)
        return LossRows(self.iteration[:count], self.d_loss[:count], self.g_loss[:count])


def read_losses(path: pathlib.Path) -> LossRows:
    """Reads all rows; a last one that is still being written is left out.

    A loss may be NaN or infinite, as Python and C write them. An iteration is a whole number.

    Raises:
      DamagedRunError: the file is missing, cannot be read, or is not a file of losses.
    """
    # Arrays grow in place; a list of tables would have to be copied into one.
    columns: tuple[array.array[Any], ...] = (array.array("q"), array.array("d"), array.array("d"))
    try:
        with open_file(path) as stream:
            if stream.read(len(HEADER)) != HEADER:
                raise ValueError("it does not begin with " + HEADER.decode().strip())
            rest = b""
            while block := stream.read(_BLOCK):
                rows, _, rest = (rest + block).rpartition(b"\n")
                if len(rest) > _LONGEST_ROW:
                    raise ValueError(f"it has a row of more than {_LONGEST_ROW} bytes")
                if rows.strip():
                    for column, values in zip(columns, _table(rows).T, strict=True):
                        column.frombytes(values.astype(column.typecode).tobytes())
        found = LossRows(*(np.asarray(column) for column in columns))
        if (found.iteration[1:] <= found.iteration[:-1]).any():
            raise ValueError("its iterations do not ascend")
    except ValueError as error:
        raise DamagedRunError(f"{path} is not a file of losses: {reason_of(error)}") from error
    except OSError as error:
        raise DamagedRunError(
            f"{path}: {error.strerror or error}; expected the folder of a run"
        ) from error
    return found


def _table(rows: bytes) -> npt.NDArray[np.float64]:
    """Returns the numbers of rows, float64 [n, 3].

    Raises:
      ValueError: they are not rows of losses.
    """
    text = io.StringIO(rows.decode("ascii", "replace"))
    table: npt.NDArray[np.float64] = np.loadtxt(text, delimiter=",", comments=None, ndmin=2)
    if table.shape[1:] != (3,):
        raise ValueError(f"it has rows of {table.shape[1]} numbers, expected 3")
    iteration = table[:, 0]
    # float64 represents every whole number up to 2**53 exactly.
    whole = (iteration >= 0) & (iteration <= 2**53) & (iteration == np.floor(iteration))
    if not whole.all():
        raise ValueError(f"{iteration[~whole][0]:g} is not an iteration, expected a whole number")
    return table


def begin_losses(path: pathlib.Path) -> Mark:
    """Writes a new file that holds only the header, and returns where it ends.

    Raises:
      OutputError: it could not be written.
    """
    write_whole(path, HEADER)
    return Mark(len(HEADER), zlib.crc32(HEADER))


def _flaw(path: pathlib.Path, mark: Mark) -> str | None:
    """Returns what is wrong with a file that should begin with the bytes before `mark`, or None."""
    size, crc32 = 0, 0
    try:
        with open(open_own(path, os.O_RDONLY, other_names=True), "rb") as stream:
            while size < mark.size and (block := stream.read(min(1 << 20, mark.size - size))):
                size += len(block)
                crc32 = zlib.crc32(block, crc32)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be used: {error.strerror or error}"
    if size < mark.size:
        return f"holds {size} bytes, expected at least {mark.size}"
    return None if crc32 == mark.crc32 else "was changed since it was written"
