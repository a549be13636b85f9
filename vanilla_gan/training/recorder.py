"""What a run leaves behind while it trains: pictures, rows of losses, the published lines."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.drawing.points import renderer
from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.errors import DivergedError, VanillaGanError
from vanilla_gan.health.diagnosis import Episode
from vanilla_gan.observers.chosen import observers_of
from vanilla_gan.observers.health import Health
from vanilla_gan.runfolder.health_csv import HealthCsv
from vanilla_gan.runfolder.losses_csv import LossesCsv, Mark
from vanilla_gan.runfolder.names import HEALTH, LOSSES
from vanilla_gan.runfolder.pictures import picture_path, remove_pictures_from
from vanilla_gan.storage.files import unwritable
from vanilla_gan.storage.streams import discard
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.training.chief import Chief
from vanilla_gan.training.epoch_samples import EpochSamples
from vanilla_gan.training.progress import Progress

# `./run.sh | head`, and a terminal that was closed.
_NOBODY_READS = (errno.EPIPE, errno.EIO)


class Recorder:
    """Writes the results of one run into its folder, and tells its observers."""

    def __init__(self, chief: Chief, start: int, mark: Mark) -> None:
        """Opens `losses.csv` at `mark` and removes results from iteration `start` on.

        Iteration `start` comes next, and the chief's worker is in the state before it.

        Raises:
          OutputError: see `LossesCsv`.
          VanillaGanError: an observer cannot begin.
        """
        config = chief.config
        self._inform = chief.inform
        self._record = chief.record
        self._out_dir = config.out_dir
        self._sample_every = config.resolved_int("sample_every")
        self._stdout = chief.host.stdout
        self._stop = chief.stop
        self._stop_on = config.diseases_to_stop_on
        self._health = None
        if config.health_every:
            self._health = Health(chief.record, chief.worker, start, self.inform)
        elif (start > 0 or chief.record.parent) and os.path.lexists(self._out_dir / HEALTH):
            # Written when this run still took signs, or by its parent; it may go beyond `start`.
            HealthCsv(self._out_dir / HEALTH, start, chief.inform).close()
        own = observers_of(chief.record, chief.worker, start, self.inform, self._health)
        self._observers = [*own, *chief.host.observers]
        low, high = SYSTEMS[config.system].pixels()[[0, 255]].tolist()
        self._grid = renderer(*config.picture_tiles, config.image_shape, low, high)
        self._losses_csv = LossesCsv(self._out_dir / LOSSES, config.log_every, mark, chief.inform)
        remove_pictures_from(self._out_dir, -(-start // self._sample_every), chief.inform)
        self._epoch_samples = None
        if SYSTEMS[config.system].draws.epoch_samples:
            self._epoch_samples = EpochSamples(
                self._out_dir, start, self._sample_every, config.image_shape, chief.inform
            )
        iters = config.resolved_int("iters")
        self._progress = Progress(start, iters, chief.inform, config.evaluate_every)
        self._inform = self._progress.inform

    def inform(self, line: str) -> None:
        """Shows a line to the user, above the progress bar as soon as there is one."""
        self._inform(line)

    def picture(self, it: int, samples: npt.NDArray[np.float32]) -> None:
        """Writes the picture of iteration `it`; samples: float32 [rows * cols, X_dim]."""
        self._record.check_still_there(self._out_dir)
        self._grid.save(picture_path(self._out_dir, it // self._sample_every), samples)
        with self._progress.picture(it):
            for observer in self._observers:
                observer.picture(it, samples)

    def epoch_sample(self, it: int, sample: npt.NDArray[np.float32]) -> None:
        """Keeps the sample drawn after `it` iterations, float32 [1, X_dim]."""
        assert self._epoch_samples is not None
        self._record.check_still_there(self._out_dir)
        self._epoch_samples.add(it, sample)

    def losses(self, block: LossBlock) -> None:
        """Appends the rows that are due; prints the published lines after a picture's iteration.

        Raises:
          DivergedError: a loss is not finite; what came before it is recorded.
          OutputError: something could not be written.
        """
        finite = block.finite_rows()
        if finite:
            self._finite_losses(block.cut(finite))
        if finite < len(block.D_loss):
            it = block.first + finite
            D_loss_curr, G_loss_curr = block.D_loss[finite], block.G_loss[finite]
            raise DivergedError(
                it, f"iteration {it}: D loss is {D_loss_curr:.4}, G_loss is {G_loss_curr:.4}"
            )

    def _finite_losses(self, block: LossBlock) -> None:
        self._losses_csv.append(block.first, block.D_loss.tolist(), block.G_loss.tolist())
        # A picture's iteration is always the first of its block.
        if block.first % self._sample_every == 0:
            with self._progress.paused():
                self._print(block.first, block.D_loss[0], block.G_loss[0])
            self._losses_csv.flush()
        for observer in self._observers:
            observer.losses(block)
        self._progress.advance(block)

    def to_stop_on(self) -> Episode | None:
        """Returns the disease for which the run is to be stopped now; None if there is none."""
        return None if self._health is None else self._health.lasting(self._stop_on)

    def mark(self) -> Mark:
        """Flushes `losses.csv` to the disk and returns where it ends."""
        return self._losses_csv.mark()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Closes; if an error ended the run, failures to write the rest do not replace it."""
        with contextlib.nullcontext() if error is None else contextlib.suppress(VanillaGanError):
            self.close()

    def close(self) -> None:
        """Closes the progress, `losses.csv`, and then all observers.

        Raises:
          OutputError: something could not be written; the first of these errors.
        """
        self._progress.close()
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
            discard(self._stdout)
            if error.errno not in _NOBODY_READS:
                raise unwritable("standard output", error) from error
            self._stop.ask(signal.SIGPIPE)
