"""One pass of both networks, over the feed graph's placeholders or the in-graph loop's batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vanilla_gan.graph.discriminator import Verdict, discriminate, has_two_modes
from vanilla_gan.graph.network import Weights, network
from vanilla_gan.graph.system import Simultaneous, System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.together import OverBatch
from vanilla_gan.graph.training_pass import TrainingPass


class Batch(NamedTuple):
    """What an iteration is trained on.

    Attributes:
      X: images, float32 [B, X_dim].
      Z_D, Z_G: noise of the two solvers' steps, float32 [B, Z_dim]; the same tensor in a system
        that shares the noise.
      y: one-hot labels, float32 [B, num_classes], in a conditional system; else None.
      iteration: int64 scalar, if the graph draws numbers; else None.
    """

    X: Any
    Z_D: Any
    Z_G: Any
    y: Any = None
    iteration: Any = None


class Passes(NamedTuple):
    """One pass of both networks, in training mode if they have one.

    Tensors are float32: images `X` and samples `G_sample` [B, X_dim], `D_*` [B, 1]. `updates` are
    the operations that must run with the step. `fake` is the discriminator's training pass on
    samples; None if it has one mode.

    `kept` has, by full name, the values after D's step of the variables that the discriminator
    keeps and no solver trains.

    `look` applies the discriminator to other images: `(images [B, X_dim], name, ...) -> logits`. It
    draws the numbers of the pass `name`; `real` and `fake` are the passes over the images and
    samples here. Keywords give it other names of operations, labels or weights. `judge` does the
    same, and returns the whole verdict.
    `classify` applies the program's classifier: `(images, name) -> logits`; `y` are the labels of
    the batch.
    `seed_for` returns the seed, int64 [2], of the stateless draw `name`; it needs the iteration.
    `over_batch` turns a mean over these images into that over the whole batch, of which they may be
    a piece: `(mean, name) -> mean`.
    `pack` is how many images D judges together; with it `D_*` are [B // pack, 1].
    """

    X: Any
    G_sample: Any
    D_real: Any
    D_logit_real: Any
    D_fake: Any
    D_logit_fake: Any
    kept: Mapping[str, Any]
    updates: list[Any]
    fake: TrainingPass | None
    look: Callable[..., Any]
    judge: Callable[..., Verdict]
    seed_for: Callable[[str], Any]
    y: Any
    classify: Callable[[Any, str], Any]
    over_batch: OverBatch
    pack: int = 1


def forward(
    system: System,
    config: Any,
    batch: Batch,
    *,
    reuse: bool,
    weights: Weights | None = None,
    further: int | None = None,
    tower: int = 0,
    over_batch: OverBatch | None = None,
) -> Passes:
    """Applies the generator, the discriminator to images, and the discriminator to samples.

    Args:
      system: the published program.
      config: the settings of the run.
      batch: its `Z_D` is what the generator sees.
      reuse: False if the first two create the variables; the third one reuses them anyway.
      weights: of both networks, from `read`; None to read the variables at each use.
      further: which of the discriminator's further steps in an iteration the passes are for, so
        that each draws numbers of its own; None for the other steps.
      tower: which piece of the batch they are for, so that each draws numbers of its own.
      over_batch: of `Passes`, if the batch is a piece; None if it is the whole batch.
    """
    X, Z, y = batch.X, batch.Z_D, batch.y
    training: dict[str, TrainingPass] = {}
    kept: dict[str, Any] = {}
    own_modes, D_modes = isinstance(system.update, Simultaneous), has_two_modes(system, config)

    def training_pass(name: str, inputs: Any) -> TrainingPass:
        called = name if further is None else f"{name}_{further}"
        called = f"{called}_tower_{tower}" if tower else called
        bfloat16 = config.precision == "bfloat16"
        n_images = tf.shape(inputs)[0]
        if config.pack > 1 and name != "generator":
            n_images //= config.pack
        return TrainingPass(
            called,
            config.seed,
            batch.iteration,
            n_images,
            kept=kept,
            over_batch=over_batch,
            tower=tower,
            bfloat16=bfloat16,
        )

    if own_modes:
        training["generator"] = training_pass("generator", Z)
    if D_modes:
        training |= {"real": training_pass("real", X), "fake": training_pass("fake", Z)}

    def judge(
        images: Any, name: str, *, called: str = "", y: Any = y, weights: Weights | None = weights
    ) -> Verdict:
        one = training.get(name, training_pass(name, images)) if D_modes else None
        called = called or f"discriminator_{name}"
        return discriminate(system, config, called, images, y, one, reuse=True, weights=weights)

    def judged(name: str, images: Any, which: str, reuse: bool) -> Verdict:
        one = training.get(which)
        return discriminate(system, config, name, images, y, one, reuse=reuse, weights=weights)

    with network("generator", reuse=reuse, weights=weights):
        G_sample = system.generator(Z, config, y, training.get("generator"))
    of_real = judged("discriminator", X, "real", reuse)
    of_fake = judged("discriminator_reused", G_sample, "fake", True)

    if system.auxiliary is not None and not reuse:
        with network("auxiliary", reuse=False, weights=weights):
            system.auxiliary(G_sample, config)  # creates its variables

    return Passes(
        X=X,
        G_sample=G_sample,
        D_real=of_real.D_prob,
        D_logit_real=of_real.D_logit,
        D_fake=of_fake.D_prob,
        D_logit_fake=of_fake.D_logit,
        kept=of_real.kept,
        updates=[update for one in training.values() for update in one.updates],
        fake=training.get("fake"),
        look=lambda *of, **others: judge(*of, **others).D_logit,
        judge=judge,
        seed_for=lambda name: training_pass("drawn", X).seed_for(name),
        y=y,
        classify=classifier(system, config, weights),
        over_batch=over_batch or (lambda mean, name: mean),
        pack=config.pack,
    )


def classifier(system: System, config: Any, weights: Weights | None) -> Callable[[Any, str], Any]:
    """Returns `classify` of `Passes`, with `weights` if given, and else with the variables."""

    def classify(images: Any, name: str) -> Any:
        assert system.auxiliary is not None
        with network(f"auxiliary_{name}", reuse=True, weights=weights):
            return system.auxiliary(images, config)

    return classify
