"""The conditional GAN: the vanilla networks with the one-hot label added to their inputs.

Source: wiseodd/generative-models, `GAN/conditional_gan/cgan_tensorflow.py`; after Mirza and
Osindero 2014 (https://arxiv.org/abs/1411.1784). Differences: as for `vanilla`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from vanilla_gan.declare import several
from vanilla_gan.graph.dropout import dropped
from vanilla_gan.graph.layers import layer_vars, more_layers
from vanilla_gan.graph.system import Alternating
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.systems import vanilla


def discriminator(x: Any, config: Any, y: Any, training: Any) -> tuple[Any, Any]:
    """Returns `(D_prob, D_logit)`, float32 [B, 1].

    `x` are images, float32 [B, X_dim] in [0, 1], and `y` their labels, one-hot float32 [B, y_dim].
    """
    X_dim, y_dim = config.image_shape.size, config.num_classes
    sizes = [X_dim + y_dim, *several(config.h_dim), 1]
    (D_W1, D_b1), *more, (D_W2, D_b2) = layer_vars("D", sizes, config.init)

    inputs = tf.concat(axis=1, values=[x, y])  # [B, X_dim + y_dim]
    D_h1 = tf.nn.relu(tf.matmul(inputs, D_W1) + D_b1)  # [B, h_dim]
    D_h1 = dropped(D_h1, config.D_dropout, "h1", training)
    D_h1 = more_layers(D_h1, more, config.D_dropout, training)
    D_logit = tf.matmul(D_h1, D_W2) + D_b2  # [B, 1]
    D_prob = tf.nn.sigmoid(D_logit)

    return D_prob, D_logit


def generator(z: Any, config: Any, y: Any, training: Any) -> Any:
    """Returns images of the classes `y`, float32 [B, X_dim] in [0, 1].

    `z` is noise, float32 [B, Z_dim]; `y` are one-hot labels, float32 [B, y_dim].
    """
    X_dim, y_dim = config.image_shape.size, config.num_classes
    sizes = [config.z_dim + y_dim, *several(config.h_dim), X_dim]
    (G_W1, G_b1), *more, (G_W2, G_b2) = layer_vars("G", sizes, config.init)

    inputs = tf.concat(axis=1, values=[z, y])  # [B, Z_dim + y_dim]
    G_h1 = tf.nn.relu(tf.matmul(inputs, G_W1) + G_b1)  # [B, h_dim]
    G_h1 = more_layers(G_h1, more)
    G_log_prob = tf.matmul(G_h1, G_W2) + G_b2  # [B, X_dim]
    G_prob = tf.nn.sigmoid(G_log_prob)

    return G_prob


SYSTEM = dataclasses.replace(
    vanilla.SYSTEM,
    source="https://github.com/wiseodd/generative-models, GAN/conditional_gan/cgan_tensorflow.py",
    defaults={**vanilla.SYSTEM.defaults, "batch_size": 64, "sample_class": "7"},
    generator=generator,
    discriminator=discriminator,
    update=Alternating(shared_noise=True),
    conditional=True,
)
