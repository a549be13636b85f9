"""The layers-API GAN: 100-128-128-784 against 784-128-128-1, leaky ReLU, images in [-1, 1].

Source: T. Dasgupta, "Generative Adversarial Networks using Tensorflow" (2018), which builds it of
`tf.layers.dense` in the variable scopes `gen` and `dis`. Differences: `tf.compat.v1.layers` needs
Keras 2, so the layers are made of `tf.get_variable` under the names that the layers API gives; and
the sample after an epoch is drawn through one operation, where the listing adds a generator to its
graph each time.
"""

from __future__ import annotations

from typing import Any

from vanilla_gan.data.dataset import unit_scale
from vanilla_gan.graph.layers import dense
from vanilla_gan.graph.system import Alternating, Draws, Pictures, System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.systems import noise

ALPHA = 0.2


def generator(z: Any, config: Any, y: Any, training: Any) -> Any:
    """Returns images, float32 [B, X_dim] in [-1, 1], for noise `z`, float32 [B, Z_dim]."""
    X_dim = config.image_shape.size
    with tf.variable_scope("gen"):
        hidden1 = dense(z, config.h_dim, "dense", config.init)  # [B, h_dim]
        hidden1 = tf.nn.leaky_relu(hidden1, alpha=ALPHA)
        hidden2 = dense(hidden1, config.h_dim, "dense_1", config.init)  # [B, h_dim]
        hidden2 = tf.nn.leaky_relu(hidden2, alpha=ALPHA)
        output = tf.nn.tanh(dense(hidden2, X_dim, "dense_2", config.init))  # [B, X_dim]

        return output


def discriminator(x: Any, config: Any, y: Any, training: Any) -> tuple[Any, Any]:
    """Returns `(D_prob, D_logit)`, float32 [B, 1], for images, float32 [B, X_dim] in [-1, 1]."""
    with tf.variable_scope("dis"):
        hidden1 = dense(x, config.h_dim, "dense", config.init)  # [B, h_dim]
        hidden1 = tf.nn.leaky_relu(hidden1, alpha=ALPHA)
        hidden2 = dense(hidden1, config.h_dim, "dense_1", config.init)  # [B, h_dim]
        hidden2 = tf.nn.leaky_relu(hidden2, alpha=ALPHA)
        logits = dense(hidden2, 1, "dense_2", config.init)  # [B, 1]
        output = tf.sigmoid(logits)

        return output, logits


def symmetric_scale(grey: Any) -> Any:
    """Returns grey values 0..255 as float32 in [-1, 1]: the published `x * 2 - 1` of [0, 1]."""
    return unit_scale(grey) * 2.0 - 1.0


_VARIABLES = (
    "dense/kernel",
    "dense/bias",
    "dense_1/kernel",
    "dense_1/bias",
    "dense_2/kernel",
    "dense_2/bias",
)

SYSTEM = System(
    source="T. Dasgupta, Generative Adversarial Networks using Tensorflow, 2018",
    defaults={
        "epochs": 100,
        "batch_size": 100,
        "z_dim": 100,
        "h_dim": 128,
        "learning_rate": 1e-3,
        "adam_epsilon": 1e-8,
        "label_smoothing": 0.1,
    },
    generator=generator,
    discriminator=discriminator,
    theta_G=tuple(f"gen/{variable}" for variable in _VARIABLES),
    theta_D=tuple(f"dis/{variable}" for variable in _VARIABLES),
    sample_Z=noise.uniform,
    scale=symmetric_scale,
    update=Alternating(shared_noise=True),
    draws=Draws(epoch_samples=True, pictures=Pictures.FIXED),
    separate_images=True,
)
