"""The signs of a run's health: taken before the update of some iterations, on their batch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.engines.model import Model
from vanilla_gan.engines.stream import StepsDraw


class Signs:
    """Takes the signs of the iterations that are multiples of a number.

    Taking them in one of 250 iterations costs about 1% of the time. Both engines take them from the
    same graph, `graph.signs`. Nothing is drawn: the batch and the noise are those of the
    iteration's D step, and the unseen images are those of the validation split, in their order.
    """

    def __init__(
        self, model: Model, train: DataSet, unseen: DataSet, every: int, pack: int = 1
    ) -> None:
        """Takes nothing yet. `model` was opened with signs; D judges `pack` images together."""
        self._model = model
        self._train = train
        self._unseen = unseen
        self._every = every
        self._pack = pack

    def due(self, it: int) -> bool:
        """Returns whether iteration `it` has signs."""
        return it % self._every == 0

    def of(self, draw: StepsDraw) -> Mapping[str, float]:
        """Returns the signs of the first iteration of `draw` by name, with the current weights.

        They are those of `graph.signs`, with `unseen_gap` in place of `seen`: how far D's mean
        logit of the batch is above that of as many unseen images, or of all if there are fewer;
        NaN if these are too few for D. Any sign may be NaN or infinite.
        """
        gan, n = self._model.gan, len(draw.rows[0])
        X_mb, y_mb = self._train.examples(draw.rows[0])
        if draw.classes is not None:
            y_mb = np.eye(self._train.num_classes, dtype=y_mb.dtype)[draw.classes[0]]
        mb = {gan.X: X_mb, gan.y: y_mb, gan.Z: draw.Z_D[0], gan.iteration: draw.first}
        mb.pop(None, None)
        found = self._model.session.run(self._model.signs, feed_dict=mb)
        signs = {name: float(value) for name, value in found.items()}
        unseen = np.nan
        # With fewer images than D judges together there is no group to judge.
        if (count := self._unseen.num_examples) >= self._pack:
            rows = (draw.first // self._every * n + np.arange(min(n, count))) % count
            X_mb, y_mb = self._unseen.examples(rows)
            feeds = {gan.X: X_mb} if gan.y is None else {gan.X: X_mb, gan.y: y_mb}
            unseen = float(self._model.session.run(self._model.signs["seen"], feed_dict=feeds))
        return {**signs, "unseen_gap": signs.pop("seen") - unseen}
