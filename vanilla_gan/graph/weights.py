"""Weights by variable name: an npz file's arrays, checked against the graph, into a session."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.errors import WeightsError
from vanilla_gan.storage.npz import DAMAGE

Weights = dict[str, npt.NDArray[np.float32]]

_SHOWN = 200  # characters of a file's own text in a message


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
    try:
        with zipfile.ZipFile(where) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            _check_names(where, names, set(shapes))
            return {name: _read(where, archive, name, shape) for name, shape in shapes.items()}
    except FileNotFoundError as error:
        raise WeightsError(f"{where}: no such file; --init_weights takes an npz file") from error
    except DAMAGE as error:
        reason = _shown(" ".join(str(error).split())) or type(error).__name__
        raise WeightsError(
            f"{where}: cannot be read as an npz file ({reason}); expected what numpy.savez writes, "
            f"with the arrays {', '.join(sorted(shapes))}"
        ) from error


def _check_names(where: str, found: set[str], expected: set[str]) -> None:
    parts = []
    if expected - found:
        parts.append(f"missing {', '.join(sorted(expected - found))}")
    if found - expected:
        parts.append(f"unknown {_shown(', '.join(sorted(found - expected)))}")
    if parts:
        raise WeightsError(
            f"{where}: {'; '.join(parts)}; expected exactly {', '.join(sorted(expected))}"
        )


def _shown(text: str) -> str:
    """Returns text out of a file as it can stand in a message: one line, and no longer than that.

    The names in a damaged archive are any bytes.
    """
    printable = "".join(c if c.isprintable() else "?" for c in text)
    return printable if len(printable) <= _SHOWN else f"{printable[:_SHOWN]}..."


def _read(
    where: str, archive: zipfile.ZipFile, name: str, shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    with archive.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        # Later versions are for headers of up to 4 GB, which no array of numbers needs.
        if version != (1, 0):
            raise ValueError(f"{name} has npy format version {version}")
        found, fortran_order, dtype = np.lib.format.read_array_header_1_0(member)
        if found != shape:
            raise WeightsError(f"{where}: {name} has shape {list(found)}, expected {list(shape)}")
        if dtype.kind not in "fiu":
            raise WeightsError(f"{where}: {name} holds {dtype}, expected float32 numbers")
        size = int(np.prod(shape)) * dtype.itemsize
        content = member.read(size)
        if len(content) != size or member.read(1):
            raise ValueError(f"{name} does not hold the {size} bytes that its shape needs")
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if fortran_order else "C")
    with np.errstate(over="ignore"):
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
    """Gives variables their values, by running their initializers on fed arrays.

    Adds no node to the graph, which would otherwise carry the arrays as constants.
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
