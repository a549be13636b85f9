"""`--engine feed`: the published session loop, two `session.run` an iteration; one if joint."""

from __future__ import annotations

from typing import Any

import numpy as np

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.engines.stream import StepsDraw
from vanilla_gan.graph.gan import Gan


class FeedEngine:
    """Trains by feeding the placeholders, as the published program does."""

    def __init__(self, session: Any, gan: Gan, train: DataSet) -> None:
        """Makes an engine that trains `gan` in `session` on images of `train`."""
        self._session = session
        self._gan = gan
        self._train = train

    def train(self, steps: StepsDraw) -> LossBlock:
        """Trains the iterations of `steps`; updates the session's variables.

        Returns:
          The losses of each iteration.
        """
        sess, gan = self._session, self._gan
        D_loss, G_loss = np.empty((2, len(steps.rows)), np.float32)

        for k, rows in enumerate(steps.rows):
            X_mb, y_mb = self._train.examples(rows)
            y = {} if gan.y is None else {gan.y: y_mb}

            if gan.joint_updates:
                it = {} if gan.iteration is None else {gan.iteration: steps.first + k}
                _, _, D_loss[k], G_loss[k] = sess.run(
                    [gan.D_solver, gan.G_solver, gan.D_loss, gan.G_loss],
                    feed_dict={gan.X: X_mb, gan.Z: steps.Z_D[k], **y, **it},
                )
                continue

            _, D_loss[k] = sess.run(
                [gan.D_solver, gan.D_loss], feed_dict={gan.X: X_mb, gan.Z: steps.Z_D[k], **y}
            )
            _, G_loss[k] = sess.run(
                [gan.G_solver, gan.G_loss], feed_dict={gan.Z: steps.Z_G[k], **y}
            )

        return LossBlock(steps.first, D_loss, G_loss)
