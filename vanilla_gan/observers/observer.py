"""Observer: what watches a run and leaves files of its own, without a say in its numbers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from vanilla_gan.engines.losses import LossBlock


class Observer(Protocol):
    """Told what a run does, in its order, in its thread.

    What an observer writes it can write again: a run that is continued makes new observers, and
    these are told once more whatever came after the checkpoint. They draw nothing from the run's
    random stream. They may use its session, and must leave its variables alone.
    """

    def picture(self, it: int, samples: npt.NDArray[np.float32]) -> None:
        """The picture of iteration `it` stands in its file; its update has not begun.

        Args:
          it: the iteration.
          samples: float32 [rows * cols, X_dim], what the picture shows.

        Raises:
          OutputError: something could not be written; the run ends.
        """

    def losses(self, block: LossBlock) -> None:
        """The iterations of `block` are trained, and its rows stand in `losses.csv`.

        `block.scalars` has the losses, and what else the run's objective watches; `block.signs`
        what is looked at now and then.

        Raises:
          OutputError: something could not be written; the run ends.
        """

    def close(self) -> None:
        """The run ended, was stopped or failed.

        `losses.csv` holds all rows, flushed, and all pictures stand.

        Raises:
          OutputError: something could not be written.
        """
