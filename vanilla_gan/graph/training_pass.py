"""A pass of a network in training mode: its random draws, and what must run with the step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from vanilla_gan.errors import PluginError
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
      kept: by full name, the last operation that assigns a variable; the passes of a step share it.
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
    kept: dict[str, Any] = dataclasses.field(default_factory=dict)
    over_batch: OverBatch | None = None
    tower: int = 0
    bfloat16: bool = False

    def rounded(self, *tensors: Any) -> tuple[Any, ...]:
        """Returns tensors in the type that this pass computes in."""
        dtype = tf.bfloat16 if self.bfloat16 else tf.float32
        return tuple(tf.cast(tensor, dtype) for tensor in tensors)

    def keep(self, variable: Any, following: Callable[[Any], Any]) -> None:
        """Assigns `following(value)` with the step; `value` includes what earlier passes assign.

        Only the first piece does so, as all have the same value.
        """
        if self.tower == 0:
            name = variable.op.name
            with tf.control_dependencies([self.kept[name]] if name in self.kept else []):
                self.kept[name] = variable.assign(following(variable.read_value())).op
            self.updates.append(self.kept[name])

    def seed_for(self, name: str) -> Any:
        """Returns the seed of a stateless random operation, int64 [2].

        It depends on the run's seed, the iteration, the pass, and the operation's name in the
        current variable scope, and on nothing else. So both engines draw the same numbers, and a
        continued run draws those of a run that never stopped.

        Raises:
          PluginError: the graph was built without the iteration, because nobody said that it draws.
        """
        if self.iteration is None:
            raise PluginError(
                f"the random draw {name} was not announced; a penalty that draws numbers must be "
                "registered with draws=True"
            )
        place = seed_of(f"{name}/{self.name}")
        return tf.stack([tf.constant(place << 32 | self.seed, tf.int64), self.iteration])
