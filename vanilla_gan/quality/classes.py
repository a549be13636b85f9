"""Which classes samples show according to a classifier: how many are covered, and how evenly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.shape import PUBLISHED_CLASSES
from vanilla_gan.quality.neighbours import Floats

# As a share of an even share, so 2% of the samples if there are ten classes.
COVERED = 0.2


def class_shares(classes: npt.NDArray[np.integer], num_classes: int = PUBLISHED_CLASSES) -> Floats:
    """Returns the share of each class, float64 [num_classes], for classes [n], n at least 1."""
    return np.asarray(np.bincount(classes, minlength=num_classes) / len(classes))


def classes_covered(shares: Floats, even: int | None = None) -> int:
    """Returns how many classes have more than a fifth of an even share: 2% for ten classes.

    Args:
      shares: of each class.
      even: how many classes an even share is divided among; by default all.

    Source: the count of modes by a classifier in Metz et al. 2017, Unrolled generative adversarial
    networks, section 3.3.1 (https://arxiv.org/abs/1611.02163). Difference: a class needs a share of
    the samples, not just one, so that the classifier's own errors cover no class.
    """
    return int((shares > COVERED / (even or len(shares))).sum())


def class_entropy(shares: Floats) -> float:
    """Returns the entropy of the shares in nats: 0 for one class, log 10 = 2.303 for ten even ones.

        -sum p log p

    Source: Shannon 1948, A mathematical theory of communication, section 6. It is the `H(y)` of the
    Inception score (Salimans et al. 2016, section 4, https://arxiv.org/abs/1606.03498) with the
    classifier's decisions in place of its probabilities.
    """
    present = shares[shares > 0]
    # Without `abs` it would be -0.0 for a single class.
    return abs(float(-(present * np.log(present)).sum()))


def says_little(accuracy: float, guessing: float) -> bool:
    """Returns whether a classifier is so poor that what it sees in samples means little.

    It is if it makes more than half of the errors of always naming the most frequent class: below
    55% accuracy with ten even classes, 75% with two. Twice that class's share as the limit would
    demand almost nothing with many classes, and too much with two. `accuracy` is the share of test
    images that it names correctly, `guessing` the share if the most frequent class is always named.
    """
    return accuracy < (1 + guessing) / 2 and guessing < 1
