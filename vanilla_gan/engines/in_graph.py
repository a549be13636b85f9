"""`--engine loop`: a block of iterations in one `session.run`, on data that live on the device."""

from __future__ import annotations

from typing import Any

import numpy as np

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.engines.stream import StepsDraw
from vanilla_gan.graph.loop import LoopGraph


class LoopEngine:
    """Trains by running the in-graph loop; only row numbers, noise and scalars cross the border."""

    def __init__(self, session: Any, loop: LoopGraph, train: DataSet) -> None:
        """Makes an engine that trains in `session`; copies the images of `train` to each tower."""
        for variables, data in ((loop.images, train.images), (loop.labels, train.labels)):
            for variable in variables:
                initializer = variable.initializer
                with without_chatter():  # a session's first computation
                    session.run(initializer, feed_dict={initializer.inputs[1]: data})
        # What it takes besides rows, by the names of `StepsDraw`.
        fed = {"Z_D": loop.Z_D, "Z_G": loop.Z_G, "D_rows": loop.D_rows, "D_Z": loop.D_Z}
        fed |= {"classes": loop.classes, "D_classes": loop.D_classes}
        if loop.Z_G is loop.Z_D:
            del fed["Z_G"]
        fed["first"] = loop.first
        self._fed = {name: of for name, of in fed.items() if of is not None}
        self._names = [*loop.scalars]
        # Resolves fetches and feeds once, not once a block.
        self._run = session.make_callable(
            [*loop.scalars.values()], feed_list=[loop.rows, *self._fed.values()]
        )

    def train(self, steps: StepsDraw) -> LossBlock:
        """Trains the iterations of `steps`; updates the session's variables.

        Returns:
          The scalars of each iteration.
        """
        # Ints of the placeholders' own types: this way in converts none.
        fed = [
            np.asarray(getattr(steps, name), of.dtype.as_numpy_dtype)
            for name, of in self._fed.items()
        ]
        values = self._run(steps.rows.astype(np.int32), *fed)
        return LossBlock(steps.first, dict(zip(self._names, values, strict=True)))
