"""Tests of classes covered and the entropy of the class histogram, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vanilla_gan.quality.classes import class_entropy, class_shares, classes_covered, says_little


def test_shares():
    shares = class_shares(np.array([3, 3, 9, 3, 0]))
    assert shares.tolist() == [0.2, 0, 0, 0.6, 0, 0, 0, 0, 0, 0.2]


def test_more_than_2_percent_is_covered():
    # Of 100 samples, one class has 2 (not more than 2%), one has 3, and one has 95.
    shares = class_shares(np.repeat([4, 5, 6], [2, 3, 95]))
    assert classes_covered(shares) == 2
    assert classes_covered(np.full(10, 0.1)) == 10
    # Only two labels have training images: a fifth of a half is 10%.
    assert classes_covered(np.array([0, 0.95, 0, 0, 0.05]), 2) == 1


def test_entropy():
    assert class_entropy(np.full(10, 0.1)) == pytest.approx(math.log(10))
    # Half, a quarter, a quarter: 1.5 bits.
    assert class_entropy(np.array([0.5, 0.25, 0.25, 0, 0])) == pytest.approx(1.5 * math.log(2))
    alone = class_entropy(np.array([0, 1.0, 0]))
    assert (alone, math.copysign(1, alone)) == (0, 1)


@pytest.mark.parametrize(
    ("accuracy", "guessing", "little"),
    [
        (0.28, 0.1, True),
        (0.549, 0.1, True),
        (0.55, 0.1, False),
        (0.74, 0.5, True),
        (0.95, 0.5, False),
        (0.9, 0.9, True),
        (0.5, 1 / 256, True),
        (1.0, 1.0, False),
    ],
)
def test_a_classifier_hardly_better_than_guessing(accuracy, guessing, little):
    assert says_little(accuracy, guessing) == little
