"""Tests of nearest training images: copies are found, new images are not taken for copies."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vanilla_gan.quality.memorised import TEST_IMAGES, find_memorised


def grey(n, seed):
    return np.random.RandomState(seed).randint(0, 256, (n, 784)).astype(np.uint8)


def test_against_loops():
    train, test = grey(23, 0), grey(11, 1)
    samples = np.random.RandomState(2).uniform(0, 1, (5, 784)).astype(np.float32)

    def distances(image):
        return [math.dist(image, other / 255) for other in train]

    got = find_memorised(samples, train, test)
    expected = [distances(sample) for sample in samples]
    assert got.row.tolist() == [int(np.argmin(each)) for each in expected]
    np.testing.assert_allclose(got.distance, [min(each) for each in expected], rtol=1e-9)
    usual = sorted(min(distances(image / 255)) for image in test)
    assert got.typical == pytest.approx(usual[5])
    # The 1% quantile of 11 values lies a tenth of the way from the first to the second.
    assert got.limit == pytest.approx(usual[0] + 0.1 * (usual[1] - usual[0]))


def test_a_copy_is_memorised_and_another_image_is_not():
    train, test = grey(53, 0), grey(31, 1)
    near = train[7].copy()
    near[::13] ^= 1
    samples = np.stack([train[40], grey(1, 2)[0], near]) / np.float32(255)
    got = find_memorised(samples.astype(np.float32), train, test)
    assert got.row[[0, 2]].tolist() == [40, 7]
    assert got.distance[0] < 1e-5
    # 61 pixels are one grey level off: sqrt(61) / 255.
    assert got.distance[2] == pytest.approx(math.sqrt(61) / 255, abs=1e-5)
    assert got.is_memorised.tolist() == [True, False, True]


def test_about_one_real_image_in_a_hundred_counts_as_memorised():
    train, test = grey(29, 0), grey(200, 1)
    got = find_memorised(test.astype(np.float32) / 255, train, test)
    assert 1 <= got.is_memorised.sum() <= 3


def test_the_test_images_used_are_not_the_first_of_the_file():
    train = grey(3, 0)
    # A file sorted by class: after its first thousand images there are 2,100 easy ones.
    test = np.concatenate([grey(TEST_IMAGES, 1), np.repeat(train, 700, axis=0)])
    got = find_memorised(np.zeros((1, 784), np.float32), train, test)
    assert got.typical == 0
    assert find_memorised(np.zeros((1, 784), np.float32), train, test[:TEST_IMAGES]).limit > 5
