"""`--engine feed`: the published session loop, a `session.run` for each step of an iteration."""

from __future__ import annotations

from typing import Any

import numpy as np

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.engines.stream import StepsDraw
from vanilla_gan.graph.gan import Gan
from vanilla_gan.graph.update import uses


class FeedEngine:
    """Trains by feeding the placeholders, as the published program does."""

    def __init__(self, session: Any, gan: Gan, train: DataSet) -> None:
        self._session = session
        self._gan = gan
        self._train = train
        placeholders = [p for p in (gan.X, gan.Z, gan.y, gan.iteration) if p is not None]
        self._feeds = [
            [p for p in placeholders if uses([*step.solvers.values(), *step.scalars.values()], p)]
            for step in gan.steps
        ]

    def train(self, steps: StepsDraw) -> LossBlock:
        """Trains the iterations of `steps`; updates the session's variables.

        Returns:
          The scalars of each iteration.
        """
        sess, gan = self._session, self._gan
        count = len(steps.rows)
        scalars = {name: np.empty(count, np.float32) for step in gan.steps for name in step.scalars}

        for k, rows in enumerate(steps.rows):
            mb: dict[Any, Any] = {gan.iteration: steps.first + k}
            fed: int | None = -1
            for step, feeds in zip(gan.steps, self._feeds, strict=True):
                if step.further != fed:
                    fed = step.further
                    shown = rows if fed is None else steps.D_rows[k, fed]
                    mb[gan.X], mb[gan.y] = self._train.examples(shown)
                    if steps.classes is not None:
                        drawn = steps.classes[k] if fed is None else steps.D_classes[k, fed]
                        mb[gan.y] = np.eye(self._train.num_classes)[drawn]
                Z = getattr(steps, step.noise)[k]
                mb[gan.Z] = Z if fed is None else Z[fed]
                *_, curr = sess.run(
                    [*step.solvers.values(), step.scalars],
                    feed_dict={placeholder: mb[placeholder] for placeholder in feeds},
                )
                for name, value in curr.items():
                    scalars[name][k] = value

        return LossBlock(steps.first, scalars)
