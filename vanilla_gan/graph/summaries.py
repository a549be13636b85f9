"""Histograms for TensorBoard, as nodes of the graph: each network's weights, and D's logits."""

from __future__ import annotations

from typing import Any, NamedTuple

from vanilla_gan.graph.gan import Gan
from vanilla_gan.graph.tf1 import tf


class Summaries(NamedTuple):
    """What is fed and run for the histograms.

    Attributes:
      n_real: int32 scalar, a placeholder: how many images at the beginning of `X` are real; the
        rest are generated.
      histograms: string scalar, a serialised `tf.summary.Summary`. Needs `n_real`, `X` and, in a
        conditional system, `y`.
    """

    n_real: Any
    histograms: Any


def build_summaries(gan: Gan) -> Summaries:
    """Adds the histograms to the current default graph, which must be that of `gan`.

    They change nothing and draw nothing, and training does not depend on them. They run on the CPU,
    because no other device has kernels for them.

    Returns:
      Their handles. The tags are `weights/NAME` for each trained variable, and
      `logits/D_logit_real` and `logits/D_logit_fake`, whose logits come from the discriminator in
      inference.
    """
    with tf.device("/CPU:0"):
        n_real = tf.placeholder(tf.int32, shape=[], name="n_real")
        values = {f"weights/{v.op.name}": v for v in [*gan.theta_D, *gan.theta_G, *gan.theta_Q]}
        values["logits/D_logit_real"] = gan.D_logit[:n_real]
        values["logits/D_logit_fake"] = gan.D_logit[n_real:]
        histograms = [tf.summary.histogram(tag, value) for tag, value in values.items()]
        return Summaries(n_real, tf.summary.merge(histograms))
