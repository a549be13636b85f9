"""InfoGAN: the generator gets a random class, which a third network has to recover.

Source: wiseodd/generative-models, `GAN/infogan/infogan_tensorflow.py`; after Chen et al. 2016
(https://arxiv.org/abs/1606.03657). The networks decide what a class means: they see no labels.
Differences: those of `vanilla`; there are as many classes as the data have, ten in the listing; the
third network has one hidden layer, however many the others have; and a picture has a row for each
class, where the listing draws one class for all.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from vanilla_gan.declare import several
from vanilla_gan.graph.layers import layer_vars, more_layers
from vanilla_gan.graph.system import Alternating, Draws
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.systems import vanilla

ABOVE = 1e-8  # added within each logarithm


def generator(z: Any, config: Any, y: Any, training: Any) -> Any:
    """Returns images, float32 [B, X_dim] in [0, 1]; its hidden layers are twice as wide as D's.

    `z` is noise, float32 [B, Z_dim]; `y` are one-hot classes, float32 [B, y_dim].
    """
    widths = [2 * width for width in several(config.h_dim)]
    sizes = [config.z_dim + config.num_classes, *widths, config.image_shape.size]
    (G_W1, G_b1), *more, (G_W2, G_b2) = layer_vars("G", sizes, config.init)

    inputs = tf.concat(axis=1, values=[z, y])  # [B, Z_dim + y_dim]
    G_h1 = tf.nn.relu(tf.matmul(inputs, G_W1) + G_b1)  # [B, 2 h_dim]
    G_h1 = more_layers(G_h1, more)

    return tf.nn.sigmoid(tf.matmul(G_h1, G_W2) + G_b2)  # [B, X_dim]


def auxiliary(x: Any, config: Any) -> Any:
    """Returns the logits of the classes, float32 [B, num_classes], for images in [0, 1]."""
    sizes = [config.image_shape.size, several(config.h_dim)[0], config.num_classes]
    (Q_W1, Q_b1), (Q_W2, Q_b2) = layer_vars("Q", sizes, config.init)
    Q_h1 = tf.nn.relu(tf.matmul(x, Q_W1) + Q_b1)  # [B, h_dim]
    return tf.matmul(Q_h1, Q_W2) + Q_b2


def objective(goal: Any, passes: Any) -> Any:
    """Returns the losses with Q_loss: how far the third network is from the samples' classes."""
    c = passes.y
    Q_c_given_x = tf.nn.softmax(passes.classify(passes.G_sample, "fake"))
    cross_ent = tf.reduce_mean(-tf.reduce_sum(tf.log(Q_c_given_x + ABOVE) * c, 1))
    ent = tf.reduce_mean(-tf.reduce_sum(tf.log(c + ABOVE) * c, 1))
    return goal._replace(Q_loss=cross_ent + ent)


SYSTEM = dataclasses.replace(
    vanilla.SYSTEM,
    source="https://github.com/wiseodd/generative-models, GAN/infogan/infogan_tensorflow.py",
    defaults={**vanilla.SYSTEM.defaults, "batch_size": 32, "z_dim": 16, "sample_class": "all"},
    published={"loss": "log_epsilon", "init": "xavier_normal"},
    generator=generator,
    auxiliary=auxiliary,
    objective=objective,
    theta_Q=("Q_W1", "Q_W2", "Q_b1", "Q_b2"),
    update=Alternating(shared_noise=True),
    draws=Draws(classes=True),
    conditional=True,
)
