"""`verify` recognises a wrong program: each mutation draws differently or exceeds a limit tenfold.

Each is really built and run, by both engines unless it is specific to one. test_verify.py checks
that the right program passes.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from vanilla_gan.agreement import verify
from vanilla_gan.agreement.settings import VerifyConfig
from vanilla_gan.agreement.traces import RECORDINGS
from vanilla_gan.cli import main as cli
from vanilla_gan.graph import gan, losses, update, variables
from vanilla_gan.graph.system import Alternating
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.systems import SYSTEMS, layers

VANILLA, _, LAYERS, CONDITIONAL, *_ = RECORDINGS


def adam(**changed):
    def patch(monkeypatch):
        def wrong(system, config, player):
            settings = {"learning_rate": config.learning_rate, "epsilon": config.adam_epsilon}
            return tf.train.AdamOptimizer(**{**settings, **changed}, name=f"{player}_solver")

        monkeypatch.setattr(gan, "optimizer", wrong)

    return patch


def system(name, **changed):
    def patch(monkeypatch):
        monkeypatch.setitem(SYSTEMS, name, dataclasses.replace(SYSTEMS[name], **changed))

    return patch


def label(real):
    def patch(monkeypatch):
        right = losses.sigmoid_cross_entropy
        monkeypatch.setitem(
            losses.LOSSES,
            "sigmoid_cross_entropy",
            lambda D_real, D_fake, real_label=1.0: right(D_real, D_fake, real),
        )

    return patch


def generator_first(monkeypatch):
    right = gan.update
    monkeypatch.setattr(gan, "update", lambda *words: tuple(reversed(right(*words))))


def generator_does_not_see_the_updated_discriminator(monkeypatch):
    right = update._updated

    def wrong(system, config, tower, variables_D, D_solver, real):
        return right(system, config, tower, variables_D, tf.no_op(), real)

    monkeypatch.setattr(update, "_updated", wrong)


def other_noise_than_drawn(monkeypatch):
    right = update._updated

    def wrong(system, config, tower, *words):
        batch = tower.batch._replace(Z_G=tower.batch.Z_D)
        return right(system, config, tower._replace(batch=batch), *words)

    monkeypatch.setattr(update, "_updated", wrong)


def slope(alpha):
    return lambda monkeypatch: monkeypatch.setattr(layers, "ALPHA", alpha)


MUTATIONS = {
    "Adam's epsilon 1e-7": (VANILLA, "both", adam(epsilon=1e-7)),
    "Adam's beta2 0.99": (VANILLA, "both", adam(beta2=0.99)),
    "Adam's beta1 0.5": (VANILLA, "both", adam(beta1=0.5)),
    "learning rate": (LAYERS, "both", adam(learning_rate=1.01e-3)),
    "label 0.99": (VANILLA, "both", label(0.99)),
    "no smoothed label": (LAYERS, "both", label(1.0)),
    "generator first": (VANILLA, "feed", generator_first),
    "stale discriminator": (
        VANILLA,
        "loop",
        generator_does_not_see_the_updated_discriminator,
    ),
    "shared noise": (VANILLA, "loop", other_noise_than_drawn),
    "noise that is drawn once": (
        VANILLA,
        "both",
        system("vanilla", update=Alternating(shared_noise=True)),
    ),
    "noise that is drawn twice": (
        CONDITIONAL,
        "both",
        system("conditional", update=Alternating(shared_noise=False)),
    ),
    "leaky slope 0.3": (LAYERS, "both", slope(0.3)),
    "leaky slope 0.201": (LAYERS, "both", slope(0.201)),
    "divided by 256": (VANILLA, "both", system("vanilla", scale=lambda grey: grey / 256)),
}


def verified(recording, engine, monkeypatch, programs=()):
    monkeypatch.setattr(verify, "RECORDINGS", () if recording is None else (recording,))
    monkeypatch.setattr(verify, "PROGRAMS", programs)
    return verify.verify(VerifyConfig(engine=engine, device="cpu"))


# One for each part of an iteration; the others are slow.
FAST = (
    *("Adam's epsilon 1e-7", "label 0.99", "stale discriminator", "noise that is drawn twice"),
    "leaky slope 0.201",
)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in FAST else pytest.mark.slow) for name in MUTATIONS],
)
def test_a_mutation_is_caught(name, monkeypatch):
    recording, engine, patch = MUTATIONS[name]
    patch(monkeypatch)
    found = verified(recording, engine, monkeypatch)
    engines = {verdict.engine for verdict in found.verdicts if not verdict.passed}
    assert engines == ({"loop", "feed"} if engine == "both" else {engine})
    for engine in engines:
        factors = [
            np.divide(verdict.found, verdict.allowed).max()
            for verdict in found.verdicts
            if verdict.engine == engine
        ]
        draws = all(verdict.draws for verdict in found.verdicts)
        assert max(factors) > 10 or not draws


def test_the_exit_status_says_that_something_differs(monkeypatch, capsys):
    slope(0.3)(monkeypatch)
    monkeypatch.setattr(verify, "RECORDINGS", (LAYERS,))
    monkeypatch.setattr(verify, "PROGRAMS", ())
    assert cli.main(["verify", "--engine=feed", "--device=cpu"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith("DISAGREES: ")
    (line,) = err.splitlines()
    assert line.startswith("run.sh: this installation does not compute what was published: ")


def form_of_the_other(monkeypatch):
    monkeypatch.setitem(variables._XAVIER, "xavier", variables._xavier_normal)
    monkeypatch.setitem(variables._XAVIER, "xavier_normal", variables._xavier_uniform)


def columns_for_rows(monkeypatch):
    right = variables._xavier_normal
    monkeypatch.setitem(
        variables._XAVIER, "xavier_normal", lambda fan_in, seed: right(2 * fan_in, seed)
    )


def wider(monkeypatch):
    for init, right in variables._XAVIER.items():
        monkeypatch.setitem(
            variables._XAVIER,
            init,
            lambda fan_in, seed, right=right: (
                lambda shape, *words, **settings: (
                    1.2 * right(fan_in, seed)(shape, *words, **settings)
                )
            ),
        )


@pytest.mark.parametrize("patch", [form_of_the_other, columns_for_rows, wider])
def test_a_wrong_form_of_the_initial_weights_is_caught(patch, monkeypatch):
    patch(monkeypatch)
    programs = [program for program in verify.PROGRAMS if program[0] == "vanilla"]
    found = verified(None, "loop", monkeypatch, programs)
    assert found.judged == 2
    assert found.failed >= 1
