"""Tests of the Parzen log-likelihood: numbers by hand, and sums of densities in plain Python."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from vanilla_gan.quality.parzen import SIGMAS, log_densities, log_likelihood


def cloud(n, d, seed=0):
    return np.random.RandomState(seed).uniform(0, 1, (n, d))


def density(samples, point, sigma):
    """Returns the mean of Gaussians by its formula, not in log space."""
    d = len(point)
    norm = (2 * math.pi * sigma**2) ** (-d / 2)
    return sum(
        norm
        * math.exp(-sum((x - c) ** 2 for x, c in zip(point, center, strict=True)) / 2 / sigma**2)
        for center in samples
    ) / len(samples)


def test_one_sample_by_hand():
    # One dimension, width 1: log(1 / sqrt(2 pi)) = -0.918938... at distance 0, and 2^2 / 2 less at
    # distance 2. Width 2, distance 2: -(2/2)^2 / 2 - log 2 - 0.918938...
    got = log_densities(np.array([[3.0]]), np.array([[3.0], [5.0]]), [1.0, 2.0])
    half_log_2pi = 0.9189385332046727
    expected = [
        [-half_log_2pi, -2 - half_log_2pi],
        [-math.log(2) - half_log_2pi, -0.5 - math.log(2) - half_log_2pi],
    ]
    np.testing.assert_allclose(got, expected, rtol=1e-14)


@pytest.mark.parametrize("block", [1, 4, 7, 8])
def test_against_the_formula(block):
    samples, points = cloud(11, 3), cloud(7, 3, seed=1)
    got = log_densities(samples, points, [0.2, 0.7], block=block)
    expected = [[math.log(density(samples, x, sigma)) for x in points] for sigma in (0.2, 0.7)]
    # Distances are computed in single precision.
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=2e-6)


def test_densities_that_underflow():
    # All 784 pixels are off by 1: exp(-784 / 2 / 0.01) is 0 in float64, its logarithm -39200.
    got = log_densities(np.zeros((5, 784)), np.ones((1, 784)), [0.1])
    assert got[0, 0] == pytest.approx(-39200 - 392 * math.log(2 * math.pi * 0.01))


def test_the_grid_is_that_of_the_paper():
    assert len(SIGMAS) == 10
    assert (SIGMAS[0], SIGMAS[-1]) == (0.1, 1.0)
    steps = [b / a for a, b in itertools.pairwise(SIGMAS)]
    assert steps == pytest.approx([10 ** (1 / 9)] * 9)


def test_only_the_validation_images_choose_the_width():
    samples, validation, test = cloud(11, 3), cloud(5, 3, seed=1), cloud(7, 3, seed=2)
    means = [np.mean([math.log(density(samples, x, s)) for x in validation]) for s in SIGMAS]
    best = SIGMAS[int(np.argmax(means))]
    # The test images would choose another width, so this case can tell.
    of_test = [np.mean([math.log(density(samples, x, s)) for x in test]) for s in SIGMAS]
    assert SIGMAS[int(np.argmax(of_test))] != best
    got = log_likelihood(samples, validation, test)
    values = [math.log(density(samples, x, best)) for x in test]
    assert got.sigma == best
    assert got.nats == pytest.approx(np.mean(values))
    deviation = math.sqrt(sum((v - np.mean(values)) ** 2 for v in values) / 7)
    assert got.error == pytest.approx(deviation / math.sqrt(7))


def test_one_image_has_no_error():
    assert log_likelihood(cloud(3, 2), cloud(2, 2), cloud(1, 2)).error is None


def test_single_precision_will_do_for_images():
    samples, points = cloud(50, 784).astype(np.float32), cloud(7, 784, 1).astype(np.float32)
    got = log_densities(samples, points, [0.1, 1.0])
    difference = points[:, None].astype(np.float64) - samples
    squares = (difference**2).sum(axis=-1)
    for row, sigma in enumerate((0.1, 1.0)):
        terms = np.logaddexp.reduce(-squares / (2 * sigma**2), axis=1)
        exact = terms - math.log(50) - 392 * math.log(2 * math.pi * sigma**2)
        np.testing.assert_allclose(got[row], exact, rtol=1e-6)


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_nothing_to_measure(sizes):
    with pytest.raises(ValueError, match="expected at least one of each"):
        log_likelihood(*(np.zeros((size, 2)) for size in sizes))
