"""A pass of a network in training mode: its random draws, and what must run with the step."""

from __future__ import annotations

import dataclasses
from typing import Any

from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.variables import seed_of


@dataclasses.dataclass(frozen=True)
class TrainingPass:
    """One application of a network in training; inference is None in its place.

    Attributes:
      name: tells it from the other passes of an iteration, which draw other numbers.
      seed: the run's.
      iteration: the iteration that is trained, int64 scalar tensor.
      updates: operations that must run with the step, in the order in which layers added them.
      layers: input and sum of each layer with trained variables, in the order of their application;
        a sum is what the layer makes of its input before the activation.
      bfloat16: whether the session computes products and convolutions in bfloat16.
    """

    name: str
    seed: int
    iteration: Any
    updates: list[Any] = dataclasses.field(default_factory=list)
    layers: list[tuple[Any, Any]] = dataclasses.field(default_factory=list)
    bfloat16: bool = False

    def seed_for(self, name: str) -> Any:
        """Returns the seed of a stateless random operation, int64 [2].

        It depends on the run's seed, the iteration, the pass, and the operation's name in the
        current variable scope; on nothing else, so that both engines draw the same numbers and a
        run that is continued goes on with those of one that never stopped.
        """
        place = seed_of(f"{name}/{self.name}")
        return tf.stack([tf.constant(place << 32 | self.seed, tf.int64), self.iteration])
