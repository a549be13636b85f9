"""A system: the vanilla GAN with leaky ReLUs in both networks, and a smaller learning rate.

./run.sh --plugin docs/examples/leaky.py --system leaky
"""

import dataclasses

from vanilla_gan import register_system
from vanilla_gan.graph.dropout import dropped
from vanilla_gan.graph.layers import layer_vars
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.systems import SYSTEMS


def discriminator(x, config, y, training):
    """Returns probabilities and logits, [B, 1], for images [B, X_dim]."""
    sizes = [config.image_shape.size, config.h_dim, 1]
    (D_W1, D_b1), (D_W2, D_b2) = layer_vars("D", sizes, config.init)
    D_h1 = tf.nn.leaky_relu(tf.matmul(x, D_W1) + D_b1)
    D_h1 = dropped(D_h1, config.D_dropout, "h1", training)
    D_logit = tf.matmul(D_h1, D_W2) + D_b2
    return tf.nn.sigmoid(D_logit), D_logit


def generator(z, config, y, training):
    """Returns images, [B, X_dim] in [0, 1], for noise [B, Z_dim]."""
    sizes = [config.z_dim, config.h_dim, config.image_shape.size]
    (G_W1, G_b1), (G_W2, G_b2) = layer_vars("G", sizes, config.init)
    G_h1 = tf.nn.leaky_relu(tf.matmul(z, G_W1) + G_b1)
    return tf.nn.sigmoid(tf.matmul(G_h1, G_W2) + G_b2)


vanilla = SYSTEMS["vanilla"]
register_system(
    "leaky",
    dataclasses.replace(
        vanilla,
        source="docs/examples/leaky.py",
        defaults={**vanilla.defaults, "learning_rate": 5e-4},
        discriminator=discriminator,
        generator=generator,
        theta_of=None,
    ),
)
