"""Which observers a run has: one line each."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable

from vanilla_gan.data.dataset import Datasets
from vanilla_gan.engines.worker import Worker
from vanilla_gan.observers.evaluator import Evaluator
from vanilla_gan.observers.gallery import Gallery
from vanilla_gan.observers.health import Health
from vanilla_gan.observers.log_json import LogJson, check_log_json
from vanilla_gan.observers.observer import Observer
from vanilla_gan.observers.report import ReportObserver
from vanilla_gan.observers.tensorboard import TensorBoard
from vanilla_gan.quality.figures import largest_n
from vanilla_gan.runfolder.record import RunRecord


def check_observers(record: RunRecord, splits: Datasets, *, out_moves: bool) -> None:
    """Checks what would keep an observer from beginning, before anything of a run is touched.

    Args:
      record: that of the run, with the settings that it will have.
      splits: what it is trained on.
      out_moves: whether the content of its folder is moved aside first.

    Raises:
      DataError: there are too few images to evaluate by.
      UsageError: the file of `--log_json` is another run's.
      OutputError: it cannot be written.
    """
    if record.config.evaluate_every:
        largest_n(splits)
    if record.config.log_json is not None:
        path = pathlib.Path(os.path.realpath(record.config.log_json))
        if not (out_moves and path.is_relative_to(os.path.realpath(record.config.out_dir))):
            check_log_json(record)


def observers_of(
    record: RunRecord,
    worker: Worker,
    start: int,
    warn: Callable[[str], None],
    health: Health | None = None,
) -> list[Observer]:
    """Returns the observers that the settings ask for, in the order in which they are told.

    Args:
      record: the content of `run.json`, including the complete settings.
      worker: trains the run; it is in the state before iteration `start`.
      start: the iteration that comes next.
      health: the run's health observer, if it has one; the training loop consults it, too.
      warn: called with one line for each result that is damaged and therefore renamed.
    """
    config = record.config
    observers: list[Observer] = [Gallery(record, start, warn)]
    if health is not None:
        observers.append(health)
    if config.evaluate_every:
        observers.append(Evaluator(record, worker, start, warn))
    if config.tensorboard:
        observers.append(TensorBoard(worker, start, warn))
    if config.log_json is not None:
        observers.append(LogJson(record, start))
    if config.report:
        # Last, so that its final page has what the others write at the end.
        observers.append(ReportObserver(record, start, warn))
    return observers
