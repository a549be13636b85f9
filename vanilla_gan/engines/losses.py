"""The losses and other scalars of a block of iterations, and how many of the losses are finite."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class LossBlock(NamedTuple):
    """The scalars of consecutive iterations, each computed before the update that uses it.

    Attributes:
      first: the first iteration.
      scalars: float32 [k] by name, for iterations `first .. first + k - 1`: `D_loss`, `G_loss`, and
        whatever else the objective watches.
      signs: those of the first iteration by name; empty if none were taken; see `engines.signs`.
    """

    first: int
    scalars: Mapping[str, npt.NDArray[np.float32]]
    signs: Mapping[str, float] = types.MappingProxyType({})

    @property
    def D_loss(self) -> npt.NDArray[np.float32]:
        """What D_solver minimised, float32 [k]."""
        return self.scalars["D_loss"]

    @property
    def G_loss(self) -> npt.NDArray[np.float32]:
        """What G_solver minimised, float32 [k]."""
        return self.scalars["G_loss"]

    def finite_rows(self) -> int:
        """Returns how many iterations come before the first loss that is NaN or inf."""
        finite = np.isfinite(self.D_loss) & np.isfinite(self.G_loss)
        return len(finite) if finite.all() else int(np.argmin(finite))

    def cut(self, rows: int) -> LossBlock:
        """Returns the first `rows` iterations."""
        return self._replace(scalars={name: of[:rows] for name, of in self.scalars.items()})
