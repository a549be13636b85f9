"""Together: means over a batch whose pieces go through the networks one after another."""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import Any

from vanilla_gan.graph.tf1 import tf

# Of a piece: the mean over it of something, and a name that says of what; the mean over the batch.
OverBatch = Callable[[Any, str], Any]


class Together:
    """What the pieces of a batch need of each other while their graphs are made.

    Python makes the networks of one piece behind those of another. So the first piece asks for a
    mean that the others have no part of yet. It gets a tensor that stands for the mean, and
    `settle` connects that when all parts are there.
    """

    def __init__(self, pieces: int) -> None:
        """Begins with nothing asked for, by so many pieces."""
        # By name, of each piece: its parts, with what stands for their means.
        self._asked: dict[str, list[list[tuple[Any, Any]]]] = collections.defaultdict(
            lambda: [[] for _ in range(pieces)]
        )

    def over_batch(self, number: int) -> OverBatch:
        """Returns the function by which a piece asks for means.

        All pieces ask in the same order. Their losses are means as well, so a mean's gradient is
        the mean of its gradients: it is exchanged in the same way, and each piece goes back through
        its own networks alone. A gradient of something else, such as a penalty's of logits through
        a batch norm of D, is exact where the pieces are equal.
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
        """Connects all that was asked for; behind the last gradient.

        Args:
          shares: of the batch, of each piece.
        """
        for of_pieces in self._asked.values():
            for asked in zip(*of_pieces, strict=True):
                mean = weighted([part for part, _ in asked], shares)
                for _, stands_for in asked:
                    # TensorFlow 1 closes its own loops like this: there is no other way back.
                    stands_for.op._update_input(0, mean)
        self._asked.clear()


def weighted(parts: Sequence[Any], shares: Sequence[Any]) -> Any:
    """Returns the sum of `parts`, each times its share, in their order."""
    total: Any = None
    for part, share in zip(parts, shares, strict=True):
        scaled = part * share
        total = scaled if total is None else total + scaled
    return total
