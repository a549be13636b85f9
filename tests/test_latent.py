"""Tests of walks through the latent space, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vanilla_gan.generator.latent import walk


def points(*rows):
    return np.array(rows, np.float32)


def test_a_line_in_even_steps():
    # From (0, 4) to (4, 0) in four steps of a quarter, then to (4, 8).
    got = walk(points([0, 4], [4, 0], [4, 8]), 5, spherical=False)
    assert got.dtype == np.float32
    assert got.tolist() == [
        [[0, 4], [1, 3], [2, 2], [3, 1], [4, 0]],
        [[4, 0], [4, 2], [4, 4], [4, 6], [4, 8]],
    ]


def test_a_quarter_circle():
    # Thirds of 90 degrees: cos and sin of 0, 30, 60, 90.
    half, root = 0.5, 3**0.5 / 2
    got = walk(points([1, 0], [0, 1]), 4, spherical=True)
    np.testing.assert_allclose(
        got, [[[1, 0], [root, half], [half, root], [0, 1]]], rtol=0, atol=1e-7
    )


def test_an_arc_of_120_degrees_in_three_dimensions():
    # Two points of equal length, 120 degrees apart: the point half way is their sum.
    start, end = [1, -1, 0], [0, 1, -1]
    got = walk(points(start, end), 3, spherical=True)
    np.testing.assert_allclose(got, [[start, [1, 0, -1], end]], rtol=0, atol=1e-6)


def test_the_length_changes_evenly_along_an_arc():
    # Lengths 1, 2, 3 at 0, 45 and 90 degrees.
    got = walk(points([1, 0, 0], [0, 3, 0]), 3, spherical=True)
    root = 2**0.5
    np.testing.assert_allclose(got, [[[1, 0, 0], [root, root, 0], [0, 3, 0]]], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("start", "end", "middle"),
    [
        ([2, 0], [4, 0], [3, 0]),  # along one ray
        ([1, 2], [1, 2], [1, 2]),  # the same point
        ([1, 0], [-3, 0], [-1, 0]),  # opposite: all great circles lead there, so none is taken
    ],
)
def test_points_without_a_single_great_circle(start, end, middle):
    got = walk(points(start, end), 3, spherical=True)
    np.testing.assert_allclose(got, [[start, middle, end]], rtol=0, atol=1e-6)


@pytest.mark.parametrize("spherical", [False, True])
def test_legs_meet_at_the_given_points(spherical):
    Z = np.random.RandomState(0).normal(size=(5, 11)).astype(np.float32)
    got = walk(Z, 7, spherical=spherical)
    assert got.shape == (4, 7, 11)
    np.testing.assert_allclose(got[:, 0], Z[:-1], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(got[:, -1], Z[1:], rtol=1e-6, atol=1e-7)


def test_the_origin_is_no_point_of_a_sphere():
    got = walk(points([0, 0], [2, 0]), 3, spherical=True)
    np.testing.assert_allclose(got, [[[0, 0], [1, 0], [2, 0]]], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("n", "steps"), [(1, 3), (0, 3), (2, 1), (2, 0)])
def test_too_few(n, steps):
    with pytest.raises(ValueError, match="needs 2 points and 2 steps"):
        walk(np.zeros((n, 3), np.float32), steps, spherical=False)
