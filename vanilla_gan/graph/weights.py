"""Weights by variable name: read from an npz file, checked, and put into a session."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.errors import WeightsError
from vanilla_gan.say import shown
from vanilla_gan.storage.arrays import read_npz

Weights = dict[str, npt.NDArray[np.float32]]

_MAX_ITEM = 16  # bytes of the widest type of number
_HEADERS = 1 << 20  # bytes that a file may have besides its numbers


def read_weights(path: str | os.PathLike[str], shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    """Reads an npz file that holds exactly the named arrays.

    Each array's header is checked before its numbers are read, so that a damaged file takes no more
    memory than the weights it should hold, and no pickle is ever loaded.

    Args:
      path: the file.
      shapes: the expected shape of each variable, by its name.

    Returns:
      float32 arrays by name, all finite.

    Raises:
      WeightsError: the file cannot be read, an array is missing, extra, misshapen, of a type that
        holds no real numbers, or has values that are not finite in float32.
    """
    where = os.fspath(path)

    def check(name: str, shape: tuple[int, ...], dtype: Any) -> None:
        if shape != shapes[name]:
            raise WeightsError(
                f"{where}: {name} has shape {list(shape)}, expected {list(shapes[name])}"
            )
        if dtype.kind not in "fiu":
            raise WeightsError(f"{where}: {name} holds {dtype}, expected float32 numbers")

    try:
        arrays = read_npz(
            where,
            check,
            max_bytes=sum(_MAX_ITEM * math.prod(shape) for shape in shapes.values()) + _HEADERS,
            check_names=lambda names: _check_names(where, names, set(shapes)),
        )
    except FileNotFoundError as error:
        raise WeightsError(f"{where}: no such file; --init_weights takes an npz file") from error
    except ValueError as error:
        raise WeightsError(
            f"{where}: cannot be read as an npz file ({error}); expected what numpy.savez writes, "
            f"with the arrays {', '.join(sorted(shapes))}"
        ) from error
    return {name: _finite(where, name, arrays[name]) for name in shapes}


def _check_names(where: str, found: set[str], expected: set[str]) -> None:
    parts = []
    if expected - found:
        parts.append(f"missing {', '.join(sorted(expected - found))}")
    if found - expected:
        parts.append(f"unknown {shown(', '.join(sorted(found - expected)))}")
    if parts:
        raise WeightsError(
            f"{where}: {'; '.join(parts)}; expected exactly {', '.join(sorted(expected))}"
        )


def _finite(where: str, name: str, array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        weights = array.astype(np.float32)
    if not np.isfinite(weights).all():
        bad = np.argwhere(~np.isfinite(weights))[0]
        raise WeightsError(
            f"{where}: {name}{bad.tolist()} is {array[tuple(bad)]}, expected finite float32 numbers"
        )
    return weights


def shapes_of(variables: Sequence[Any]) -> dict[str, tuple[int, ...]]:
    """Returns the static shapes of variables by their full names."""
    return {variable.op.name: tuple(variable.shape.as_list()) for variable in variables}


def assign_weights(session: Any, variables: Sequence[Any], weights: Weights) -> None:
    """Sets variables to given values, by running their initializers on fed arrays.

    Adds no node to the graph; assignments would keep the arrays in it as constants.
    """
    initializers = [variable.initializer for variable in variables]
    # An initializer's inputs are the variable's handle and its initial value.
    values = {
        initializer.inputs[1]: weights[variable.op.name]
        for variable, initializer in zip(variables, initializers, strict=True)
    }
    session.run(initializers, feed_dict=values)


def variables_by_name(session: Any, variables: Sequence[Any]) -> Weights:
    """Returns the current values of variables by their full names."""
    return dict(session.run({variable.op.name: variable for variable in variables}))
