"""The vanilla GAN: 100-128-784 against 784-128-1, fully connected.

Source: wiseodd/generative-models, `GAN/vanilla_gan/gan_tensorflow.py`, the code of the 2016-09-17
blog post; networks after Goodfellow et al. 2014 (https://arxiv.org/abs/1406.2661). Differences:
the networks take their sizes from the run's settings and data, and may have more hidden layers than
the listing's one; and the variables are made once, in a scope, and reused, where the listing made
them at module level.
"""

from __future__ import annotations

from typing import Any

from vanilla_gan.data.dataset import unit_scale
from vanilla_gan.declare import several
from vanilla_gan.graph.dropout import dropped
from vanilla_gan.graph.layers import layer_vars, more_layers
from vanilla_gan.graph.system import Alternating, Names, System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.systems import noise


def discriminator(x: Any, config: Any, y: Any, training: Any) -> tuple[Any, Any]:
    """Returns `(D_prob, D_logit)`, float32 [B, 1], for images, float32 [B, X_dim] in [0, 1]."""
    X_dim = config.image_shape.size
    sizes = [X_dim, *several(config.h_dim), 1]
    (D_W1, D_b1), *more, (D_W2, D_b2) = layer_vars("D", sizes, config.init)

    D_h1 = tf.nn.relu(tf.matmul(x, D_W1) + D_b1)  # [B, h_dim]
    D_h1 = dropped(D_h1, config.D_dropout, "h1", training)
    D_h1 = more_layers(D_h1, more, config.D_dropout, training)
    D_logit = tf.matmul(D_h1, D_W2) + D_b2  # [B, 1]
    D_prob = tf.nn.sigmoid(D_logit)

    return D_prob, D_logit


def generator(z: Any, config: Any, y: Any, training: Any) -> Any:
    """Returns images, float32 [B, X_dim] in [0, 1], for noise `z`, float32 [B, Z_dim]."""
    X_dim = config.image_shape.size
    sizes = [config.z_dim, *several(config.h_dim), X_dim]
    (G_W1, G_b1), *more, (G_W2, G_b2) = layer_vars("G", sizes, config.init)

    G_h1 = tf.nn.relu(tf.matmul(z, G_W1) + G_b1)  # [B, h_dim]
    G_h1 = more_layers(G_h1, more)
    G_log_prob = tf.matmul(G_h1, G_W2) + G_b2  # [B, X_dim]
    G_prob = tf.nn.sigmoid(G_log_prob)

    return G_prob


def theta_of(hidden: int) -> tuple[Names, Names]:
    """Returns theta_D's and theta_G's names, weights before biases, for `hidden` hidden layers."""
    names = [f"{kind}{layer}" for kind in "Wb" for layer in range(1, hidden + 2)]
    return tuple(f"D_{name}" for name in names), tuple(f"G_{name}" for name in names)


SYSTEM = System(
    source="https://github.com/wiseodd/generative-models, GAN/vanilla_gan/gan_tensorflow.py",
    defaults={
        "iters": 1_000_000,
        "sample_every": 1000,
        "batch_size": 128,
        "z_dim": 100,
        "h_dim": 128,
        "learning_rate": 1e-3,
        "adam_epsilon": 1e-8,
        "label_smoothing": 0.0,
        "D_dropout": 0.0,
    },
    generator=generator,
    discriminator=discriminator,
    theta_G=("G_W1", "G_W2", "G_b1", "G_b2"),
    theta_D=("D_W1", "D_W2", "D_b1", "D_b2"),
    sample_Z=noise.uniform,
    scale=unit_scale,
    update=Alternating(),
    separate_images=True,
    theta_of=theta_of,
)
