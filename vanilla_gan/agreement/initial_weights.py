"""Whether untrained weights are drawn in the published forms: their width and their distribution.

A trace begins with given weights, so it cannot show how a run draws its own. The weights of a run
are compared with the two published formulas, matrix by matrix: the root of their mean square, and
their kurtosis, which is 1.8 for a uniform distribution and 3 for a normal one.

The root of the mean square of n independent values scatters by `sqrt((kurtosis - 1) / 4n)` of
itself: for the smallest matrix that is looked at, 100 x 128, by 0.4% (uniform) and 0.6% (normal);
its kurtosis by 0.6% and 1.4%. `LIMIT` is about twice the largest of these. The seed is fixed, so a
verdict is the same each time: the largest differences are 0.85% and 1.3%. The other distribution
differs by 40% or more in its kurtosis, and the other formula for the width by a factor.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from vanilla_gan.engines.model import open_model
from vanilla_gan.engines.session import Device
from vanilla_gan.graph.weights import variables_by_name
from vanilla_gan.settings import InitName, RunConfig, SystemName

# Each published form once, and the layers API's own.
PROGRAMS: tuple[tuple[SystemName, InitName], ...] = (
    ("vanilla", "xavier"),
    ("vanilla", "xavier_normal"),
    ("conditional", "xavier_normal"),
    ("layers", "xavier"),
)
LIMIT = 0.03
_LEAST_SIDE = 100
_KURTOSIS = {"xavier": 1.8, "xavier_normal": 3.0}


class InitialWeights(NamedTuple):
    """How far the untrained weights of a program are from the published formula.

    Attributes:
      system: a key of `SYSTEMS`.
      init: one of `settings.INITS`.
      width: largest relative difference of a matrix's root mean square.
      kurtosis: likewise of its kurtosis.
      biases: largest absolute value of a bias, which should be 0.
    """

    system: str
    init: str
    width: float
    kurtosis: float
    biases: float

    @property
    def passed(self) -> bool:
        """Whether they are drawn as published."""
        return max(self.width, self.kurtosis) <= LIMIT and self.biases == 0


def initial_weights(system: SystemName, init: InitName, device: Device) -> InitialWeights:
    """Draws the weights that a run of a system with default sizes begins with, and measures them.

    Source: `xavier_init` of the published repository, `1 / sqrt(rows / 2)`; the default of
    `tf.contrib.layers.xavier_initializer`, uniform in +-sqrt(6 / (rows + columns)).
    """
    config = RunConfig(system=system, init=init, seed=0).resolved()
    with open_model(config, device) as model:
        model.initialise()
        gan = model.gan
        drawn = variables_by_name(model.session, [*gan.theta_D, *gan.theta_G])
    width = kurtosis = biases = 0.0
    for value in drawn.values():
        if value.ndim == 1:
            biases = max(biases, float(np.abs(value).max()))
            continue
        rows, columns = value.shape
        if min(rows, columns) < _LEAST_SIDE:
            continue
        of = {"xavier": (rows + columns) / 2, "xavier_normal": rows / 2}[init]
        squares = value.astype(np.float64) ** 2
        mean_square = squares.mean()
        width = max(width, abs(math.sqrt(mean_square * of) - 1))
        found = (squares**2).mean() / mean_square**2
        kurtosis = max(kurtosis, abs(found / _KURTOSIS[init] - 1))
    return InitialWeights(system, init, width, kurtosis, biases)
