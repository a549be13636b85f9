"""Which observers a run has: one line each."""

from __future__ import annotations

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.engines.model import Model
from vanilla_gan.observers.evaluator import Evaluator
from vanilla_gan.observers.gallery import Gallery
from vanilla_gan.observers.observer import Observer
from vanilla_gan.observers.report import ReportObserver
from vanilla_gan.observers.tensorboard import TensorBoard
from vanilla_gan.runfolder.record import RunRecord
from vanilla_gan.settings import RunConfig


def observers_of(
    config: RunConfig, record: RunRecord, model: Model, train: DataSet, start: int
) -> list[Observer]:
    """Returns the observers that the settings ask for, in the order in which they are told.

    Args:
      config: the settings, complete.
      record: the run's record.
      model: the graph with its session, as it is before iteration `start`.
      train: the training images.
      start: the iteration that comes next.
    """
    observers: list[Observer] = [Gallery(config, record, start)]
    if config.evaluate_every:
        observers.append(Evaluator(config, record, model, start))
    if config.tensorboard:
        observers.append(TensorBoard(config, model, train, start))
    if config.report:
        # The last one, so that its last page has what the others leave at the end.
        observers.append(ReportObserver(config, record, start))
    return observers
