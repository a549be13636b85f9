"""`--engine loop`: a block of iterations in one `session.run`, with the data on the device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.engines.stream import StepsDraw
from vanilla_gan.errors import DeviceError
from vanilla_gan.graph.loop import LoopGraph
from vanilla_gan.graph.tf1 import tf, told_reason


class LoopEngine:
    """Trains by running the in-graph loop; only row numbers, noise and scalars go in and out."""

    def __init__(self, session: Any, loop: LoopGraph, train: DataSet) -> None:
        """Makes an engine that trains in `session`; copies the data of `train` to each tower."""
        for variables, data in ((loop.images, train.images), (loop.labels, train.labels)):
            for variable in variables:
                initializer = variable.initializer
                with without_chatter():  # a session's first computation
                    session.run(initializer, feed_dict={initializer.inputs[1]: data})
        # The loop's other inputs besides rows, by their names in `StepsDraw`.
        fed = {"Z_D": loop.Z_D, "Z_G": loop.Z_G, "D_rows": loop.D_rows, "D_Z": loop.D_Z}
        fed |= {"classes": loop.classes, "D_classes": loop.D_classes}
        if loop.Z_G is loop.Z_D:
            del fed["Z_G"]
        fed["first"] = loop.first
        self._fed = {name: of for name, of in fed.items() if of is not None}
        self._names = [*loop.scalars]
        self._room = None if loop.steps is None else loop.rows.shape.as_list()[0]
        self._is_compiled = False
        feeds = [loop.rows, *self._fed.values(), *([] if loop.steps is None else [loop.steps])]
        # Resolves fetches and feeds once, not once a block.
        self._run = session.make_callable([*loop.scalars.values()], feed_list=feeds)

    def train(self, steps: StepsDraw) -> LossBlock:
        """Trains the iterations of `steps`; updates the session's variables.

        Returns:
          The scalars of each iteration.

        Raises:
          DeviceError: XLA cannot compile the loop here; it compiles at the first block.
        """
        # Arrays of the placeholders' own types, because `make_callable` converts nothing.
        fed = [steps.rows.astype(np.int32)]
        fed += [
            np.asarray(getattr(steps, name), of.dtype.as_numpy_dtype)
            for name, of in self._fed.items()
        ]
        count = len(steps.rows)
        if self._room is None:
            values = self._run(*fed)
        else:
            fed = [_filled_up(of, self._room) for of in fed]
            with contextlib.nullcontext() if self._is_compiled else _told_where_xla_fails():
                values = self._run(*fed, np.int32(count))
            self._is_compiled = True
        scalars = {name: of[:count] for name, of in zip(self._names, values, strict=True)}
        return LossBlock(steps.first, scalars)


def _filled_up(values: npt.NDArray[Any], room: int) -> npt.NDArray[Any]:
    """Returns `values` padded with zeros to the length `room`; a scalar unchanged."""
    if values.ndim == 0 or len(values) == room:
        return values
    filled = np.zeros((room, *values.shape[1:]), values.dtype)
    filled[: len(values)] = values
    return filled


@contextlib.contextmanager
def _told_where_xla_fails() -> Iterator[None]:
    errors = tf.errors
    compiling = (errors.FailedPreconditionError, errors.InternalError, errors.InvalidArgumentError)
    try:
        yield
    except (*compiling, errors.NotFoundError, errors.UnimplementedError) as error:
        raise DeviceError(
            f"XLA cannot compile this run for its device: {told_reason(error)}; give "
            "--nojit_compile, which is slower and needs no compiler"
        ) from error
