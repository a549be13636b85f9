"""Tests of the Frechet distance: numbers worked out by hand, and a root found another way."""

from __future__ import annotations

import numpy as np
import pytest

from vanilla_gan.quality.frechet import Moments, frechet_distance, moments


def normal(mean, covariance):
    return Moments(np.array(mean, np.float64), np.array(covariance, np.float64))


def cloud(n, d, seed):
    stream = np.random.RandomState(seed)
    return stream.normal(size=(n, d)) @ stream.normal(size=(d, d))


def test_diagonal_covariances_by_hand():
    # Means 1 apart in the second coordinate; deviations: (1 - 3)^2 + (2 - 2)^2 + (0 - 1)^2.
    first = normal([0, 1, 0], np.diag([1, 4, 0]))
    second = normal([0, 2, 0], np.diag([9, 4, 1]))
    assert frechet_distance(first, second) == pytest.approx(1 + 4 + 0 + 1)


def test_covariances_that_do_not_commute_by_hand():
    # C1 = diag(4, 1), C2 = [[2, 1], [1, 2]]: C1 C2 = [[8, 4], [1, 2]] has trace 10 and determinant
    # 12, so the trace of its root is sqrt(10 + 2 sqrt 12) (for eigenvalues a, b: (sqrt a + sqrt
    # b)^2 = a + b + 2 sqrt(ab)). The distance is 5 + 4 minus twice that.
    first, second = normal([0, 0], [[4, 0], [0, 1]]), normal([0, 0], [[2, 1], [1, 2]])
    expected = 9 - 2 * np.sqrt(10 + 2 * np.sqrt(12))
    assert frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance(second, first) == pytest.approx(expected)


@pytest.mark.parametrize("d", [1, 3, 7, 13])
def test_against_the_eigenvalues_of_the_product(d):
    # C1 C2 is not symmetric, but its eigenvalues are real and not negative.
    first, second = moments(cloud(29, d, 0)), moments(cloud(31, d, 1))
    product = np.linalg.eigvals(first.covariance @ second.covariance)
    expected = (
        ((first.mean - second.mean) ** 2).sum()
        + np.trace(first.covariance + second.covariance)
        - 2 * np.sqrt(product.real).sum()
    )
    assert frechet_distance(first, second) == pytest.approx(expected)


def test_distance_to_itself_is_0():
    same = moments(cloud(29, 7, 0))
    scale = np.trace(same.covariance)
    assert 0 <= frechet_distance(same, same) < 1e-9 * scale


def test_fewer_samples_than_features():
    # 4 points in 7 dimensions: both covariances are singular. Shifting by 2 in each adds 7 * 4.
    points = cloud(4, 7, 0)
    got = frechet_distance(moments(points), moments(points + 2))
    assert got == pytest.approx(28, rel=1e-6)


def test_features_that_never_fire():
    points = cloud(29, 5, 0)
    with_dead = np.concatenate([points, np.zeros((29, 3))], axis=1)
    shifted = with_dead + np.array([1, 0, 0, 0, 0, 0, 0, 0])
    assert frechet_distance(moments(with_dead), moments(shifted)) == pytest.approx(1, rel=1e-6)


def test_moments_by_hand():
    # Means 2 and 20. Deviations (-1, -10), (0, 20), (1, -10): sums of products over n - 1 = 2.
    got = moments(np.array([[1.0, 10], [2, 40], [3, 10]]))
    assert got.mean.tolist() == [2, 20]
    np.testing.assert_allclose(got.covariance, [[1, 0], [0, 300]], atol=1e-12)


def test_moments_of_one_feature():
    assert moments(np.array([[1.0], [4.0]])).covariance.tolist() == [[4.5]]


def test_moments_of_one_sample():
    with pytest.raises(ValueError, match="the covariance of 1 features: expected at least 2"):
        moments(np.zeros((1, 3)))
