"""Tests of precision, recall, density, coverage: a line by hand, loops over all pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vanilla_gan.quality.precision_recall import (
    DENSITY_K,
    PRECISION_K,
    Overlap,
    Region,
    overlap,
    region,
)


def cloud(n, d, seed, spread=1.0):
    return np.random.RandomState(seed).normal(size=(n, d)) * spread


def by_loops(real, samples):
    """Returns the four shares as their papers define them."""

    def radius(points, i, k):
        return sorted(math.dist(points[i], p) for j, p in enumerate(points) if j != i)[k - 1]

    def within(point, centers, k):
        return [
            math.dist(point, center) <= radius(centers, i, k) for i, center in enumerate(centers)
        ]

    balls = [sum(within(s, real, 5)) for s in samples]
    covered = [
        any(math.dist(s, r) <= radius(real, i, 5) for s in samples) for i, r in enumerate(real)
    ]
    return Overlap(
        precision=sum(any(within(s, real, 3)) for s in samples) / len(samples),
        recall=sum(any(within(r, samples, 3)) for r in real) / len(real),
        density=sum(balls) / 5 / len(samples),
        coverage=sum(covered) / len(real),
    )


def test_the_neighbours_are_those_of_the_papers():
    assert (PRECISION_K, DENSITY_K) == (3, 5)


def test_on_a_line_by_hand():
    # Real points 0, 1, 2, ..., 5. Third neighbours: 3, 2, 2, 2, 2, 3 away; fifth: 5, 4, 3, 3, 4, 5.
    real = region(np.arange(6.0)[:, None])
    assert real.precision_radii.tolist() == [3, 2, 2, 2, 2, 3]
    assert real.density_radii.tolist() == [5, 4, 3, 3, 4, 5]
    # Samples -3.5 and 8, 8.1, ..., 8.4. Their third neighbours: that of -3.5 is 11.7 away (8.2),
    # those of 8 and 8.4 are 0.3 away, and the others 0.2.
    samples = region(np.array([[-3.5], [8.0], [8.1], [8.2], [8.3], [8.4]]))
    got = overlap(real, samples)
    # 3-balls reach from -3 to 8: only the sample at 8 is in one, on the edge of the one around 5.
    assert got.precision == pytest.approx(1 / 6)
    # The ball around -3.5 reaches to 8.2 and holds all real points.
    assert got.recall == 1
    # 5-balls: around 0 [-5, 5], 1 [-3, 5], 2 [-1, 5], 3 [0, 6], 4 [0, 8], 5 [0, 10].
    # -3.5 is in 1 of them, 8 in 2, the other four in 1: 7 of 5 * 6.
    assert got.density == pytest.approx(7 / 30)
    # Those around 0, 4 and 5 have a sample in them.
    assert got.coverage == pytest.approx(3 / 6)


@pytest.mark.parametrize("block", [1, 6, 17, 18, 40])
def test_against_loops(block):
    real, samples = cloud(17, 3, 0), 1.5 + cloud(13, 3, 1)
    expected = by_loops(real, samples)
    # None of the shares is trivial.
    assert all(0 < share < 1 for share in expected)
    got = overlap(region(real), region(samples), block=block)
    assert got == pytest.approx(expected)


def test_two_real_sets():
    # Naeem et al., section 3.3: for two sets from one distribution, density is about 1 and coverage
    # 1 - (1/2)^5 = 0.97 for k = 5.
    first, second = region(cloud(2003, 3, 0)), region(cloud(2003, 3, 1))
    got = overlap(first, second)
    assert got.density == pytest.approx(1, abs=0.05)
    assert got.coverage == pytest.approx(0.97, abs=0.02)
    assert got.precision == pytest.approx(got.recall, abs=0.05)


def test_a_generator_of_one_image():
    real = cloud(101, 3, 0)
    got = overlap(region(real), region(np.tile(real[:1], (53, 1))))
    assert got.precision == 1
    assert got.recall == pytest.approx(1 / 101)
    assert got.coverage < 0.2


def test_noise_far_away():
    got = overlap(region(cloud(31, 3, 0)), region(1000 + cloud(29, 3, 1)))
    assert got == Overlap(0, 0, 0, 0)


def test_outliers_do_not_count_for_density():
    # One real outlier has a ball that holds a far sample: precise, but in one ball of five.
    real = np.concatenate([cloud(50, 2, 0, 0.1), [[10.0, 0.0]]])
    samples = region(np.tile([[5.0, 0.0]], (7, 1)))
    got = overlap(region(real), samples)
    assert (got.precision, got.density) == (1, pytest.approx(1 / 5))


def test_a_region_needs_more_points_than_neighbours():
    with pytest.raises(ValueError, match="of 5 points"):
        region(cloud(5, 2, 0))
    assert isinstance(region(cloud(6, 2, 0)), Region)
