"""Penalties on the discriminator's gradients by images, which keep it from overpowering G.

Each is half its weight times the mean of the squared norm, over a batch, of the gradient of a logit
by its image. It is added to what D minimises; its own gradient goes back through the graph twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vanilla_gan.graph.passes import Passes
from vanilla_gan.graph.tf1 import tf


def r1(passes: Passes) -> tuple[Any, Any]:
    """Returns the logits and images of R1: real ones.

    Source: Mescheder et al. 2018 (https://arxiv.org/abs/1801.04406), equation 9.
    """
    return passes.D_logit_real, passes.X


def r2(passes: Passes) -> tuple[Any, Any]:
    """Returns the logits and images of R2: samples.

    Source: equation 10 there. With R1 and a relativistic loss it holds where R1 alone fails
    (Huang et al. 2024, https://arxiv.org/abs/2501.05441).
    """
    return passes.D_logit_fake, passes.G_sample


PENALTIES = {"r1": r1, "r2": r2}


def penalties(config: Any, passes: Passes) -> Mapping[str, Any]:
    """Returns the penalties that the settings give a weight, float32 scalars by name.

    Args:
      config: the settings; the names of `PENALTIES` are read.
      passes: of both networks, all of one iteration.
    """
    found = {}
    for name, part in PENALTIES.items():
        weight = getattr(config, name)
        if weight:
            with tf.name_scope(name):
                logits, images = part(passes)
                (gradients,) = tf.gradients(logits, images)
                squares = tf.reduce_sum(tf.square(gradients), axis=1)
                found[name] = 0.5 * weight * tf.reduce_mean(squares)
    return found
