"""The labels and the order of quality figures in a report, and which figures belong together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from vanilla_gan.runfolder.quality_json import Evaluation, Figure


class Row(NamedTuple):
    """One figure of an evaluation.

    Attributes:
      label: for people.
      better: which way is good; empty if that is not known.
      value: None where it could not be computed.
      error: its standard error, if it has one.
      real: the same figure of real images, if it has one.
    """

    label: str
    better: str
    value: Figure
    error: Figure
    real: Figure


# Figures that are not listed here are shown after these, under their own names.
_LABELS = {
    "parzen_nats": ("Parzen log-likelihood, nats", "higher"),
    "frechet": ("Fréchet distance", "lower"),
    "precision": ("Precision", "higher, with recall"),
    "recall": ("Recall", "higher"),
    "density": ("Density", "higher, to about 1"),
    "coverage": ("Coverage", "higher"),
    "classes_covered": ("Classes covered, of {classes}", "all {in_words}"),
    "class_entropy": ("Entropy of the classes, nats", "higher, to {entropy:.3f}"),
}
# Figures that lie in 0 to 1.
SHARES = ("precision", "recall", "coverage")
_ERROR = "_error"
_REAL = "_real"


def rows_of(evaluation: Evaluation, num_classes: int) -> list[Row]:
    """Returns the figures of an evaluation, in the order of the page."""
    figures = evaluation.figures
    return [
        Row(
            *_label(name, num_classes),
            figures.get(name),
            figures.get(name + _ERROR),
            real_of(evaluation, name),
        )
        for name in figure_names([evaluation])
    ]


def real_of(evaluation: Evaluation, name: str) -> Figure:
    """Returns a figure of real images; None if it is unknown."""
    return evaluation.figures.get(name + _REAL, evaluation.real.get(name))


def figure_names(evaluations: Sequence[Evaluation]) -> list[str]:
    """Returns the figures that any evaluation has, in the order of the page."""
    found = {name for evaluation in evaluations for name in evaluation.figures}
    partners = {name + ending for name in found for ending in (_ERROR, _REAL)}
    return [name for name in _LABELS if name in found] + sorted(found - partners - set(_LABELS))


def label_of(name: str, num_classes: int | None) -> str:
    """Returns a figure's label; `num_classes` is None if it differs between data sets."""
    label = _label(name, num_classes or 1)[0]
    return label if num_classes else label.partition(", of ")[0]


def _label(name: str, num_classes: int) -> tuple[str, str]:
    if name not in _LABELS:
        return name, ""
    in_words = "ten" if num_classes == 10 else num_classes
    entropy = math.log(num_classes)
    label, better = (
        text.format(classes=num_classes, in_words=in_words, entropy=entropy)
        for text in _LABELS[name]
    )
    return label, better
