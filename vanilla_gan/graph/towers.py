"""Towers: the pieces of a batch, each on a device of its own, and what is summed up over them."""

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
      weights: those that the passes are made of, where one run has all steps of an iteration; see
        `update`. None where each step is a run of its own.
      device: where it is computed; None for wherever all else is.
      share: of the batch, 1 for a tower alone; a float32 scalar where batches have several sizes.
      together: what the towers of the batch need of each other; None for a tower alone.
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
        """Returns the values of variables at this place of the graph, on the tower's device."""
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
    """Returns the towers of a batch: `config.towers` pieces, the first ones larger by an image.

    One tower alone is the whole batch, where all else is. Several take a batch of the run's size,
    or any in a system with short batches. What they need of each other is there behind `settle`.

    Args:
      system: the published program.
      config: the settings of the run.
      batch: of the iteration.
      theta: the variables of both networks, trained or kept, which exist.
      weights: their values where one run has all steps; see `update`.
      further: see `forward`.
      show: gives a tower's piece its images and labels, where the batch has row numbers and classes
        in place of them; called on the tower's device.
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
    """Puts what the block adds to the graph on a tower's device; one tower alone has none."""
    return contextlib.nullcontext() if config.towers == 1 else tf.device(_device(number))


def aggregate(towers: Sequence[Tower], parts: Sequence[Any]) -> Any:
    """Returns what towers have found, together: the sum of their shares, in their order.

    Of a mean over each piece that is the mean over the batch. With one tower it is what that found.

    Args:
      towers: of one batch.
      parts: a tensor of each, a loss or a gradient; None for what does not depend on a variable.
    """
    if len(towers) == 1 or parts[0] is None:
        return parts[0]
    return weighted(parts, [tower.share for tower in towers])


def aggregate_scalars(
    towers: Sequence[Tower], parts: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Returns `aggregate` of scalars by name, of which each tower has the same."""
    return {name: aggregate(towers, [part[name] for part in parts]) for name in parts[0]}


def settle(towers: Sequence[Tower]) -> None:
    """Gives towers what they need of each other, behind the last gradient of a step or several."""
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
