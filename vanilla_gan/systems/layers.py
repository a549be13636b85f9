"""The layers-API GAN: 100-128-128-784 against 784-128-128-1, leaky ReLU, images in [-1, 1].

Source: T. Dasgupta, "Generative Adversarial Networks using Tensorflow" (2018), which uses
`tf.layers.dense` in the variable scopes `gen` and `dis`. Differences: `tf.compat.v1.layers` needs
Keras 2, so the layers are made with `tf.get_variable` under the names that the layers API gives;
the number of hidden layers may differ from the listing's two; and the sample after an epoch
is drawn with one operation, where the listing adds a generator to its graph each time.
"""

from __future__ import annotations

from typing import Any

from vanilla_gan.data.dataset import unit_scale
from vanilla_gan.graph.dropout import dropped
from vanilla_gan.graph.layers import dense
from vanilla_gan.graph.system import Alternating, Draws, Names, Pictures, System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.training_pass import TrainingPass
from vanilla_gan.systems import noise

ALPHA = 0.2


def generator(z: Any, config: Any, y: Any, training: Any) -> Any:
    """Returns images, float32 [B, X_dim] in [-1, 1], for noise `z`, float32 [B, Z_dim]."""
    X_dim = config.image_shape.size
    with tf.variable_scope("gen"):
        hidden, last = _hidden(z, config)
        output = tf.nn.tanh(dense(hidden, X_dim, last, config.init))  # [B, X_dim]

        return output


def discriminator(x: Any, config: Any, y: Any, training: Any) -> tuple[Any, Any]:
    """Returns `(D_prob, D_logit)`, float32 [B, 1], for images, float32 [B, X_dim] in [-1, 1]."""
    with tf.variable_scope("dis"):
        hidden, last = _hidden(x, config, config.D_dropout, training)
        logits = dense(hidden, 1, last, config.init)  # [B, 1]
        output = tf.sigmoid(logits)

        return output, logits


def _hidden(
    x: Any, config: Any, rate: float = 0.0, training: TrainingPass | None = None
) -> tuple[Any, str]:
    """Returns `x` after the hidden layers, and the name of the next layer.

    If `h_dim` is one number, it is the size of both layers of the listing.
    """
    h_dim = config.h_dim
    sizes = h_dim if isinstance(h_dim, tuple) else (h_dim, h_dim)
    for layer, size in enumerate(sizes):
        x = tf.nn.leaky_relu(dense(x, size, _name(layer), config.init), alpha=ALPHA)  # [B, size]
        x = dropped(x, rate, _name(layer), training)
    return x, _name(len(sizes))


def _name(layer: int) -> str:
    """Returns the name that the layers API gives dense layer `layer`, from 0, of a scope."""
    return f"dense_{layer}" if layer else "dense"


def theta_of(hidden: int) -> tuple[Names, Names]:
    """Returns the names of theta_D and theta_G for `hidden` hidden layers."""
    names = [f"{_name(n)}/{part}" for n in range(hidden + 1) for part in ("kernel", "bias")]
    return tuple(f"dis/{name}" for name in names), tuple(f"gen/{name}" for name in names)


def symmetric_scale(grey: Any) -> Any:
    """Returns grey values 0..255 as float32 in [-1, 1]: the published `x * 2 - 1`, x in [0, 1]."""
    return unit_scale(grey) * 2.0 - 1.0


_THETA_D, _THETA_G = theta_of(2)

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
        "D_dropout": 0.0,
    },
    generator=generator,
    discriminator=discriminator,
    theta_G=_THETA_G,
    theta_D=_THETA_D,
    sample_Z=noise.uniform,
    scale=symmetric_scale,
    update=Alternating(shared_noise=True),
    draws=Draws(epoch_samples=True, pictures=Pictures.FIXED),
    separate_images=True,
    theta_of=theta_of,
)
