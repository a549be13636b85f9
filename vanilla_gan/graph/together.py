"""Together: means over a batch whose pieces go through the networks separately."""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import Any

from vanilla_gan.graph.tf1 import tf

# (the mean of something over a piece, a name for it) -> its mean over the whole batch.
OverBatch = Callable[[Any, str], Any]


class Together:
    """What the pieces of a batch need from each other while their graphs are built.

    Python builds the networks of one piece after those of another. So the first piece asks for a
    mean before the others' parts of it exist. It gets a tensor that stands for the mean, and
    `settle` connects that tensor when all parts are there.
    """

    def __init__(self, pieces: int) -> None:
        """Starts with no requests, for `pieces` pieces."""
        # By name, for each piece: its parts, each with the tensor that stands for the mean.
        self._asked: dict[str, list[list[tuple[Any, Any]]]] = collections.defaultdict(
            lambda: [[] for _ in range(pieces)]
        )

    def over_batch(self, number: int) -> OverBatch:
        """Returns the function with which piece `number` asks for means.

        All pieces must ask in the same order. Their losses are means as well, so the gradient of a
        mean is the mean of its gradients: it is exchanged in the same way, and each piece's
        backward pass stays in its own networks. The gradient of anything else, such as that of
        logits, for a penalty, through a batch norm of D, is exact if the pieces are of equal size.
        """

        def mean(part: Any, name: str) -> Any:
            @tf.custom_gradient
            def exchanged(part: Any) -> Any:
                stands_for = tf.identity(part)
                self._asked[name][number].append((part, stands_for))
                return stands_for, lambda dy: mean(dy, f"{name}/gradient")

            return exchanged(part)

        return mean

    def settle(self, shares: Sequence[Any]) -> None:
        """Connects everything that was asked for; to be called after the last gradient is built.

        Args:
          shares: each piece's share of the batch.
        """
        for of_pieces in self._asked.values():
            for asked in zip(*of_pieces, strict=True):
                mean = weighted([part for part, _ in asked], shares)
                for _, stands_for in asked:
                    # TensorFlow 1 closes its own loops like this; no public function can do it.
                    stands_for.op._update_input(0, mean)
        self._asked.clear()


def weighted(parts: Sequence[Any], shares: Sequence[Any]) -> Any:
    """Returns the sum of `parts`, each times its share, in their order."""
    total: Any = None
    for part, share in zip(parts, shares, strict=True):
        scaled = part * share
        total = scaled if total is None else total + scaled
    return total
