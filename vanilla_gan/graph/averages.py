"""Moving averages of the generator's weights, from which samples can be made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.variables import statistic_var


class Average(NamedTuple):
    """A trained variable, and the variable that is its moving average."""

    variable: Any
    average: Any


def averages(config: Any, theta_G: Sequence[Any]) -> list[Average]:
    """Returns the averages that the settings ask for; an empty list without `ema`.

    Source: Yazici et al. 2018 (https://arxiv.org/abs/1806.04498).

    Side effects: creates a variable `NAME/average` for each of the generator's.
    """
    if config.ema is None:
        return []
    return [
        Average(v, statistic_var(v.shape.as_list(), average_name(v.op.name), 0.0)) for v in theta_G
    ]


def average_name(name: str) -> str:
    """Returns the name that checkpoints give the average of the variable `name`."""
    return f"{name}/average"


def begin(pairs: Iterable[Average]) -> Any:
    """Returns the operation that sets the averages to the variables' current values."""
    return tf.group(*(average.assign(variable.read_value()) for variable, average in pairs))


def follow(config: Any, pairs: Sequence[Average], solver: Any) -> Any:
    """Returns the generator's solver, followed by a step of the averages towards its weights."""
    if not pairs:
        return solver
    with tf.control_dependencies([solver]):
        steps = [
            average.assign_sub((1.0 - config.ema) * (average.read_value() - variable.read_value()))
            for variable, average in pairs
        ]
    return tf.group(*steps)


def averaged(pairs: Iterable[Average]) -> dict[str, Any]:
    """Returns the averages' values by the names of the averaged variables, for `network`."""
    return {variable.op.name: average.read_value() for variable, average in pairs}
