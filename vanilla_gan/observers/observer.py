"""Observer: what watches a run and writes files of its own, without affecting its numbers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from vanilla_gan.engines.losses import LossBlock


class Observer(Protocol):
    """Is called as a run goes on, in the order of events and in the run's thread.

    An observer must be able to write its results again: a run that is continued makes new
    observers, and calls them again for everything that came after the checkpoint. Observers draw
    nothing from the run's random stream. They may use its session, but must not change its
    variables.
    """

    def picture(self, it: int, samples: npt.NDArray[np.float32]) -> None:
        """The picture of iteration `it` is in its file; the update has not begun.

        Args:
          it: the iteration.
          samples: float32 [rows * cols, X_dim], what the picture shows.

        Raises:
          OutputError: something could not be written; the run ends.
        """

    def losses(self, block: LossBlock) -> None:
        """The iterations of `block` are trained.

        Their rows may not stand in `losses.csv` yet: it is flushed at pictures and at checkpoints.

        `block.scalars` has the losses and whatever else the run's objective watches. `block.signs`
        has the signs of health if they were taken in this block, and is empty otherwise.

        Raises:
          OutputError: something could not be written; the run ends.
        """

    def close(self) -> None:
        """The run ended, was stopped or failed.

        `losses.csv` is flushed and holds all rows, and all pictures are written.

        Raises:
          OutputError: something could not be written.
        """
