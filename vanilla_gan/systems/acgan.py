"""The auxiliary classifier GAN: the discriminator also says the class of an image.

Source: wiseodd/generative-models, `GAN/auxiliary_classifier_gan/ac_gan_tensorflow.py`; after Odena
et al. 2016 (https://arxiv.org/abs/1610.09585). The listing sets three steps of D, but takes one.
Differences: those of `vanilla`; and a picture is drawn before the update of its iteration (in the
listing after it), and has a row for each class (in the listing sixteen images of one drawn class).
"""

from __future__ import annotations

import dataclasses
from typing import Any

from vanilla_gan.declare import several
from vanilla_gan.graph.layers import layer_vars, more_layers
from vanilla_gan.graph.system import Names
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.variables import bias_var, weight_var
from vanilla_gan.systems import conditional, vanilla


def hidden(x: Any, config: Any) -> Any:
    """Returns what both heads see, float32 [B, h_dim]."""
    sizes = [config.image_shape.size, *several(config.h_dim)]
    (D_W1, D_b1), *more = layer_vars("D", sizes, config.init)
    return more_layers(tf.nn.relu(tf.matmul(x, D_W1) + D_b1), more)


def head(h: Any, units: int, name: str, config: Any) -> Any:
    """Returns the logits of a head, float32 [B, units]."""
    layer = len(several(config.h_dim)) + 1
    W = weight_var([h.shape.as_list()[-1], units], f"D_W{layer}_{name}", config.init)
    return tf.matmul(h, W) + bias_var([units], f"D_b{layer}_{name}")


def discriminator(x: Any, config: Any, y: Any, training: Any) -> tuple[Any, Any]:
    """Returns `(D_prob, D_logit)`, float32 [B, 1], for images, float32 [B, X_dim] in [0, 1]."""
    logit = head(hidden(x, config), 1, "gan", config)
    return tf.nn.sigmoid(logit), logit


def auxiliary(x: Any, config: Any) -> Any:
    """Returns the logits of the classes, float32 [B, num_classes], for images in [0, 1]."""
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        h = hidden(x, config)
    return head(h, config.num_classes, "aux", config)


def objective(goal: Any, passes: Any) -> Any:
    """Returns the losses, with the class losses of images and of samples added to both."""

    def loss(x: Any, name: str) -> Any:
        logits = passes.classify(x, name)
        return tf.reduce_mean(
            tf.nn.softmax_cross_entropy_with_logits_v2(labels=passes.y, logits=logits)
        )

    C_loss = loss(passes.X, "real") + loss(passes.G_sample, "fake")
    return goal._replace(
        D_loss=goal.D_loss + C_loss,
        G_loss=goal.G_loss + C_loss,
        D_watched={**goal.D_watched, "C_loss": C_loss},
    )


def theta_of(layers: int) -> tuple[Names, Names]:
    """Returns theta_D's and theta_G's names, weights before biases, for `layers` hidden layers."""
    names = [*map(str, range(1, layers + 1)), f"{layers + 1}_gan", f"{layers + 1}_aux"]
    return tuple(f"D_{kind}{name}" for kind in "Wb" for name in names), vanilla.theta_of(layers)[1]


SYSTEM = dataclasses.replace(
    conditional.SYSTEM,
    source="https://github.com/wiseodd/generative-models, "
    "GAN/auxiliary_classifier_gan/ac_gan_tensorflow.py",
    defaults={
        **{name: value for name, value in vanilla.SYSTEM.defaults.items() if name != "D_dropout"},
        "batch_size": 32,
        "z_dim": 10,
        "sample_class": "all",
    },
    # They would change what one head sees, and both heads have to see the same.
    without=("D_noise", "spectral_norm", "pack"),
    published={"loss": "log_epsilon", "init": "xavier_normal"},
    discriminator=discriminator,
    auxiliary=auxiliary,
    objective=objective,
    theta_D=theta_of(1)[0],
    theta_of=theta_of,
)
