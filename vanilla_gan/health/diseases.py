"""The diseases: for each, which rows of signs tell of it, for how long, and what to try.

The thresholds are those that tell sick runs from healthy ones in the table of docs/health.md, which
`benchmarks/health.py` makes.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.runfolder.health_csv import HealthRows

# Signs that are finite as long as a run is well. Distances are NaN in a batch of one image.
_ALWAYS = ("logit_gap", "largest_logit", "d_gradient", "g_gradient", "d_weights", "g_weights")

# Each by its own name: a rate that was given for one network takes precedence over the common one.
_SLOW = {"D_learning_rate": 0.0002, "G_learning_rate": 0.0002}
# A run with a higher value of these is not told to lower it, except to slow it down.
_AT_LEAST = ("D_noise", "G_learning_rate", "pack")

Told = npt.NDArray[np.bool_]


class Patient(NamedTuple):
    """What is known of a run apart from its signs.

    Attributes:
      loss: the name of its loss.
      classes: how many classes its data have.
      without: the settings that its system does not have.
      most: the largest values that still slow it down, by the names of settings.
      own: the values that it has trained with from its beginning, by the names of settings.
    """

    loss: str
    classes: int
    without: Collection[str] = ()
    most: Mapping[str, float] = types.MappingProxyType({})
    own: Mapping[str, Any] = types.MappingProxyType({})


class Disease(NamedTuple):
    """One disease.

    Attributes:
      name: as in `stop_on`.
      what: what is wrong, for people.
      told: from rows and patient to which rows tell of it, bool [n].
      span: for how many iterations rows have to tell of it before it is named.
      numbers: the signs that tell.
      settings: what to try in a fork of the run, by name; all of them together.
      others: what else to try, by name; each alone.
      advice: what else to try, in words.
      slower: whether the settings are meant to slow a run down, so never above `Patient.most`.
      stays: whether no setting helps once the disease is there, so that settings must be tried from
        a state before it: a generator whose pixels are all at their limits has no gradient.
      born: what to do instead of `advice` if a run has it before its first update and `born_told`
        holds for its numbers at that time: then its networks or their first weights are wrong, and
        no training helps.
      born_settings: what to try in that case in a new run, instead of `settings`.
    """

    name: str
    what: str
    told: Callable[[HealthRows, Patient], Told]
    span: int
    numbers: tuple[str, ...]
    settings: Mapping[str, Any] = types.MappingProxyType({})
    others: Mapping[str, Any] = types.MappingProxyType({})
    advice: str = ""
    slower: bool = False
    stays: bool = False
    born: str = ""
    born_settings: Mapping[str, Any] = types.MappingProxyType({})
    born_told: Callable[[Mapping[str, float]], bool] = bool

    def of(self, patient: Patient) -> Disease:
        """Returns it with only those settings that the system has and the run lacks."""

        def taken(settings: Mapping[str, Any]) -> Mapping[str, Any]:
            found = {name: settings[name] for name in settings if name not in patient.without}
            if self.slower:
                found |= {n: min(found[n], most) for n, most in patient.most.items() if n in found}

            def has(name: str) -> bool:
                own = patient.own.get(name)
                is_more = own is not None and name in _AT_LEAST and not self.slower
                return bool(own == found[name] or (is_more and own > found[name]))

            return {name: value for name, value in found.items() if not has(name)}

        return self._replace(
            settings=taken(self.settings),
            born_settings=taken(self.born_settings),
            others=taken(self.others),
        )


def overpowering(rows: HealthRows, patient: Patient) -> Told:
    """Says where D tells nearly every image from every sample, with a large gap.

    A smaller gap is enough if G's samples hardly differ yet. This is never said of a Wasserstein
    critic: its gap is a distance in pixels, which it is meant to find.
    """
    if patient.loss == "wgan":
        return np.full(len(rows.iteration), False)
    right = np.minimum(rows.of("real_right"), rows.of("fake_right"))
    alike = rows.of("diversity") < 0.1 * rows.of("diversity_real")
    return (right > 0.97) & (rows.of("logit_gap") > np.where(alike, 17, 22))


def collapse(rows: HealthRows, patient: Patient) -> Told:
    """Says where all samples are nearly one."""
    return np.asarray(rows.of("diversity") < 0.05 * rows.of("diversity_real"))


def partial_collapse(rows: HealthRows, patient: Patient) -> Told:
    """Says where each sample has a near twin; that includes total collapse: runs swing between."""
    return np.asarray(rows.of("nearest") < 0.09 * rows.of("nearest_real"))


def frozen(rows: HealthRows, patient: Patient) -> Told:
    """Says where G gets no gradient, or its weights have not moved since the row before."""
    weights = rows.of("g_weights")
    still = np.diff(weights, prepend=np.nan) == 0
    return np.asarray(still | (rows.of("g_gradient") < 1e-6))


def memorising(rows: HealthRows, patient: Patient) -> Told:
    """Says where images that D has not seen are, to D, over a fifth of the way to samples."""
    gap = rows.of("logit_gap")
    return np.asarray((gap > 1) & (rows.of("unseen_gap") > 0.2 * gap))


def oscillation(rows: HealthRows, patient: Patient) -> Told:
    """Says where D took nearly all samples for images, and now takes nearly none, or the reverse.

    Both must be within three rows: a swing shorter than the time between two rows shows by chance.
    """
    right = rows.of("fake_right")
    before = (np.append(np.full(k, np.nan), right)[: len(right)] for k in (1, 2))
    return np.asarray(np.any([np.abs(right - then) > 0.85 for then in before], axis=0))


def numbers(rows: HealthRows, patient: Patient) -> Told:
    """Says where numbers are not finite, or on the way there."""
    # In TensorFlow 1.x the sigmoid of any logit from -18 down is 0, and its logarithm infinite.
    most = 12.0 if patient.loss == "log" else 100.0
    large = rows.of("largest_logit") > most
    steep = np.maximum(rows.of("d_gradient"), rows.of("g_gradient")) > 1e3
    unknown = ~np.isfinite([rows.of(name) for name in _ALWAYS]).all(axis=0)
    return np.asarray(large | steep | unknown)


def scale(rows: HealthRows, patient: Patient) -> Told:
    """Says where images do not range roughly from 0 or -1 to 1."""
    largest = rows.of("largest_pixel")
    return (largest > 2) | (largest < 0.1)


def swapped(rows: HealthRows, patient: Patient) -> Told:
    """Says where D takes samples for more real than images."""
    return rows.of("logit_gap") < -1


def one_class(rows: HealthRows, patient: Patient) -> Told:
    """Says in every row whether the data have only one class."""
    return np.full(len(rows.iteration), patient.classes == 1)


def constant(numbers: Mapping[str, float]) -> bool:
    """Says whether all samples are one; `conv` begins with 3% of the distance between images."""
    return numbers["diversity"] < 1e-3 * numbers["diversity_real"]


# For both kinds of collapse; the last two are for one that a run is born with.
_COLLAPSE: dict[str, Any] = {
    "settings": {"loss": "relativistic", "r1": 0.3, "r2": 0.3},
    "others": {"pack": 2},
    "stays": True,
    "born": "no setting helps; make sure that the generator's output depends on its noise",
    "born_told": constant,
}

DISEASES = (
    Disease(
        "overpowering",
        "the discriminator overpowers the generator",
        overpowering,
        1000,
        ("real_right", "fake_right", "logit_gap"),
        {"loss": "relativistic", "r1": 0.3, "r2": 0.3},
        {"D_noise": 0.1, "spectral_norm": True},
    ),
    Disease(
        "collapse",
        "total collapse: all samples are nearly the same",
        collapse,
        1000,
        ("diversity", "diversity_real"),
        **_COLLAPSE,
    ),
    Disease(
        "partial_collapse",
        "partial collapse: each sample has a near twin",
        partial_collapse,
        1500,
        ("nearest", "nearest_real", "diversity", "diversity_real"),
        **_COLLAPSE,
    ),
    Disease(
        "frozen",
        "the generator does not learn",
        frozen,
        1000,
        ("g_gradient", "g_weights"),
        {"loss": "sigmoid_cross_entropy", "G_learning_rate": 0.001},
    ),
    Disease(
        "memorising",
        "the discriminator has memorised its images",
        memorising,
        1000,
        ("unseen_gap", "logit_gap"),
        {"D_noise": 0.3},
        advice="or give it more images",
    ),
    Disease(
        "oscillation",
        "the two networks swing back and forth",
        oscillation,
        1000,
        ("fake_right", "real_right"),
        {**_SLOW, "beta1": 0.5},
        slower=True,
    ),
    Disease(
        "numbers",
        "numbers are on the way to NaN",
        numbers,
        400,
        ("largest_logit", "d_gradient", "g_gradient"),
        {"loss": "relativistic", **_SLOW},
        slower=True,
        stays=True,
        born="or make the initial weights smaller",
        born_settings={"spectral_norm": True},
    ),
    Disease(
        "scale",
        "the images are scaled wrongly",
        scale,
        400,
        ("largest_pixel", "ink_real"),
        advice="scale grey values to 0 to 1, or to -1 to 1: see `scale` of the system",
    ),
    Disease(
        "swapped",
        "D takes samples for more real than images: its labels are swapped",
        swapped,
        1000,
        ("real_right", "fake_right", "logit_gap"),
        advice="D's loss has to be small where logits of images are large",
    ),
    Disease(
        "one_class",
        "the images are all of one class, or not sorted into classes",
        one_class,
        400,
        ("diversity_real",),
        advice="if they show one kind of thing, so will the samples; train on more kinds",
    ),
)
