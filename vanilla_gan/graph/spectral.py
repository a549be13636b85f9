"""Spectral normalisation: divides each of D's weights by its largest singular value.

Source: Miyato et al. 2018 (https://arxiv.org/abs/1802.05957), algorithm 1: one power iteration per
step of D, from a vector that is kept. G's step starts from the vector that D's step has left.
"""

from __future__ import annotations

from typing import Any

from vanilla_gan.graph.network import Make
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.variables import seed_of_full

_LEAST = 1e-12


def vector_name(name: str) -> str:
    """Returns the name that checkpoints give the vector of the weight `name`."""
    return f"{name}/singular"


class Spectral:
    """Normalises the weights of one application of a network, those of rank 2 and higher.

    Attributes:
      vectors: by name, the values of the kept vectors after the step, float32 [1, columns].
    """

    def __init__(self) -> None:
        self.vectors: dict[str, Any] = {}

    def __call__(self, weight: Any, name: str, make: Make) -> Any:
        """Returns what the network uses in place of a variable; see `network`.

        Side effects: creates the vector, which no solver trains, or reuses it.
        """
        if weight.shape.rank < 2:
            return weight
        columns, kept = weight.shape.as_list()[-1], vector_name(name)
        initial = tf.random_normal_initializer(seed=seed_of_full(kept))
        vector = make(kept, shape=[1, columns], initializer=initial, trainable=False)
        normed, self.vectors[kept] = normalised(tf.convert_to_tensor(weight), vector)
        return normed


def normalised(weight: Any, vector: Any) -> tuple[Any, Any]:
    """Returns a weight divided by its largest singular value, and the next vector.

    Args:
      weight: float32 [rows, columns], or a convolution's kernel; all its sizes but the last are
        flattened to rows.
      vector: float32 [1, columns], an estimate of the first right singular vector.
    """
    matrix = tf.reshape(weight, [-1, weight.shape.as_list()[-1]])
    left = _unit(tf.matmul(vector, matrix, transpose_b=True))  # [1, rows]
    right = _unit(tf.matmul(left, matrix))  # [1, columns]
    left, right = tf.stop_gradient(left), tf.stop_gradient(right)
    value = tf.reduce_sum(tf.matmul(left, matrix) * right)
    return weight / tf.maximum(value, _LEAST), right


def _unit(vector: Any) -> Any:
    return vector / (tf.norm(vector) + _LEAST)
