"""The signs of a run: taken before the update of some iterations, on their own batch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.engines.model import Model
from vanilla_gan.engines.stream import StepsDraw


class Signs:
    """Takes the signs of the iterations that are multiples of a number.

    One in 250 iterations costs about 1% of the time, and both engines have it from the same graph,
    `graph.signs`. Nothing is drawn: the batch and the noise are those of the iteration's D step,
    the unseen images are the validation split's, in their order.
    """

    def __init__(
        self, model: Model, train: DataSet, unseen: DataSet, every: int, pack: int = 1
    ) -> None:
        """Takes nothing yet. The model was opened with signs; D takes `pack` images together."""
        self._model = model
        self._train = train
        self._unseen = unseen
        self._every = every
        self._pack = pack

    def due(self, it: int) -> bool:
        """Returns whether iteration `it` has signs."""
        return it % self._every == 0

    def of(self, draw: StepsDraw) -> Mapping[str, float]:
        """Returns the signs of the first iteration of `draw` by name, with the weights as they are.

        They are those of `graph.signs`, but for `seen`; in its place stands `unseen_gap`, by how
        much D's mean logit of the batch is above that of as many images that no run trains on: NaN
        where there are too few. They may not be finite.
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
        # With fewer than D takes together there is no group to judge.
        if (count := self._unseen.num_examples) >= self._pack:
            rows = (draw.first // self._every * n + np.arange(min(n, count))) % count
            X_mb, y_mb = self._unseen.examples(rows)
            feeds = {gan.X: X_mb} if gan.y is None else {gan.X: X_mb, gan.y: y_mb}
            unseen = float(self._model.session.run(self._model.signs["seen"], feed_dict=feeds))
        return {**signs, "unseen_gap": signs.pop("seen") - unseen}
