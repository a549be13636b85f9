"""The convolutional GAN: transposed convolutions with batch norm against strided convolutions.

Source: the deep convolutional GAN of Keras' and TensorFlow's tutorials, on Fashion-MNIST; after
Radford et al. 2015 (https://arxiv.org/abs/1511.06434). Differences: no Keras object, its layers are
made of `tf.get_variable`; the images are H x W x C, H and W multiples of 4, where the listing has
28 x 28 x 1; a short last batch has as much noise as images, where the listing draws 128 vectors for
it too; and it is trained on the 55,000 images of the training split, where the listing holds none
of the 60,000 back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vanilla_gan.graph.dropout import dropout
from vanilla_gan.graph.layers import (
    batch_norm,
    conv2d,
    conv2d_transpose,
    dense,
    flatten,
    leaky_relu,
)
from vanilla_gan.graph.system import Draws, Pictures, Simultaneous, System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.systems import noise

SLOPE = 0.3


def generator(z: Any, config: Any, y: Any, training: Any) -> Any:
    """Returns images, float32 [B, X_dim] in [-1, 1].

    Args:
      z: noise, float32 [B, Z_dim].
      config: the run's settings.
      y: None, there are no labels.
      training: the pass in training mode; None for inference.
    """
    init = config.init
    height, width, channels = config.image_shape
    with tf.variable_scope("generator"):
        h = dense(z, height // 4 * (width // 4) * 256, "dense", init, training, bias=False)
        h = leaky_relu(batch_norm(h, "bn0", training), SLOPE, training)
        h = tf.reshape(h, [-1, height // 4, width // 4, 256])
        h = conv2d_transpose(h, 128, 5, "deconv0", init, training)  # [B, H/4, W/4, 128]
        h = leaky_relu(batch_norm(h, "bn1", training), SLOPE, training)
        h = conv2d_transpose(h, 64, 5, "deconv1", init, training, stride=2)  # [B, H/2, W/2, 64]
        h = leaky_relu(batch_norm(h, "bn2", training), SLOPE, training)
        h = conv2d_transpose(h, channels, 5, "deconv2", init, training, stride=2)  # [B, H, W, C]

        return tf.reshape(tf.nn.tanh(tf.cast(h, tf.float32)), [-1, config.image_shape.size])


def discriminator(x: Any, config: Any, y: Any, training: Any) -> tuple[Any, Any]:
    """Returns `(D_prob, D_logit)`, float32 [B, 1].

    Args:
      x: images, float32 [B, X_dim] in [-1, 1].
      config: the run's settings.
      y: None, there are no labels.
      training: the pass in training mode; None for inference, which drops nothing out.
    """
    init, rate = config.init, config.dropout_rate
    with tf.variable_scope("discriminator"):
        h = tf.reshape(x, [-1, *config.image_shape])  # [B, H, W, C]
        h = conv2d(h, 64, 5, "conv0", init, training, stride=2)
        h = leaky_relu(h, SLOPE, training)
        h = dropout(h, rate, "dropout0", training)  # [B, H/2, W/2, 64]
        h = conv2d(h, 128, 5, "conv1", init, training, stride=2)
        h = leaky_relu(h, SLOPE, training)
        h = dropout(h, rate, "dropout1", training)  # [B, H/4, W/4, 128]
        logit = dense(flatten(h), 1, "logit", init, training)  # [B, 1]
        logit = tf.cast(logit, tf.float32)

        return tf.sigmoid(logit), logit


def symmetric_scale(grey: Any) -> Any:
    """Returns grey values 0..255 as float32 in [-1, 1]: the listing's `x / 127.5 - 1`.

    TensorFlow replaces a division by a constant with this product, NumPy does not; written so, both
    give the same, within one bit of the quotient.
    """
    return grey * np.float32(1.0 / 127.5) - 1.0


_THETA_G = (
    "dense/kernel",
    "bn0/gamma",
    "bn0/beta",
    "deconv0/kernel",
    "bn1/gamma",
    "bn1/beta",
    "deconv1/kernel",
    "bn2/gamma",
    "bn2/beta",
    "deconv2/kernel",
)
_THETA_D = (
    "conv0/kernel",
    "conv0/bias",
    "conv1/kernel",
    "conv1/bias",
    "logit/kernel",
    "logit/bias",
)

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
    },
    generator=generator,
    discriminator=discriminator,
    theta_G=tuple(f"generator/{variable}" for variable in _THETA_G),
    theta_D=tuple(f"discriminator/{variable}" for variable in _THETA_D),
    sample_Z=noise.normal,
    scale=symmetric_scale,
    update=Simultaneous(),
    draws=Draws(short_batches=True, pictures=Pictures.FIXED_AND_LAST),
    separate_images=True,
    sides_multiple_of=4,
)
