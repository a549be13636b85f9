"""A pass of a network in training mode: its random draws, and what must run with the step."""

from __future__ import annotations

import dataclasses
from typing import Any

from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.together import OverBatch
from vanilla_gan.graph.variables import seed_of


@dataclasses.dataclass(frozen=True)
class TrainingPass:
    """One application of a network in training mode; inference has None instead.

    Attributes:
      name: distinguishes it from an iteration's other passes, which draw other numbers.
      seed: the run's.
      iteration: the iteration that is trained, int64 scalar tensor.
      n_images: how many images the pass has, int32 scalar tensor.
      updates: operations that must run with the step, in the order in which layers added them.
      over_batch: means over the whole batch, if this pass has a piece of it; else None.
      tower: the number of the piece, or 0 if this pass has the whole batch.
      bfloat16: whether layers compute in bfloat16: they round their inputs and kernels, add up in
        float32, and give bfloat16. Variables stay float32; a gradient for them is added up in
        float32 and rounded once.
    """

    name: str
    seed: int
    iteration: Any
    n_images: Any
    updates: list[Any] = dataclasses.field(default_factory=list)
    over_batch: OverBatch | None = None
    tower: int = 0
    bfloat16: bool = False

    def rounded(self, *tensors: Any) -> tuple[Any, ...]:
        """Returns tensors in the type that this pass computes in."""
        dtype = tf.bfloat16 if self.bfloat16 else tf.float32
        return tuple(tf.cast(tensor, dtype) for tensor in tensors)

    def keep(self, variable: Any, value: Any) -> None:
        """Assigns a value with the step; only the first piece does, as all have the same value."""
        if self.tower == 0:
            self.updates.append(variable.assign(value).op)

    def seed_for(self, name: str) -> Any:
        """Returns the seed of a stateless random operation, int64 [2].

        It depends on the run's seed, the iteration, the pass, and the operation's name in the
        current variable scope, and on nothing else. So both engines draw the same numbers, and a
        continued run draws those of a run that never stopped.
        """
        place = seed_of(f"{name}/{self.name}")
        return tf.stack([tf.constant(place << 32 | self.seed, tf.int64), self.iteration])
