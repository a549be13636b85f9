"""Tests of distances in blocks: against loops over all pairs, at odd sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vanilla_gan.quality.neighbours import blocks, nearest, radii, squared_distances


def cloud(n, d, seed=0):
    return np.random.RandomState(seed).normal(size=(n, d))


def by_loops(first, second):
    return np.array([[math.dist(a, b) for b in second] for a in first])


def test_squared_distances_by_loops():
    first, second = cloud(11, 7), cloud(13, 7, seed=1)
    np.testing.assert_allclose(
        squared_distances(first, second), by_loops(first, second) ** 2, rtol=1e-12
    )


def test_squared_distances_are_never_negative():
    # Far from the origin rounding is larger than the distance itself.
    points = 1e6 + cloud(17, 5) * 1e-9
    assert (squared_distances(points, points) >= 0).all()


def test_grey_values_do_not_wrap_around():
    grey = np.array([[0, 255], [255, 0]], np.uint8)
    assert squared_distances(grey, grey).tolist() == [[0, 2 * 255**2], [2 * 255**2, 0]]


@pytest.mark.parametrize("size", [1, 4, 5, 6, 11, 12])
def test_blocks_cover_all_rows_once(size):
    rows = [row for block in blocks(11, size) for row in range(11)[block]]
    assert rows == list(range(11))
    assert all(block.stop - block.start <= size for block in blocks(11, size))


@pytest.mark.parametrize("block", [1, 5, 12, 13, 99])
def test_radii_by_loops(block):
    points = cloud(13, 7)
    expected = [
        [
            sorted(math.dist(a, b) for j, b in enumerate(points) if i != j)[k - 1]
            for i, a in enumerate(points)
        ]
        for k in (1, 3, 12)
    ]
    np.testing.assert_allclose(radii(points, (1, 3, 12), block=block), expected, rtol=1e-12)


def test_a_twin_is_a_neighbour():
    points = np.array([[2.0], [5.0], [2.0]])
    assert radii(points, (1,)).tolist() == [[0, 3, 0]]


@pytest.mark.parametrize("k", [0, 3, 4])
def test_no_such_neighbour(k):
    with pytest.raises(ValueError, match=rf"neighbours \[1, {k}\] of 3 points: expected 1..n-1"):
        radii(cloud(3, 2), (1, k))


@pytest.mark.parametrize("block", [1, 4, 17, 18])
def test_nearest_by_loops(block):
    queries, points = cloud(5, 3), cloud(17, 3, seed=1)
    distances = by_loops(queries, points)
    got = nearest(queries, points, block=block)
    assert got.row.tolist() == distances.argmin(axis=1).tolist()
    np.testing.assert_allclose(got.distance, distances.min(axis=1), rtol=1e-12)


def test_a_copy_is_at_distance_0_exactly():
    points = np.random.RandomState(0).randint(0, 256, (29, 784)).astype(np.uint8)
    got = nearest(points[[20, 3]].astype(np.float64), points, block=7)
    assert got.row.tolist() == [20, 3]
    assert got.distance.tolist() == [0, 0]


def test_a_tie_goes_to_the_first():
    points = np.array([[4.0], [1.0], [3.0], [1.0]])
    assert nearest(np.array([[2.0], [0.0]]), points, block=3).row.tolist() == [1, 1]


def test_nearest_of_none():
    with pytest.raises(ValueError, match="the nearest of no points"):
        nearest(cloud(2, 3), np.empty((0, 3)))
