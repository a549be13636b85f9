"""One description of a training step: both networks' passes and their losses.

The feed graph applies it to placeholders, the in-graph loop to rows of the data set.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from vanilla_gan.graph.losses import LOSSES, Losses
from vanilla_gan.graph.system import System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.training_pass import TrainingPass

Weights = Mapping[str, Any]


class Forward(NamedTuple):
    """One pass of both networks, in training mode where a system has two.

    Tensors are float32: `G_sample` [B, 784], `D_*` [B, 1], losses scalars. `updates` are the
    operations that must run with the step, `fake` the pass of the discriminator on samples; None in
    a system with one mode.
    """

    G_sample: Any
    D_real: Any
    D_logit_real: Any
    D_fake: Any
    D_logit_fake: Any
    D_loss: Any
    G_loss: Any
    updates: list[Any]
    fake: TrainingPass | None


def forward(
    system: System,
    config: Any,
    X: Any,
    Z: Any,
    y: Any,
    iteration: Any,
    *,
    reuse: bool,
    weights: Weights | None = None,
) -> Forward:
    """Applies the generator, the discriminator to images, and the discriminator to samples.

    Args:
      system: the published program.
      config: the settings of the run.
      X: images, float32 [B, 784].
      Z: noise, float32 [B, Z_dim].
      y: one-hot labels, float32 [B, 10], of a conditional system; None of any other.
      iteration: int64 scalar, in a system with two modes; None in any other.
      reuse: False where the first two create the variables; the third one reuses them anyway.
      weights: of both networks, from `read`; None to read the variables at each use.
    """
    passes: dict[str, TrainingPass] = {}
    if system.two_modes:
        bfloat16 = config.precision == "bfloat16"
        for name, inputs_of in (("generator", Z), ("real", X), ("fake", Z)):
            n_images = tf.shape(inputs_of)[0]
            passes[name] = TrainingPass(name, config.seed, iteration, n_images, bfloat16=bfloat16)

    def inputs(name: str) -> dict[str, Any]:
        return network_inputs(system, y, passes.get(name))

    with network("generator", reuse=reuse, weights=weights):
        G_sample = system.generator(Z, config, **inputs("generator"))
    with network("discriminator", reuse=reuse, weights=weights):
        D_real, D_logit_real = system.discriminator(X, config, **inputs("real"))
    with network("discriminator_reused", reuse=True, weights=weights):
        D_fake, D_logit_fake = system.discriminator(G_sample, config, **inputs("fake"))

    D_loss, G_loss = losses(config, D_logit_real, D_logit_fake)
    return Forward(
        G_sample=G_sample,
        D_real=D_real,
        D_logit_real=D_logit_real,
        D_fake=D_fake,
        D_logit_fake=D_logit_fake,
        D_loss=D_loss,
        G_loss=G_loss,
        updates=[update for one in passes.values() for update in one.updates],
        fake=passes.get("fake"),
    )


def read(variables: Sequence[Any]) -> Weights:
    """Returns the values of variables at this place of the graph, by full name, for `network`.

    Networks that share a read share what is made of it, too: with `--precision bfloat16` each
    weight is rounded once for all of them. Gradients reach the variables through it.
    """
    return {variable.op.name: variable.read_value() for variable in variables}


@contextlib.contextmanager
def network(name: str, *, reuse: bool, weights: Weights | None = None) -> Iterator[None]:
    """Enters the scopes of one application of a network.

    The published variables are called `D_W1`, not `discriminator/D_W1`. So the name scope names the
    operations, while the variable scope is the surrounding one and only says whether variables are
    created or reused.

    Args:
      name: of the application.
      reuse: whether the variables exist.
      weights: what `tf.get_variable` gives instead of the variables of these names.
    """
    given = weights or {}

    def weight(getter: Any, name: str, *args: Any, **settings: Any) -> Any:
        return given[name] if name in given else getter(name, *args, **settings)

    scope = tf.variable_scope(
        tf.get_variable_scope(), reuse=reuse, auxiliary_name_scope=False, custom_getter=weight
    )
    with scope, tf.name_scope(name):
        yield


def network_inputs(system: System, y: Any, training: TrainingPass | None = None) -> dict[str, Any]:
    """Returns what a network of the system takes beside its input and the settings.

    Args:
      system: the published program.
      y: the labels, if it is conditional.
      training: the pass, if it has two modes; None for inference.
    """
    inputs = {"y": y} if system.conditional else {}
    return {**inputs, "training": training} if system.two_modes else inputs


def losses(config: Any, D_logit_real: Any, D_logit_fake: Any) -> Losses:
    """Returns the losses that the settings name, for logits float32 [B, 1]."""
    with tf.name_scope("losses"):
        return LOSSES[config.loss](D_logit_real, D_logit_fake, 1.0 - config.label_smoothing)
