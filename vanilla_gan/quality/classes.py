"""Which classes samples show, by a classifier's word: how many are covered, and how evenly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.shape import PUBLISHED_CLASSES
from vanilla_gan.quality.neighbours import Floats

# Of an even share, so 2% of the samples where there are ten classes.
COVERED = 0.2


def class_shares(classes: npt.NDArray[np.integer], num_classes: int = PUBLISHED_CLASSES) -> Floats:
    """Returns the share of each class, float64 [num_classes], for classes [n], n at least 1."""
    return np.asarray(np.bincount(classes, minlength=num_classes) / len(classes))


def classes_covered(shares: Floats, even: int | None = None) -> int:
    """Returns how many classes have a share above a fifth of an even one, 2% of ten classes.

    Args:
      shares: of each class.
      even: among how many classes an even share is; among all unless given.

    Source: the count of modes by a classifier in Metz et al. 2017, Unrolled generative adversarial
    networks, section 3.3.1 (https://arxiv.org/abs/1611.02163). Difference: it takes a share and not
    a single sample, so that the classifier's own errors cover nothing.
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
    # Of one class alone it would be -0.0.
    return abs(float(-(present * np.log(present)).sum()))


def says_little(accuracy: float, guessing: float) -> bool:
    """Returns whether a classifier is so poor that what it sees in samples means little.

    That is where it leaves more than half of the errors that naming the most frequent class
    everywhere would make: below 55% of ten even classes, 75% of two. Twice the share of that class
    would ask for nothing of many classes, and for too much of two. `accuracy` is the share of the
    test images that it names right, `guessing` that of the guess.
    """
    return accuracy < (1 + guessing) / 2 and guessing < 1
