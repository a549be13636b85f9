"""The two engines: what trains a block of iterations in a model's session."""

from __future__ import annotations

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.engines.feed import FeedEngine
from vanilla_gan.engines.in_graph import LoopEngine
from vanilla_gan.engines.model import Model


def engine_of(model: Model, train: DataSet) -> FeedEngine | LoopEngine:
    """Returns the engine that a model was opened for; `train` is the training split."""
    if model.loop is None:
        return FeedEngine(model.session, model.gan, train)
    return LoopEngine(model.session, model.loop, train)
