"""The convolutional GAN: transposed convolutions with batch norm against strided convolutions.

Source: the deep convolutional GAN of Keras' and TensorFlow's tutorials, on Fashion-MNIST; after
Radford et al. 2015 (https://arxiv.org/abs/1511.06434). Differences: the layers are made with
`tf.get_variable`, not Keras; images are H x W x C, H and W multiples of 4, where the listing has
28 x 28 x 1, and each doubling above 32 pixels adds a strided layer to both networks; a short last
batch has as many noise vectors as images, where the listing always draws 128; and training uses the
55,000 images of the training split, where the listing uses all 60,000.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vanilla_gan.data.shape import ImageShape
from vanilla_gan.graph.dropout import dropout
from vanilla_gan.graph.layers import (
    batch_norm,
    conv2d,
    conv2d_transpose,
    dense,
    flatten,
    leaky_relu,
)
from vanilla_gan.graph.system import Draws, Names, Pictures, Simultaneous, System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.systems import noise

SLOPE = 0.3
# The published layers halve 28 pixels twice; those of other listings do so with 32.
_LAYERS, _SIDE, _MOST_CHANNELS = 2, 32, 256


def strided_layers(shape: ImageShape) -> int:
    """Returns how many layers halve an image: two, and one more for each doubling above 32 pixels.

    A layer is only added if both sides can be halved that often without a remainder.
    """
    layers = _LAYERS
    while max(shape[:2]) >= _SIDE << (layers - 1) and not any(n % (2 << layers) for n in shape[:2]):
        layers += 1
    return layers


def _channels(halvings: int) -> int:
    """Returns the channels of an image after `halvings` halvings: 64, 128, 256, 256 and so on."""
    return min(32 << halvings, _MOST_CHANNELS)


def generator(z: Any, config: Any, y: Any, training: Any) -> Any:
    """Returns images, float32 [B, X_dim] in [-1, 1], for noise `z`, float32 [B, Z_dim]."""
    init, layers = config.init, config.strided_layers
    height, width, channels = config.image_shape
    stem = [height >> layers, width >> layers, _channels(layers + 1)]
    with tf.variable_scope("generator"):
        h = dense(z, math.prod(stem), "dense", init, training, bias=False)
        h = leaky_relu(batch_norm(h, "bn0", training), SLOPE, training)
        h = tf.reshape(h, [-1, *stem])  # [B, H/4, W/4, 256]
        h = conv2d_transpose(h, _channels(layers), 5, "deconv0", init, training)
        for layer in range(1, layers):  # [B, H/4, W/4, 128] -> [B, H/2, W/2, 64]
            h = leaky_relu(batch_norm(h, f"bn{layer}", training), SLOPE, training)
            filters = _channels(layers - layer)
            h = conv2d_transpose(h, filters, 5, f"deconv{layer}", init, training, stride=2)
        h = leaky_relu(batch_norm(h, f"bn{layers}", training), SLOPE, training)
        h = conv2d_transpose(h, channels, 5, f"deconv{layers}", init, training, stride=2)

        return tf.reshape(tf.nn.tanh(tf.cast(h, tf.float32)), [-1, config.image_shape.size])


def discriminator(x: Any, config: Any, y: Any, training: Any) -> tuple[Any, Any]:
    """Returns `(D_prob, D_logit)`, float32 [B, 1], for images, float32 [B, X_dim] in [-1, 1]."""
    init, rate = config.init, config.dropout_rate
    with tf.variable_scope("discriminator"):
        h = tf.reshape(x, [-1, *config.image_shape])  # [B, H, W, C]
        for layer in range(config.strided_layers):  # -> [B, H/2, W/2, 64] -> [B, H/4, W/4, 128]
            h = conv2d(h, _channels(layer + 1), 5, f"conv{layer}", init, training, stride=2)
            h = leaky_relu(h, SLOPE, training)
            h = dropout(h, rate, f"dropout{layer}", training)
        logit = dense(flatten(h), 1, "logit", init, training)  # [B, 1]
        logit = tf.cast(logit, tf.float32)

        return tf.sigmoid(logit), logit


def symmetric_scale(grey: Any) -> Any:
    """Returns grey values 0..255 as float32 in [-1, 1]: the listing's `x / 127.5 - 1`.

    TensorFlow replaces a division by a constant with this product; NumPy does not. Written as a
    product, it gives the same in both, within one bit of the quotient.
    """
    return grey * np.float32(1.0 / 127.5) - 1.0


def theta_of(layers: int) -> tuple[Names, Names]:
    """Returns theta_D's and theta_G's names in the listing's order, for `layers` strided layers."""
    theta_G = ["dense/kernel"]
    for layer in range(layers + 1):
        theta_G += [f"bn{layer}/gamma", f"bn{layer}/beta", f"deconv{layer}/kernel"]
    names = [*(f"conv{layer}" for layer in range(layers)), "logit"]
    theta_D = [f"{name}/{part}" for name in names for part in ("kernel", "bias")]
    return (
        tuple(f"discriminator/{variable}" for variable in theta_D),
        tuple(f"generator/{variable}" for variable in theta_G),
    )


_THETA_D, _THETA_G = theta_of(_LAYERS)

SYSTEM = System(
    source="https://www.tensorflow.org/tutorials/generative/dcgan, on Fashion-MNIST",
    defaults={
        "epochs": 30,
        "batch_size": 128,
        "z_dim": 100,
        "learning_rate": 1e-4,
        "adam_epsilon": 1e-7,
        "label_smoothing": 0.0,
        "dropout_rate": 0.3,
        "strided_layers": _LAYERS,
    },
    generator=generator,
    discriminator=discriminator,
    theta_G=_THETA_G,
    theta_D=_THETA_D,
    sample_Z=noise.normal,
    scale=symmetric_scale,
    update=Simultaneous(),
    draws=Draws(short_batches=True, pictures=Pictures.FIXED_AND_LAST),
    separate_images=True,
    strided_layers=strided_layers,
    theta_of=theta_of,
)
