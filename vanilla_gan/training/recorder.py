"""What a run leaves behind while it trains: pictures, rows of losses, the published lines."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from vanilla_gan.drawing.grid import GridRenderer
from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.errors import VanillaGanError
from vanilla_gan.observers.observer import Observer
from vanilla_gan.runfolder.losses_csv import LossesCsv, Mark
from vanilla_gan.runfolder.names import LOSSES
from vanilla_gan.runfolder.pictures import picture_path, remove_pictures_from
from vanilla_gan.storage.files import unwritable
from vanilla_gan.training.epoch_samples import EpochSamples

# `./run.sh | head`, and a terminal that was closed.
_NOBODY_READS = (errno.EPIPE, errno.EIO)


class Recorder:
    """Writes the results of one run into its folder."""

    def __init__(
        self,
        out_dir: pathlib.Path,
        *,
        start: int,
        mark: Mark,
        sample_every: int,
        log_every: int,
        stdout: TextIO,
        stdout_closed: Callable[[], object],
        quiet: Callable[[], AbstractContextManager[None]] = nullcontext,
        rows_cols: tuple[int, int] = (4, 4),
        epoch_samples: bool = False,
        observers: Sequence[Observer] = (),
    ) -> None:
        """Opens `losses.csv` behind `mark` and removes what lies beyond iteration `start`.

        Args:
          out_dir: the run's folder.
          start: the iteration that comes next.
          mark: where `losses.csv` ended at that point.
          sample_every: iterations between two pictures.
          log_every: iterations between two rows of `losses.csv`.
          stdout: where the published lines go.
          stdout_closed: called when nobody reads these lines any more.
          quiet: keeps other output off the terminal while the published lines are printed.
          rows_cols: how many tiles a picture has down and across.
          epoch_samples: whether a single sample is kept after each epoch.
          observers: told of each picture and each block; closed with the recorder.

        Raises:
          OutputError, CheckpointError: see `LossesCsv`.
        """
        self._out_dir = out_dir
        self._sample_every = sample_every
        self._stdout = stdout
        self._stdout_closed = stdout_closed
        self._quiet = quiet
        self._observers = observers
        self._grid = GridRenderer(*rows_cols)
        self._losses_csv = LossesCsv(out_dir / LOSSES, log_every, mark)
        remove_pictures_from(out_dir, -(-start // sample_every))
        self._epoch_samples = EpochSamples(out_dir, start, sample_every) if epoch_samples else None

    def picture(self, it: int, samples: npt.NDArray[np.float32]) -> None:
        """Writes the picture of iteration `it`; samples: float32 [rows * cols, 784]."""
        self._grid.save(picture_path(self._out_dir, it // self._sample_every), samples)
        for observer in self._observers:
            observer.picture(it, samples)

    def epoch_sample(self, it: int, sample: npt.NDArray[np.float32]) -> None:
        """Keeps the sample drawn behind `it` iterations, float32 [1, 784]."""
        assert self._epoch_samples is not None
        self._epoch_samples.add(it, sample)

    def losses(self, block: LossBlock) -> None:
        """Appends the rows that are due; prints the published lines after a picture's iteration."""
        self._losses_csv.append(block.first, block.D_loss.tolist(), block.G_loss.tolist())
        # A picture's iteration is always the first of its block.
        if block.first % self._sample_every == 0:
            with self._quiet():
                self._print(block.first, block.D_loss[0], block.G_loss[0])
            self._losses_csv.flush()
        for observer in self._observers:
            observer.losses(block)

    def mark(self) -> Mark:
        """Flushes `losses.csv` to the disk and returns where it ends."""
        return self._losses_csv.mark()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Closes; what ended the run is what is told, not what could not be written after it."""
        with contextlib.nullcontext() if error is None else contextlib.suppress(VanillaGanError):
            self.close()

    def close(self) -> None:
        """Closes `losses.csv`, and then all observers.

        Raises:
          OutputError: something could not be written; the first of these errors.
        """
        errors = []
        for close in (self._losses_csv.close, *(observer.close for observer in self._observers)):
            try:
                close()
            except VanillaGanError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _print(self, it: int, D_loss_curr: Any, G_loss_curr: Any) -> None:
        """Prints what the published program prints.

        Raises:
          OutputError: standard output is a file, and its disk is full.
        """
        try:
            print(f"Iter: {it}", file=self._stdout)
            print(f"D loss: {D_loss_curr:.4}", file=self._stdout)
            print(f"G_loss: {G_loss_curr:.4}", file=self._stdout)
            print(file=self._stdout, flush=True)
        except OSError as error:
            _discard(self._stdout)
            if error.errno not in _NOBODY_READS:
                raise unwritable("standard output", error) from error
            self._stdout_closed()


def _discard(stdout: TextIO) -> None:
    # What could not be written is still in its buffer. Python would try once again at its exit, and
    # complain.
    with contextlib.suppress(OSError), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), stdout.fileno())
