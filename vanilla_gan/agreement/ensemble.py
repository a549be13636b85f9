"""Ensemble: several seeds of one program, whose range judges another run of the program."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Ensemble(NamedTuple):
    """What several runs of one program left; they differ only in their seeds.

    Attributes:
      name: the runs in words: `ten recorded runs`, `8 runs of sweep`.
      program: what they are runs of, in words: `the published program`, `these settings`.
      iterations: int64 [n], of the pictures; there may be none.
      statistics: float64 [seeds, n, 4], of the samples of each picture after they were drawn and
        read back (`tiles.read_tiles`), in the order of `statistics.NAMES`.
      loss_iterations: int64 [m], ascending, at least one: the rows of `losses.csv`.
      d_loss, g_loss: float64 [seeds, m], finite.
      note: how the run that is judged differs from them, as a sentence; empty if it does not.
      judges_first: whether what a run shows at iteration 0 can be judged by them.
    """

    name: str
    program: str
    iterations: Ints
    statistics: Floats
    loss_iterations: Ints
    d_loss: Floats
    g_loss: Floats
    note: str = ""
    judges_first: bool = True
