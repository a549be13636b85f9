"""The two engines: what trains a block of iterations in a model's session."""

from __future__ import annotations

from typing import Protocol

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.engines.feed import FeedEngine
from vanilla_gan.engines.in_graph import LoopEngine
from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.engines.model import Model
from vanilla_gan.engines.stream import StepsDraw


class Engine(Protocol):
    """What trains a block of iterations in the session."""

    def train(self, steps: StepsDraw) -> LossBlock:
        """Trains the iterations of `steps` and returns their scalars."""


def engine_of(model: Model, train: DataSet) -> Engine:
    """Returns the engine that a model was opened for; `train` is the training split."""
    if model.loop is None:
        return FeedEngine(model.session, model.gan, train)
    return LoopEngine(model.session, model.loop, train)
