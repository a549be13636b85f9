"""`health.csv`: signs of a run's health by iteration, truncated where the run continues."""

from __future__ import annotations

import array
import io
import os
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.errors import DamagedRunError
from vanilla_gan.storage.files import writing
from vanilla_gan.storage.own import open_cut, set_aside
from vanilla_gan.storage.reading import read_file, reason_of
from vanilla_gan.storage.whole import write_whole

SIGNS = (
    *("real_right", "fake_right", "logit_gap", "largest_logit", "unseen_gap"),
    *("d_gradient", "g_gradient", "d_weights", "g_weights"),
    *("diversity", "diversity_real", "nearest", "nearest_real", "ink", "ink_real", "largest_pixel"),
)
# Statistics of a picture's tiles as they are drawn, in the order of `agreement.statistics`.
PICTURE = ("picture_ink", "picture_share_on", "picture_diversity", "picture_roughness")
NUMBERS = (*SIGNS, *PICTURE)
# The number of samples of each class, as text with spaces between; empty if not watched.
CLASSES = "classes"
HEADER = ",".join(("iteration", *NUMBERS, CLASSES)) + "\n"
MAX_BYTES = 1 << 28  # about a million rows

Floats = npt.NDArray[np.float64]


class HealthRows(NamedTuple):
    """The rows of a file.

    Attributes:
      iteration: int64 [n], ascending.
      numbers: float64 [n, len(NUMBERS)]; NaN if a cell is empty or holds NaN.
      classes: the text in the last column, [n].
    """

    iteration: npt.NDArray[np.int64]
    numbers: Floats
    classes: Sequence[str]

    def of(self, name: str) -> Floats:
        """Returns a column, float64 [n]."""
        return self.numbers[:, NUMBERS.index(name)]

    def with_signs(self) -> HealthRows:
        """Returns the rows that have signs; rows written only for a picture have none."""
        return self._only(np.flatnonzero(~np.isnan(self.numbers[:, : len(SIGNS)]).all(axis=1)))

    def first(self, count: int) -> HealthRows:
        """Returns the first `count` rows."""
        return HealthRows(self.iteration[:count], self.numbers[:count], self.classes[:count])

    def since(self, iteration: int) -> HealthRows:
        """Returns the rows from an iteration on."""
        return self._only(np.flatnonzero(self.iteration >= iteration))

    def _only(self, kept: npt.NDArray[np.intp]) -> HealthRows:
        return HealthRows(
            self.iteration[kept], self.numbers[kept], [self.classes[row] for row in kept]
        )


NO_ROWS = HealthRows(np.empty(0, np.int64), np.empty((0, len(NUMBERS))), ())


class HealthCsv:
    """Appends rows to the file, and keeps all rows in memory.

    A row is in the file as soon as it is appended, so a killed process loses none.
    """

    def __init__(self, path: pathlib.Path, start: int, warn: Callable[[str], None]) -> None:
        """Opens the file and cuts off the rows of iteration `start` and later ones.

        Args:
          path: the file; a new one is started if it does not exist.
          start: the iteration that comes next, whose row is yet to come.
          warn: called with one line if the file is damaged and therefore renamed.

        Raises:
          OutputError: it cannot be opened, cut or renamed.
        """
        self._path = path
        size, found = len(HEADER), NO_ROWS
        try:
            size, found = _read(path, start)
        except DamagedRunError as error:
            warn(
                f"warning: {error}; it was renamed to {set_aside(path)}, and a new file is started"
            )
        if not os.path.lexists(path):
            write_whole(path, HEADER.encode())
        with writing(path):
            self._file: BinaryIO = open_cut(path, size)
        self._n = len(found.iteration)
        # The arrays double in size when they are full, so that not every new row copies them.
        self._iteration, self._numbers = found.iteration, found.numbers
        self._classes = list(found.classes)

    @property
    def rows(self) -> HealthRows:
        """All rows, as they are read back."""
        return HealthRows(self._iteration[: self._n], self._numbers[: self._n], self._classes)

    def append(self, it: int, numbers: Mapping[str, float], classes: str = "") -> None:
        """Appends the row of an iteration; columns that `numbers` does not name are empty.

        Raises:
          OutputError: it could not be written.
        """
        if self._n == len(self._iteration):
            more = max(64, self._n)
            self._iteration = np.concatenate([self._iteration, np.zeros(more, np.int64)])
            self._numbers = np.concatenate([self._numbers, np.zeros((more, len(NUMBERS)))])
        cells = [f"{numbers[name]:.9g}" if name in numbers else "" for name in NUMBERS]
        with writing(self._path):
            self._file.write((",".join((str(it), *cells, classes)) + "\n").encode())
            self._file.flush()
        self._iteration[self._n] = it
        # Rounded, as the file has them.
        self._numbers[self._n] = [float(cell or "nan") for cell in cells]
        self._classes.append(classes)
        self._n += 1

    def close(self) -> None:
        """Closes the file.

        Raises:
          OutputError: the last row could not be written.
        """
        with writing(self._path):
            self._file.close()


def read_health(path: pathlib.Path) -> HealthRows:
    """Reads all rows; none if there is no file.

    A last row that is still being written is left out.

    Raises:
      DamagedRunError: the file cannot be read, or is not a file of signs.
    """
    return _read(path, None)[1]


def _read(path: pathlib.Path, before: int | None) -> tuple[int, HealthRows]:
    """Returns the byte offset where the whole rows before an iteration, or all, end, and the rows.

    Raises:
      DamagedRunError: see `read_health`.
    """
    # Arrays grow in place; a list of rows would take ten times as much memory.
    iteration, numbers, classes = array.array("q"), array.array("d"), list[str]()
    size, last = len(HEADER), -1
    try:
        if path.is_symlink():
            raise ValueError("it is a link")
        stream = io.BytesIO(read_file(path, MAX_BYTES))
        if stream.readline() != HEADER.encode():
            raise ValueError("it does not begin with " + HEADER.strip())
        for line in stream:
            if not line.endswith(b"\n"):
                break
            it, cells, counts = _row(line[:-1].decode("ascii", "replace"))
            if it <= last:
                raise ValueError("its iterations do not ascend")
            last = it
            if before is None or it < before:
                iteration.append(it)
                numbers.extend(cells)
                classes.append(counts)
                size += len(line)
    except FileNotFoundError:
        return size, NO_ROWS
    except (OSError, ValueError) as error:
        raise DamagedRunError(f"{path} is not a file of signs: {reason_of(error)}") from error
    table = np.asarray(numbers).reshape(-1, len(NUMBERS))
    return size, HealthRows(np.asarray(iteration), table, classes)


def _row(line: str) -> tuple[int, list[float], str]:
    """Returns the iteration, the numbers and the counts of classes in a row.

    Raises:
      ValueError: it is not a valid row.
    """
    it, *cells = line.split(",")
    # For a very long number, `int` would raise an error with another text.
    if len(cells) != len(NUMBERS) + 1 or not re.fullmatch("[0-9]{1,16}", it) or int(it) > 2**53:
        raise ValueError(f"{line[:80]!r} is no row of {len(NUMBERS) + 2} cells")
    classes = cells.pop()
    if not all(count.isdecimal() for count in classes.split()):
        raise ValueError(f"{classes[:80]!r} are no counts of classes")
    return int(it), [float(cell or "nan") for cell in cells], classes
