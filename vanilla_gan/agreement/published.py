"""The published program's recorded runs, as the numbers that pictures and losses are compared with.

They ship with the package as JSON beside this file, which `tests/data/make_published_spread.py`
makes from the recordings: the published program, unmodified up to its session loop, on TensorFlow
1.15.5 with ten seeds, each for 10,001 iterations.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.agreement.ensemble import Ensemble, Floats, Ints
from vanilla_gan.settings import RunConfig

_RECORDED = {("vanilla", "mnist"): "published_vanilla_mnist.json"}
_INTS = ("seeds", "iterations", "loss_iterations")
_FLOATS = ("statistics", "drawn_statistics", "uniform_initial_statistics", "d_loss", "g_loss")


class PublishedRuns(NamedTuple):
    """What ten seeds of a published program left; statistics in the order of `statistics.NAMES`.

    Attributes:
      dataset_checksum: of the data set, as `run.json` has it.
      init: form of the initial weights, one of `settings.INITS`.
      seeds: int64 [10].
      iterations: int64 [11], of the pictures.
      statistics: float64 [10, 11, 4], of the 16 samples of each picture themselves.
      drawn_statistics: float64 [10, 11, 4], of these samples after they were drawn and read back
        (`tiles.read_tiles`): what statistics of a picture file are to be compared with.
      uniform_initial_statistics: float64 [10, 4], as `drawn_statistics` at iteration 0, but of
        untrained generators with weights of the uniform form: ten draws of ours, not recorded.
      loss_iterations: int64 [101], every 100 from 0 to 10000: the rows of `losses.csv`.
      d_loss, g_loss: float64 [10, 101], fetched at these iterations.
    """

    dataset_checksum: str
    init: str
    seeds: Ints
    iterations: Ints
    statistics: Floats
    drawn_statistics: Floats
    uniform_initial_statistics: Floats
    loss_iterations: Ints
    d_loss: Floats
    g_loss: Floats

    def ensemble(self, config: RunConfig) -> Ensemble:
        """Returns the recorded runs as an ensemble that judges a run with these settings.

        The form of the initial weights shows only at iteration 0: later pictures show training.
        """
        drawn, note, own_weights = self.drawn_statistics, "", config.init_weights is not None
        if own_weights:
            note = "iteration 0 shows nothing but --init_weights, so it is not judged"
        elif config.init != self.init:
            drawn = drawn.copy()
            drawn[:, 0] = self.uniform_initial_statistics
            note = (
                f"the recorded runs began with --init {self.init}, so pictures at iteration 0 are "
                f"judged by ten draws that this program made with {config.init}"
            )
        return Ensemble(
            "ten recorded runs",
            "the published program",
            self.iterations,
            drawn,
            self.loss_iterations,
            self.d_loss,
            self.g_loss,
            note,
            judges_first=not own_weights,
        )


def published_runs(system: str, dataset: str) -> PublishedRuns | None:
    """Returns the recorded runs of a system on a data set, or None if there are none."""
    name = _RECORDED.get((system, dataset))
    return None if name is None else _read(name)


@functools.cache
def _read(name: str) -> PublishedRuns:
    content = json.loads(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))
    return PublishedRuns(
        dataset_checksum=content["dataset_checksum"],
        init=content["init"],
        **{name: _frozen(content[name], np.int64) for name in _INTS},
        **{name: _frozen(content[name], np.float64) for name in _FLOATS},
    )


def _frozen(values: object, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Returns a read-only array, because all callers share it."""
    array = np.array(values, dtype)
    array.setflags(write=False)
    return array
