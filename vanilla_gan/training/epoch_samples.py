"""The single sample that is kept after each epoch: `out/samples.npz` and `out/first_last.png`."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.shape import ImageShape
from vanilla_gan.drawing.grid import GridRenderer
from vanilla_gan.runfolder.names import FIRST_LAST, SAMPLES
from vanilla_gan.storage.arrays import expecting, read_npz
from vanilla_gan.storage.npz import write_npz
from vanilla_gan.storage.own import set_aside

_MAX_BYTES = 1 << 30  # some 300,000 samples


class EpochSamples:
    """Keeps the samples of a run: `iterations`, int64 [n], and `samples`, float32 [n, X_dim]."""

    def __init__(
        self,
        out_dir: pathlib.Path,
        start: int,
        every: int,
        shape: ImageShape,
        warn: Callable[[str], None],
    ) -> None:
        """Reads back the samples that a run had at iteration `start`.

        The sample that is due at `start` itself is drawn again, with the same numbers. A damaged
        file is renamed, because no iteration depends on it. `warn` is called with one line if the
        file is damaged, or missing although it should be there. An epoch has `every` iterations.

        Raises:
          OutputError: it could not be renamed.
        """
        self._out_dir = out_dir
        self._shape = shape
        self._iterations: list[int] = []
        self._samples: list[npt.NDArray[np.float32]] = []
        path = out_dir / SAMPLES
        try:
            iterations, samples = _read(path, shape.size)
        except FileNotFoundError:
            if start > every:
                warn(f"warning: {path} is missing; a new file is started")
            return
        except ValueError as error:
            aside = set_aside(path)
            warn(
                f"warning: {path} is damaged: {error}; it was renamed to {aside}, and a new file "
                "is started"
            )
            return
        before = iterations < start
        self._iterations, self._samples = iterations[before].tolist(), list(samples[before])

    def add(self, it: int, sample: npt.NDArray[np.float32]) -> None:
        """Adds the sample drawn after `it` iterations, float32 [1, X_dim], and writes both files.

        Raises:
          OutputError: the files could not be written.
        """
        self._iterations.append(it)
        self._samples.append(sample[0])
        arrays: dict[str, npt.NDArray[Any]] = {
            "iterations": np.array(self._iterations, np.int64),
            "samples": np.stack(self._samples),
        }
        write_npz(self._out_dir / SAMPLES, arrays)
        first_last = np.stack([self._samples[0], self._samples[-1]])
        GridRenderer(1, 2, self._shape).save(self._out_dir / FIRST_LAST, first_last)


def _read(path: pathlib.Path, size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Returns the iterations, ascending, and the sample of each.

    Raises:
      FileNotFoundError: there is no file.
      ValueError: it does not hold the samples of such a run.
    """
    if path.is_symlink():
        raise ValueError("it is a link")
    table = {"iterations": ("i8", (None,)), "samples": ("f4", (None, size))}
    arrays = read_npz(path, expecting(table), max_bytes=_MAX_BYTES)
    if arrays.keys() != table.keys():
        raise ValueError(f"expected the arrays {', '.join(table)}")
    iterations, samples = arrays["iterations"], arrays["samples"]
    ascending = (np.diff(iterations, prepend=0) > 0).all()
    if len(iterations) != len(samples) or not ascending or not np.isfinite(samples).all():
        raise ValueError("it does not hold a sample for each of its iterations")
    return iterations, samples
