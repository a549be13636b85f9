"""Modes: which of a data set's known clusters the samples reach, and how evenly.

Source: section 4.1 of Lin et al. 2018, PacGAN (https://arxiv.org/abs/1712.04086), and Srivastava et
al. 2017, VEEGAN (https://arxiv.org/abs/1705.07761). For points of the plane 2,500 samples are
drawn; a sample within three standard deviations of its nearest centre is of high quality, and
covers the mode of that centre. For stacked digits 26,000 are drawn; a classifier of single digits
reads each colour, and every three-digit number that it reads is a mode. The reverse KL divergence
is that of the samples' shares of the modes from even shares. Differences: the classifier is this
program's own; and the same figures of as many real samples are given for comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.points import MIXTURES, Mixture
from vanilla_gan.data.stacked import DIGITS_A_COLOUR

STACKED = "stacked_mnist"
POINT_SAMPLES, STACKED_SAMPLES = 2_500, 26_000

Images = npt.NDArray[np.float32]
# From grey images, float32 [n, size] in [0, 1], to the digits that they show, ints [n].
Read = Callable[[Images], npt.NDArray[np.intp]]


class Modes(NamedTuple):
    """What was found of one set of samples.

    Attributes:
      covered: how many modes the samples reach.
      total: how many there are.
      kl_nats: reverse KL divergence; 0 if the samples are spread evenly, log(total) if all are of
        one mode.
      high_quality: share of the samples near a mode; None for digits.
    """

    covered: int
    total: int
    kl_nats: float
    high_quality: float | None = None


def samples_of(dataset: str) -> int:
    """Returns how many samples are used to count a data set's modes; 0 if it has no modes."""
    if dataset == STACKED:
        return STACKED_SAMPLES
    return POINT_SAMPLES if dataset in MIXTURES else 0


def point_modes(samples: npt.NDArray[np.floating], mixture: Mixture) -> Modes:
    """Returns the modes of a mixture that points, [n, 2] in [0, 1], reach."""
    points = mixture.coordinates(samples)
    distances = np.linalg.norm(points[:, None] - mixture.centres, axis=-1)
    nearest, near = distances.argmin(axis=1), distances.min(axis=1) <= 3 * mixture.sigma
    total = len(mixture.centres)
    covered = len(np.unique(nearest[near]))
    return Modes(covered, total, _reverse_kl(nearest, total), float(near.mean()))


def stacked_modes(samples: Images, read: Read) -> Modes:
    """Returns the modes of stacked digits, float32 [n, H * W * 3] in [0, 1], one in each colour."""
    colours = samples.reshape(len(samples), -1, 3)
    digits = [read(np.ascontiguousarray(colours[..., colour])) for colour in range(3)]
    total = DIGITS_A_COLOUR**3
    numbers = np.ravel_multi_index(tuple(digits), 3 * (DIGITS_A_COLOUR,))
    return Modes(len(np.unique(numbers)), total, _reverse_kl(numbers, total))


def modes_of(dataset: str, samples: Images, read: Read | None) -> Modes:
    """Returns the modes of samples, float32 [n, size] in [0, 1], of a data set that has some."""
    if dataset in MIXTURES:
        return point_modes(samples, MIXTURES[dataset])
    assert read is not None
    return stacked_modes(samples, read)


def modes_lines(found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Yields a line for people for each entry of `found`: samples and real images."""
    for whose, modes in found.items():
        near = modes["high_quality"]
        quality = "" if near is None else f", {near:.1%} within three standard deviations"
        yield (
            f"{modes['covered']} of {modes['total']} modes, reverse KL {modes['kl_nats']:.3f} nats"
            f"{quality}: {whose}"
        )


def _reverse_kl(modes: npt.NDArray[np.integer], total: int) -> float:
    shares = np.bincount(modes, minlength=total) / len(modes)
    present = shares[shares > 0]
    return abs(float((present * np.log(present * total)).sum()))
