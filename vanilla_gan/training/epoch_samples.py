"""The single sample that is kept after each epoch: `out/samples.npz` and `out/first_last.png`."""

from __future__ import annotations

import pathlib
import zipfile

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.shape import ImageShape
from vanilla_gan.drawing.grid import save_grid
from vanilla_gan.errors import CheckpointError
from vanilla_gan.runfolder.names import FIRST_LAST, SAMPLES
from vanilla_gan.storage.npz import write_npz


class EpochSamples:
    """Keeps the samples of a run: `iterations`, int64 [n], and `samples`, float32 [n, X_dim]."""

    def __init__(self, out_dir: pathlib.Path, start: int, every: int, shape: ImageShape) -> None:
        """Reads back the samples that a run had at iteration `start`, one each `every` iterations.

        The one that is due at `start` itself is drawn again, with the same numbers.

        Raises:
          CheckpointError: a sample that must be there is not.
        """
        self._out_dir = out_dir
        self._shape = shape
        due = np.arange(every, start, every)
        self._iterations: list[int] = due.tolist()
        self._samples = list(_read(out_dir / SAMPLES, due, shape.size)) if len(due) else []

    def add(self, it: int, sample: npt.NDArray[np.float32]) -> None:
        """Keeps the sample drawn behind `it` iterations, float32 [1, X_dim], on the disk too.

        Raises:
          OutputError: the files could not be written.
        """
        self._iterations.append(it)
        self._samples.append(sample[0])
        arrays = {
            "iterations": np.array(self._iterations, np.int64),
            "samples": np.stack(self._samples),
        }
        write_npz(self._out_dir / SAMPLES, arrays)
        first_last = np.stack([self._samples[0], self._samples[-1]])
        save_grid(self._out_dir / FIRST_LAST, first_last, 1, 2, self._shape)


def _read(path: pathlib.Path, due: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.float32]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            iterations, samples = archive["iterations"], archive["samples"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not np.array_equal(iterations[: len(due)], due) or samples.shape[1:] != (size,):
        raise CheckpointError(f"{path} does not hold a sample for each epoch up to {due[-1]}")
    kept: npt.NDArray[np.float32] = samples[: len(due)]
    return kept
