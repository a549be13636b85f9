"""Penalties on the gradients of D's logits with respect to images; they keep D from overpowering G.

Each is a weight times a mean over a batch: how far the gradient of a logit with respect to its
image is from what it should be. It is added to what D minimises; its own gradient goes back through
the graph twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vanilla_gan.errors import PluginError
from vanilla_gan.graph.discriminator import has_two_modes
from vanilla_gan.graph.draws import uniform
from vanilla_gan.graph.passes import Passes
from vanilla_gan.graph.system import System
from vanilla_gan.graph.tf1 import tf


def r1(passes: Passes) -> tuple[Any, Any]:
    """Returns the logits and images of R1: real ones.

    Source: Mescheder et al. 2018 (https://arxiv.org/abs/1801.04406), equation 9.
    """
    return passes.D_logit_real, passes.X


def r2(passes: Passes) -> tuple[Any, Any]:
    """Returns the logits and images of R2: samples.

    Source: equation 10 of that paper. With R1 and a relativistic loss it works where R1 alone fails
    (Huang et al. 2024, https://arxiv.org/abs/2501.05441).
    """
    return passes.D_logit_fake, passes.G_sample


def wgan_gp(passes: Passes) -> tuple[Any, Any]:
    """Returns the logits and images of WGAN-GP: anywhere between a real image and a sample.

    Source: Gulrajani et al. 2017 (https://arxiv.org/abs/1704.00028), algorithm 1, with a weight of
    10 and `--loss wgan`. Draws one number for each pair.
    """
    share = _shares(passes, "between")
    images = passes.G_sample + share * (passes.X - passes.G_sample)
    return passes.look(images, "between"), images


def dragan(passes: Passes) -> tuple[Any, Any]:
    """Returns the logits and images of DRAGAN: real images with noise.

    The noise is uniform in [0, 1), times half the standard deviation of all pixels of the batch,
    times a random share in [0, 1) of each image.

    Source: Kodali et al. 2017 (https://arxiv.org/abs/1705.07215) and the authors' program, with a
    weight of 10. Draws the noise, and a number for each image.
    """
    X = passes.X
    share = _shares(passes, "share")
    mean = passes.over_batch(tf.reduce_mean(X), "dragan/mean")
    variance = passes.over_batch(tf.reduce_mean(tf.square(X - mean)), "dragan/variance")
    deviation = tf.sqrt(variance)
    images = X + share * 0.5 * deviation * uniform(tf.shape(X), passes.seed_for("around"))
    return passes.look(images, "around"), images


def _shares(passes: Passes, name: str) -> Any:
    """Returns a share in [0, 1) for each image, [B, 1], the same for images judged together."""
    shares = uniform(tf.shape(passes.X)[:1] // passes.pack, passes.seed_for(name))
    return (shares if passes.pack == 1 else tf.repeat(shares, passes.pack))[:, tf.newaxis]


def half_square(gradients: Any) -> Any:
    """Returns half the mean squared norm of gradients, [B, X_dim]: the slope should be 0."""
    return 0.5 * tf.reduce_mean(tf.reduce_sum(tf.square(gradients), axis=1))


def off_one(gradients: Any) -> Any:
    """Returns the mean squared difference of the gradients' norms from 1."""
    # The derivative of a root is infinite at 0.
    norms = tf.sqrt(tf.reduce_sum(tf.square(gradients), axis=1) + 1e-12)
    return tf.reduce_mean(tf.square(norms - 1.0))


# By the name of the weight: where D's slope is measured, and how far it is from what it should be.
PENALTIES = {
    "r1": (r1, half_square),
    "r2": (r2, half_square),
    "wgan_gp": (wgan_gp, off_one),
    "dragan": (dragan, off_one),
}
# Those that draw numbers. `plugins` adds to both.
DRAWING = {"wgan_gp", "dragan"}
OWN_WEIGHTS = tuple(PENALTIES)


def weights_of(penalty: str) -> dict[str, float]:
    """Returns the weights by name from a text `NAME:WEIGHT,NAME:WEIGHT`; none for `none`.

    Raises:
      ValueError: a part has another form, or a name is there twice.
    """
    if penalty == "none":
        return {}
    pairs = [part.split(":") for part in penalty.split(",")]
    found = {name: float(weight) for name, weight in pairs}
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _weights(config: Any) -> dict[str, float]:
    own = {name: getattr(config, name) for name in OWN_WEIGHTS}
    return {
        name: weight for name, weight in {**own, **weights_of(config.penalty)}.items() if weight
    }


def takes_iteration(system: System, config: Any) -> bool:
    """Returns whether a step draws numbers in the graph, which depend on the iteration."""
    return has_two_modes(system, config) or not DRAWING.isdisjoint(_weights(config))


def penalties(config: Any, passes: Passes) -> Mapping[str, Any]:
    """Returns the penalties that the settings give a weight, float32 scalars by name."""
    found = {}
    for name, weight in _weights(config).items():
        part, distance = PENALTIES[name]
        with tf.name_scope(name):
            logits, images = part(passes)
            (gradients,) = tf.gradients(logits, images)
            if gradients is None:
                raise PluginError(
                    f"the logits of the penalty {name} have no gradient with respect to its "
                    "images; return passes.look(images, NAME), images"
                )
            if passes.pack > 1:
                gradients = tf.reshape(gradients, [-1, passes.pack * config.image_shape.size])
            found[name] = weight * distance(gradients)
    return found
