"""Programs with one mistake each: `compare` must tell their training from the published one's.

A mistake is a setting, or a patch of the package during training.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.graph import gan, layers, losses, variables
from vanilla_gan.graph.tf1 import tf

Patch = Callable[[pytest.MonkeyPatch], None]


def cross_entropy(logits: Any, label: float) -> Any:
    labels = tf.ones_like(logits) * label
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=labels))


def with_labels(real: float, fake: float, generator: float) -> Patch:
    """Returns the patch that trains D and G towards labels other than 1, 0 and 1."""

    def wrong(D_logit_real: Any, D_logit_fake: Any, real_label: float = 1.0) -> losses.Objective:
        D_loss = cross_entropy(D_logit_real, real) + cross_entropy(D_logit_fake, fake)
        return losses.Objective(D_loss, cross_entropy(D_logit_fake, generator))

    return lambda patch: patch.setitem(losses.LOSSES, "sigmoid_cross_entropy", wrong)


def frozen(solver: str) -> Patch:
    """Returns the patch with which one of the two Adam optimizers changes nothing."""
    right = gan.optimizer

    # Not by a setting: RunConfig refuses a rate of 0.
    def wrong(system: Any, config: Any, player: str) -> Any:
        name = f"{player}_solver"
        if name == solver:
            return tf.train.AdamOptimizer(0.0, name=name)
        return right(system, config, player)

    return lambda patch: patch.setattr(gan, "optimizer", wrong)


def same_batch(patch: pytest.MonkeyPatch) -> None:
    """Trains on the first images again and again."""

    def wrong(self: DataSet, batch_size: int, *, short: bool = False) -> np.ndarray:
        return np.arange(batch_size)

    patch.setattr(DataSet, "next_indices", wrong)


def sorted_by_label(patch: pytest.MonkeyPatch) -> None:
    """Sorts the images by label (all zeros, then all ones, ...) instead of shuffling them."""

    def wrong(self: DataSet) -> None:
        self._order = np.argsort(self.labels, kind="stable")

    patch.setattr(DataSet, "_shuffle", wrong)


def scaled_xavier(factor: float) -> Patch:
    """Returns the patch that multiplies all initial weights, of either form."""

    def wrong(patch: pytest.MonkeyPatch) -> None:
        patch.setitem(
            variables._XAVIER,
            "xavier",
            lambda fan_in, seed: tf.variance_scaling_initializer(
                scale=factor**2, mode="fan_avg", distribution="uniform", seed=seed
            ),
        )
        patch.setitem(
            variables._XAVIER,
            "xavier_normal",
            lambda fan_in, seed: tf.random_normal_initializer(
                stddev=factor / math.sqrt(fan_in / 2), seed=seed
            ),
        )

    return wrong


def fan_out(patch: pytest.MonkeyPatch) -> None:
    """Takes a matrix's columns for its rows; in the normal form only: the uniform one uses both."""
    right = variables.weight_var

    def wrong(shape: Any, name: str, init: str) -> Any:
        return right(shape, name, init, fan_in=shape[1])

    patch.setattr(layers, "weight_var", wrong)


@dataclasses.dataclass(frozen=True)
class Wrong:
    """A mistake: settings that differ, or a patch."""

    patch: Patch = lambda patch: None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


WRONG = {
    "learning rate x10": Wrong(settings={"learning_rate": 1e-2}),
    "learning rate x3": Wrong(settings={"learning_rate": 3e-3}),
    "learning rate /2": Wrong(settings={"learning_rate": 5e-4}),
    "learning rate /3": Wrong(settings={"learning_rate": 1e-3 / 3}),
    "learning rate /10": Wrong(settings={"learning_rate": 1e-4}),
    "labels of real and fake swapped": Wrong(with_labels(0.0, 1.0, 1.0)),
    "generator trained towards 0": Wrong(with_labels(1.0, 0.0, 0.0)),
    "frozen generator": Wrong(frozen("G_solver")),
    "frozen discriminator": Wrong(frozen("D_solver")),
    "the same batch for ever": Wrong(same_batch),
    "sorted by label": Wrong(sorted_by_label),
    "xavier x3": Wrong(scaled_xavier(3.0)),
    "xavier /3": Wrong(scaled_xavier(1 / 3)),
    "xavier_normal x3": Wrong(scaled_xavier(3.0), {"init": "xavier_normal"}),
    "xavier_normal /3": Wrong(scaled_xavier(1 / 3), {"init": "xavier_normal"}),
    "fan_out": Wrong(fan_out, {"init": "xavier_normal"}),
}
