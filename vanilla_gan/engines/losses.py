"""The losses that come back from a block of iterations, and whether they are still numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class LossBlock(NamedTuple):
    """The losses of consecutive iterations, each fetched before that iteration's update.

    Attributes:
      first: the first iteration.
      D_loss, G_loss: float32 [k], for iterations `first .. first + k - 1`.
    """

    first: int
    D_loss: npt.NDArray[np.float32]
    G_loss: npt.NDArray[np.float32]

    def finite_rows(self) -> int:
        """Returns how many iterations come before the first loss that is NaN or inf."""
        finite = np.isfinite(self.D_loss) & np.isfinite(self.G_loss)
        return len(finite) if finite.all() else int(np.argmin(finite))

    def cut(self, rows: int) -> LossBlock:
        """Returns the first `rows` iterations."""
        return LossBlock(self.first, self.D_loss[:rows], self.G_loss[:rows])
