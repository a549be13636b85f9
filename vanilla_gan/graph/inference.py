"""The graph of a trained system for inference: its networks and their variables."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

from vanilla_gan.graph.discriminator import discriminate
from vanilla_gan.graph.gan import owned_variables
from vanilla_gan.graph.network import network
from vanilla_gan.graph.system import System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.update import uses
from vanilla_gan.graph.weights import shapes_of

SIGNATURES = ("generate", "discriminate")
IMAGES = "generate_images"
EXPORTED = (*SIGNATURES, IMAGES)


class Inference(NamedTuple):
    """Tensors of the networks in inference, float32.

    `X` [B, X_dim], `Z` [B, Z_dim] and, in a conditional system, `y` [B, num_classes] are
    placeholders (`y` is None in other systems); `G_sample` [B, X_dim], `D_prob` [B, 1] and
    `D_logit` [B, 1] are the outputs.

    `with_images` adds `G_images`, uint8 [B, H, W, C], and in a conditional system `labels`, int64
    [B], the placeholder of their classes.
    """

    X: Any
    Z: Any
    y: Any
    G_sample: Any
    D_prob: Any
    D_logit: Any
    G_images: Any = None
    labels: Any = None

    def inputs(self, signature: str) -> dict[str, Any]:
        """Returns the placeholders of a signature, by their names in exports.

        Labels are left out if the network does not use them: converters would not find them.
        """
        if signature == IMAGES:
            return {"z": self.Z} if self.labels is None else {"z": self.Z, "label": self.labels}
        first = {"z": self.Z} if signature == "generate" else {"x": self.X}
        sees = self.y is not None and uses(self.outputs(signature).values(), self.y)
        return {**first, "y": self.y} if sees else first

    def outputs(self, signature: str) -> dict[str, Any]:
        """Returns the results of a signature, by their names in exports."""
        if signature == "generate":
            return {"images": self.G_sample}
        if signature == IMAGES:
            return {"images": self.G_images}
        return {"probability": self.D_prob, "logit": self.D_logit}


def build_inference(system: System, config: Any) -> tuple[Inference, list[Any]]:
    """Builds both networks in the current default graph, which should be empty.

    Returns:
      The tensors, and the trained variables: D's, then G's, then those of a third network.
      `tf.global_variables()` also has the statistics that the networks keep, and nothing else.
    """
    X = tf.placeholder(tf.float32, shape=[None, config.image_shape.size], name="X")
    Z = tf.placeholder(tf.float32, shape=[None, config.z_dim], name="Z")
    y = None
    if system.conditional:
        y = tf.placeholder(tf.float32, shape=[None, config.num_classes], name="y")
    with network("generator", reuse=False):
        G_sample = system.generator(Z, config, y, None)
    images, labels, pack = X, y, config.pack
    if pack > 1:
        # Too few images for a group would leave an empty batch, on which oneDNN's convolutions
        # fail. So zeros are added for one more group, which is left out of the result.
        images = tf.pad(X, [[0, pack], [0, 0]])
        labels = None if y is None else tf.pad(y, [[0, pack], [0, 0]])
    found = discriminate(system, config, "discriminator", images, labels, None, reuse=False)
    D_prob, D_logit = found.D_prob, found.D_logit
    if pack > 1:
        D_prob, D_logit = D_prob[:-1], D_logit[:-1]
    if system.auxiliary is not None:
        with network("auxiliary", reuse=False):
            system.auxiliary(G_sample, config)  # creates its variables
    theta = owned_variables(*system.theta(config))
    return Inference(X, Z, y, G_sample, D_prob, D_logit), list(itertools.chain(*theta))


def with_images(system: System, config: Any, tensors: Inference) -> Inference:
    """Adds the generator's images as uint8, for programs that know nothing of GANs: for `IMAGES`.

    The system's `scale` is inverted to grey values 0..255, and values outside are clipped. The
    graph of `tensors` must be the default graph.
    """
    labels, G_sample = None, tensors.G_sample
    if tensors.y is not None:
        labels = tf.placeholder(tf.int64, shape=[None], name="label")
        with network("generator_images", reuse=True):
            y = tf.one_hot(labels, config.num_classes)
            G_sample = system.generator(tensors.Z, config, y, None)
    black, white = system.pixels()[[0, 255]]
    shape = config.image_shape
    with tf.name_scope("images"):
        grey = tf.round((G_sample - black) * (255.0 / (white - black)))
        grey = tf.cast(tf.clip_by_value(grey, 0.0, 255.0), tf.uint8)
        images = tf.reshape(grey, [-1, shape.height, shape.width, shape.channels])
    return tensors._replace(G_images=images, labels=labels)


def inference_shapes(
    system: System, config: Any
) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Returns the shapes of the trained variables by name, and those of the statistics."""
    with tf.Graph().as_default():
        _, trained = build_inference(system, config)
        everything = shapes_of(tf.global_variables())
    names = {variable.op.name for variable in trained}
    statistics = {name: shape for name, shape in everything.items() if name not in names}
    return shapes_of(trained), statistics
