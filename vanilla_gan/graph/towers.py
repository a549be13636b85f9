"""Towers: the pieces of a batch, each on a device of its own, and the sums over them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from vanilla_gan.graph.network import Weights, read
from vanilla_gan.graph.passes import Batch, Passes, forward
from vanilla_gan.graph.system import System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.together import Together, weighted


class Tower(NamedTuple):
    """One piece of a batch, and the passes of both networks over it.

    Attributes:
      batch: the piece.
      passes: `forward` of it.
      weights: the values that the passes use, if one run does all steps of an iteration; see
        `update`. None if each step is a run of its own.
      device: where it is computed; None for where everything else is.
      share: of the batch; 1 for a single tower, a float32 scalar tensor if batch sizes vary.
      together: what the towers of the batch need from each other; None for a single tower.
    """

    batch: Batch
    passes: Passes
    weights: Weights | None = None
    device: str | None = None
    share: Any = 1.0
    together: Together | None = None

    def place(self) -> AbstractContextManager[Any]:
        """Puts what the block adds to the graph on the tower's device."""
        return contextlib.nullcontext() if self.device is None else tf.device(self.device)

    def read(self, variables: Sequence[Any]) -> Weights:
        """Returns the values of variables at this point of the graph, on the tower's device."""
        return _sent(read(variables), self.device)


def towers_of(
    system: System,
    config: Any,
    batch: Batch,
    theta: Sequence[Any],
    *,
    weights: Weights | None = None,
    further: int | None = None,
    show: Callable[[int, Batch], Batch] | None = None,
) -> list[Tower]:
    """Returns the towers of a batch: `config.towers` pieces, the first ones larger if need be.

    A single tower is the whole batch, on no device of its own. Several take a batch of the run's
    size, or of any size in a system with short batches; `settle` then connects them.

    Args:
      system: the published program.
      config: the settings of the run.
      batch: of the iteration.
      theta: the variables of both networks, trained or kept; they must exist.
      weights: their values, if one run does all steps; see `update`.
      further: see `forward`.
      show: replaces row numbers and classes in a tower's piece by images and labels; called on the
        tower's device. None if the batch has these already.
    """
    count = config.towers
    if count == 1:
        batch = batch if show is None else show(0, batch)
        passes = forward(system, config, batch, reuse=True, weights=weights, further=further)
        return [Tower(batch, passes, weights)]
    # A device cannot read the variables of another one.
    values = read(theta) if weights is None else weights
    # Groups of images that are judged together stay together.
    sizes, shares = _sizes(system, config, batch)
    together = Together(count)
    X, Z_D, y = (_pieces(part, sizes, count) for part in (batch.X, batch.Z_D, batch.y))
    Z_G = Z_D if batch.Z_G is batch.Z_D else _pieces(batch.Z_G, sizes, count)
    found = []
    for number, part in enumerate(zip(X, Z_D, Z_G, y, strict=True)):
        device = _device(number)
        piece = Batch(*part, batch.iteration)
        own = _sent(values, device)
        with tf.device(device), tf.name_scope(f"tower_{number}"):
            piece = piece if show is None else show(number, piece)
            passes = forward(
                system,
                config,
                piece,
                reuse=True,
                weights=own,
                further=further,
                tower=number,
                over_batch=together.over_batch(number),
            )
        kept = None if weights is None else own
        found.append(Tower(piece, passes, kept, device, shares[number], together))
    return found


def on_tower(config: Any, number: int) -> AbstractContextManager[Any]:
    """Puts what the block adds to the graph on a tower's device; a single tower has none."""
    return contextlib.nullcontext() if config.towers == 1 else tf.device(_device(number))


def aggregate(towers: Sequence[Tower], parts: Sequence[Any]) -> Any:
    """Returns the towers' results combined: the sum of each times its tower's share, in order.

    For means over the pieces, that is the mean over the batch. A single result stays as it is.

    Args:
      towers: of one batch.
      parts: a tensor from each, a loss or a gradient; None if it does not depend on a variable.
    """
    if len(towers) == 1 or parts[0] is None:
        return parts[0]
    return weighted(parts, [tower.share for tower in towers])


def aggregate_scalars(
    towers: Sequence[Tower], parts: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Returns `aggregate` of scalars by name; all towers have the same names."""
    return {name: aggregate(towers, [part[name] for part in parts]) for name in parts[0]}


def settle(towers: Sequence[Tower]) -> None:
    """Connects what towers need from each other; to be called after the last gradient is built."""
    if (together := towers[0].together) is not None:
        together.settle([tower.share for tower in towers])


def _sizes(system: System, config: Any, batch: Batch) -> tuple[Any, Sequence[Any]]:
    """Returns how many images each tower has, and its share of the batch."""
    count, pack, size = config.towers, config.pack, config.batch_size
    if not system.draws.short_batches:
        groups = [size // count + (number < size % count) for number in range(count)]
        return [pack * number for number in groups], [number / size for number in groups]
    size = tf.shape(batch.X)[0] // pack
    groups = size // count + tf.cast(tf.range(count) < size % count, tf.int32)
    return pack * groups, tf.unstack(tf.cast(groups, tf.float32) / tf.cast(size, tf.float32))


def _device(number: int) -> str:
    return f"/CPU:{number}"


def _pieces(part: Any, sizes: Any, count: int) -> list[Any]:
    return [None] * count if part is None else tf.split(part, sizes, num=count)


def _sent(values: Weights, device: str | None) -> Weights:
    if device is None:
        return values
    with tf.device(device):
        return {name: tf.identity(value) for name, value in values.items()}
