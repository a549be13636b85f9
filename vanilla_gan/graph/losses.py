"""The losses: each a pair of scalars made from the discriminator's logits.

Some are those of the published programs, the others are cures. All take `D_logit_real` and
`D_logit_fake`, float32 [B, 1], and return an `Objective`. Any of its scalars may depend on both
logits; each solver's step computes those that its own scalars need, with D's weights at that time.
`real_label` is the target for real images: 1, or less with label smoothing (Salimans et al. 2016,
https://arxiv.org/abs/1606.03498, 3.4).
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, NamedTuple

from vanilla_gan.graph.sigmoid import sigmoid_tf1
from vanilla_gan.graph.tf1 import tf


class Objective(NamedTuple):
    """What the solvers minimise, and other scalars that are worth watching: all float32.

    Attributes:
      D_loss, G_loss: minimised by D_solver and G_solver.
      Q_loss: minimised by the third solver of a program that has one; else None.
      D_watched, G_watched: by name, further scalars of each solver's step, to be reported.
    """

    D_loss: Any
    G_loss: Any
    Q_loss: Any = None
    D_watched: Mapping[str, Any] = types.MappingProxyType({})
    G_watched: Mapping[str, Any] = types.MappingProxyType({})


def sigmoid_cross_entropy(
    D_logit_real: Any, D_logit_fake: Any, real_label: float = 1.0
) -> Objective:
    """Returns the losses of the published repository, stable for any logit.

    Source: `gan_tensorflow.py`; the non-saturating generator loss of Goodfellow et al. 2014
    (https://arxiv.org/abs/1406.2661), section 3.
    """
    D_loss = _discriminator_cross_entropy(D_logit_real, D_logit_fake, real_label)
    G_loss = _mean_cross_entropy(D_logit_fake, tf.ones_like(D_logit_fake), name="G_loss")
    return Objective(D_loss, G_loss)


def log(
    D_logit_real: Any, D_logit_fake: Any, real_label: float = 1.0, above: float = 0.0
) -> Objective:
    """Returns the post's first losses, written with logarithms of probabilities.

    `D_loss = -mean(log D(x) + log(1 - D(G(z))))`, `G_loss = -mean(log D(G(z)))`. In
    float32 the sigmoid of TensorFlow 1.x reaches 0 or 1 exactly once the discriminator is sure
    enough; then the logarithm is -inf and the gradients NaN, here as in the published program.
    `above` is added to each probability, unless it is 0.

    Source: the 2016 post.
    """

    def log_of(probability: Any) -> Any:
        return tf.log(probability + above if above else probability)

    D_real, D_fake = sigmoid_tf1(D_logit_real), sigmoid_tf1(D_logit_fake)
    log_real = log_of(D_real)
    if real_label != 1.0:
        log_real = real_label * log_real + (1.0 - real_label) * log_of(1.0 - D_real)
    D_loss = tf.negative(tf.reduce_mean(log_real + log_of(1.0 - D_fake)), name="D_loss")
    G_loss = tf.negative(tf.reduce_mean(log_of(D_fake)), name="G_loss")
    return Objective(D_loss, G_loss)


def log_epsilon(D_logit_real: Any, D_logit_fake: Any, real_label: float = 1.0) -> Objective:
    """Returns `log`'s losses with 1e-8 added to each probability, so that no logarithm is -inf.

    Source: `infogan_tensorflow.py` and `ac_gan_tensorflow.py` of the published repository.
    """
    return log(D_logit_real, D_logit_fake, real_label, above=1e-8)


def minimax(D_logit_real: Any, D_logit_fake: Any, real_label: float = 1.0) -> Objective:
    """Returns the two-player game as first written, with the saturating generator loss.

    `G_loss = mean(log(1 - D(G(z))))`. `D_loss` is that of `sigmoid_cross_entropy`, whose
    value is `log`'s. Both are computed from the logits, where `log(1 - sigmoid(l)) = -softplus(l)`.

    Source: Goodfellow et al. 2014, equation 1.
    """
    D_loss = _discriminator_cross_entropy(D_logit_real, D_logit_fake, real_label)
    G_loss = tf.negative(tf.reduce_mean(tf.nn.softplus(D_logit_fake)), name="G_loss")
    return Objective(D_loss, G_loss)


def lsgan(D_logit_real: Any, D_logit_fake: Any, real_label: float = 1.0) -> Objective:
    """Returns the least squares losses: D's targets are 1 for real images and 0 for samples.

    Source: Mao et al. 2017 (https://arxiv.org/abs/1611.04076), equation 9.
    """
    off_real = tf.reduce_mean(tf.square(D_logit_real - real_label))
    off_fake = tf.reduce_mean(tf.square(D_logit_fake))
    D_loss = tf.multiply(0.5, off_real + off_fake, name="D_loss")
    G_loss = tf.multiply(0.5, tf.reduce_mean(tf.square(D_logit_fake - 1.0)), name="G_loss")
    return Objective(D_loss, G_loss)


def hinge(D_logit_real: Any, D_logit_fake: Any, real_label: float = 1.0) -> Objective:
    """Returns the hinge losses: D gains nothing beyond logits of 1 and -1. Ignores `real_label`.

    Source: Miyato et al. 2018 (https://arxiv.org/abs/1802.05957), equations 16 and 17.
    """
    short_real = tf.reduce_mean(tf.nn.relu(1.0 - D_logit_real))
    short_fake = tf.reduce_mean(tf.nn.relu(1.0 + D_logit_fake))
    D_loss = tf.add(short_real, short_fake, name="D_loss")
    return Objective(D_loss, tf.negative(tf.reduce_mean(D_logit_fake), name="G_loss"))


def wgan(D_logit_real: Any, D_logit_fake: Any, real_label: float = 1.0) -> Objective:
    """Returns the Wasserstein losses; D needs `clip_weights` or a penalty. Ignores `real_label`.

    Source: Arjovsky et al. 2017 (https://arxiv.org/abs/1701.07875), algorithm 1.
    """
    fake = tf.reduce_mean(D_logit_fake)
    D_loss = tf.subtract(fake, tf.reduce_mean(D_logit_real), name="D_loss")
    return Objective(D_loss, tf.negative(fake, name="G_loss"))


def relativistic(D_logit_real: Any, D_logit_fake: Any, real_label: float = 1.0) -> Objective:
    """Returns pairing losses: how much more real an image is than a sample. Ignores `real_label`.

    Source: Jolicoeur-Martineau 2018 (https://arxiv.org/abs/1807.00734), section 3.3.
    """
    more = D_logit_real - D_logit_fake
    D_loss = tf.reduce_mean(tf.nn.softplus(-more), name="D_loss")
    return Objective(D_loss, tf.reduce_mean(tf.nn.softplus(more), name="G_loss"))


def _discriminator_cross_entropy(D_logit_real: Any, D_logit_fake: Any, real_label: float) -> Any:
    D_loss_real = _mean_cross_entropy(D_logit_real, tf.ones_like(D_logit_real) * real_label)
    D_loss_fake = _mean_cross_entropy(D_logit_fake, tf.zeros_like(D_logit_fake))
    return tf.add(D_loss_real, D_loss_fake, name="D_loss")


def _mean_cross_entropy(logits: Any, labels: Any, name: str | None = None) -> Any:
    cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=labels)
    return tf.reduce_mean(cross_entropy, name=name)


# `plugins` adds entries to both.
LOSSES = {
    "sigmoid_cross_entropy": sigmoid_cross_entropy,
    "log": log,
    "minimax": minimax,
    "lsgan": lsgan,
    "hinge": hinge,
    "wgan": wgan,
    "relativistic": relativistic,
    "log_epsilon": log_epsilon,
}
# The losses that use `real_label`.
LABELLED = ["sigmoid_cross_entropy", "log", "minimax", "lsgan", "log_epsilon"]
