"""One pass of both networks, over what the feed graph is fed with or the in-graph loop gathers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from vanilla_gan.graph.system import Simultaneous, System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.training_pass import TrainingPass

Weights = Mapping[str, Any]


class Batch(NamedTuple):
    """What an iteration is trained on.

    Attributes:
      X: images, float32 [B, X_dim].
      Z_D, Z_G: noise of the two solvers' steps, float32 [B, Z_dim]; one and the same tensor in a
        system that shares it.
      y: one-hot labels, float32 [B, num_classes], of a conditional system; None of any other.
      iteration: int64 scalar, where the graph draws numbers; None elsewhere.
    """

    X: Any
    Z_D: Any
    Z_G: Any
    y: Any = None
    iteration: Any = None


class Passes(NamedTuple):
    """One pass of both networks, in training mode in a simultaneous update.

    Tensors are float32: images `X` and samples `G_sample` [B, X_dim], `D_*` [B, 1]. `updates` are
    the operations that must run with the step, `fake` the pass of the discriminator on samples;
    None in an alternating update.

    `look` applies the same discriminator to other images: `(images [B, X_dim], name) -> logits`.
    `seed_for` gives the seed of a stateless draw by its name, int64 [2]; it needs the iteration.
    """

    X: Any
    G_sample: Any
    D_real: Any
    D_logit_real: Any
    D_fake: Any
    D_logit_fake: Any
    updates: list[Any]
    fake: TrainingPass | None
    look: Callable[[Any, str], Any]
    seed_for: Callable[[str], Any]


def forward(
    system: System,
    config: Any,
    batch: Batch,
    *,
    reuse: bool,
    weights: Weights | None = None,
    further: int | None = None,
    tower: int = 0,
) -> Passes:
    """Applies the generator, the discriminator to images, and the discriminator to samples.

    Args:
      system: the published program.
      config: the settings of the run.
      batch: of which the generator sees `Z_D`.
      reuse: False where the first two create the variables; the third one reuses them anyway.
      weights: of both networks, from `read`; None to read the variables at each use.
      further: which of the discriminator's further steps in an iteration these are for, so that
        each draws numbers of its own.
      tower: which piece of the batch these are for; likewise.
    """
    X, Z, y = batch.X, batch.Z_D, batch.y
    training: dict[str, TrainingPass] = {}
    two_modes = isinstance(system.update, Simultaneous)

    def training_pass(name: str, inputs: Any) -> TrainingPass:
        called = name if further is None else f"{name}_{further}"
        called = f"{called}_tower_{tower}" if tower else called
        bfloat16 = config.precision == "bfloat16"
        n_images = tf.shape(inputs)[0]
        return TrainingPass(called, config.seed, batch.iteration, n_images, bfloat16=bfloat16)

    if two_modes:
        for name, inputs_of in (("generator", Z), ("real", X), ("fake", Z)):
            training[name] = training_pass(name, inputs_of)

    def look(images: Any, name: str) -> Any:
        one = training_pass(name, images) if two_modes else None
        with network(f"discriminator_{name}", reuse=True, weights=weights):
            return system.discriminator(images, config, y, one)[1]

    with network("generator", reuse=reuse, weights=weights):
        G_sample = system.generator(Z, config, y, training.get("generator"))
    with network("discriminator", reuse=reuse, weights=weights):
        D_real, D_logit_real = system.discriminator(X, config, y, training.get("real"))
    with network("discriminator_reused", reuse=True, weights=weights):
        D_fake, D_logit_fake = system.discriminator(G_sample, config, y, training.get("fake"))

    return Passes(
        X=X,
        G_sample=G_sample,
        D_real=D_real,
        D_logit_real=D_logit_real,
        D_fake=D_fake,
        D_logit_fake=D_logit_fake,
        updates=[update for one in training.values() for update in one.updates],
        fake=training.get("fake"),
        look=look,
        seed_for=lambda name: training_pass("drawn", X).seed_for(name),
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
