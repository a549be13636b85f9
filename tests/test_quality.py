"""Tests of all figures of one set of samples, with a classifier whose features are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vanilla_gan.data.dataset import Datasets, split
from vanilla_gan.data.points import MIXTURES, draw
from vanilla_gan.errors import DataError
from vanilla_gan.quality.figures import Figures, Judge, Quality, largest_n
from vanilla_gan.quality.frechet import frechet_distance, moments
from vanilla_gan.quality.parzen import log_likelihood
from vanilla_gan.quality.precision_recall import overlap, region
from vanilla_gan.quality.samples import draw_samples, to_unit
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS

N = 41


def images(n, seed):
    """Returns images with one bright row each; its number is their class."""
    stream = np.random.RandomState(seed)
    grey = stream.randint(0, 30, (n, 28, 28))
    classes = stream.randint(0, 10, n)
    grey[np.arange(n), classes] += 200
    return grey.astype(np.uint8)


def look(pictures):
    """Returns features, the means of the first ten rows, and classes, the brightest of these."""
    rows = pictures.reshape(-1, 28, 28).astype(np.float64).mean(axis=2)[:, :10]
    return rows, rows.argmax(axis=1)


def splits(train=2 * N + 7, validation=13, test=11) -> Datasets:
    labels = [(np.arange(count) % 10).astype(np.uint8) for count in (validation + train, test)]
    return split(
        images(validation + train, 0),
        labels[0],
        images(test, 1),
        labels[1],
        np.random.RandomState(0),
        validation_size=validation,
    )


def unit(grey):
    return (grey.reshape(-1, 784) / 255).astype(np.float32)


@pytest.fixture(scope="module")
def judge():
    return Judge(splits(), N, look)


def test_each_figure_is_that_of_its_module():
    # With exactly 2 N training images the real ones and the others are complements.
    data = splits(train=2 * N)
    seen = []

    def keep(pictures):
        seen.append(pictures)
        return look(pictures)

    judge = Judge(data, N, keep)
    real, others = seen
    together = np.concatenate([real, others]) * 255
    assert sorted(map(bytes, np.rint(together).astype(np.uint8))) == sorted(
        map(bytes, data.train.images)
    )

    samples = unit(images(N, 3)) * np.float32(0.9)
    got = judge.measure(samples)
    features = [look(each)[0] for each in (samples, real, others)]
    # All of the 13 validation and 11 test images, in whatever order; with so few, the order shows
    # in single precision.
    likelihood = log_likelihood(samples, unit(data.validation.images), unit(data.test.images))
    assert got.figures.parzen_nats == pytest.approx(likelihood.nats)
    assert got.figures.parzen_nats_error == pytest.approx(likelihood.error, rel=1e-4)
    assert got.parzen_sigma == likelihood.sigma
    moments_of = [moments(each) for each in features]
    assert got.figures.frechet == frechet_distance(moments_of[0], moments_of[1])
    assert got.figures.frechet_real == frechet_distance(moments_of[2], moments_of[1])
    expected = overlap(region(features[1]), region(features[0]))
    assert got.figures[4:8] == tuple(expected)
    shares = np.bincount(look(samples)[1], minlength=10) / N
    assert got.class_shares == shares.tolist()
    assert got.figures.classes_covered == (shares > 0.02).sum()
    present = shares[shares > 0]
    assert got.figures.class_entropy == pytest.approx(-(present * np.log(present)).sum())


def test_real_images_are_judged_well_and_broken_ones_badly(judge):
    real = judge.real.figures
    assert real.frechet == real.frechet_real
    assert real.classes_covered == 10
    assert real.class_entropy == pytest.approx(math.log(10), abs=0.3)
    assert real.precision > 0.8
    noise = np.random.RandomState(5).uniform(0, 1, (N, 784)).astype(np.float32)
    collapsed = np.tile(unit(images(1, 6)), (N, 1))
    for samples in (noise, collapsed):
        worse = judge.measure(samples).figures
        assert worse.parzen_nats < real.parzen_nats
        assert worse.frechet > 10 * real.frechet
        assert worse.recall < real.recall
        assert worse.coverage < real.coverage
    assert judge.measure(collapsed).figures[-2:] == (1, 0)
    assert judge.measure(noise).figures.precision == 0


@pytest.mark.parametrize("name", MIXTURES)
def test_points_of_the_true_distribution_are_judged_as_real_ones(name):
    # Real points are rounded to bytes, those of a generator are not.
    mixture, raw, n = MIXTURES[name], draw(name), 1000
    arrays = (raw.train_images, raw.train_labels, raw.test_images[:50], raw.test_labels[:50])
    data = split(*arrays, np.random.RandomState(0), validation_size=50)
    judge = Judge(data, n, lambda points: (points.astype(np.float64), np.zeros(len(points), int)))
    stream = np.random.RandomState(1)
    centres = mixture.centres[np.arange(n) % len(mixture.centres)]
    points = centres + stream.normal(0, mixture.sigma, (n, 2))
    samples = ((points / mixture.half + 1) / 2).astype(np.float32)
    found, real = judge.measure(samples).figures, judge.real.figures
    for figure in ("precision", "recall", "coverage"):
        assert getattr(found, figure) == pytest.approx(getattr(real, figure), abs=0.05)
    assert found.density == pytest.approx(real.density, rel=0.2)


def test_the_same_samples_have_the_same_figures(judge):
    samples = unit(images(N, 3))
    first = judge.measure(samples)
    assert Judge(splits(), N, look).measure(samples) == first


def test_the_real_images_are_not_the_first_of_the_file():
    # A file sorted by class: its first half would lack half of the classes.
    data = splits()
    rows = look(unit(data.train.images))[1].argsort(kind="stable")
    data.train.images = data.train.images[rows]
    assert Judge(data, N, look).real.figures.classes_covered == 10


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_finite_have_no_figures(judge, value):
    samples = unit(images(N, 3))
    samples[4, 5] = value
    frechet_real = judge.real.figures.frechet_real
    assert judge.measure(samples) == Quality(Figures(frechet_real=frechet_real))


def test_another_number_of_samples(judge):
    with pytest.raises(ValueError, match=r"samples of shape \[40, 784\]: expected \[41, 784\]"):
        judge.measure(unit(images(N - 1, 3)))
    for n in (9, N + 4):
        with pytest.raises(ValueError, match=rf"{n} samples: expected 10..44"):
            Judge(splits(), n, look)


def test_largest_n_is_half_the_training_images():
    assert largest_n(splits(train=21)) == 10
    assert largest_n(splits(train=20)) == 10
    with pytest.raises(DataError, match=r"19 training images .* at least 20; add images"):
        largest_n(splits(train=19))
    with pytest.raises(DataError, match=r"set apart for validation.*split\.json"):
        largest_n(splits(validation=0))


# --- The samples.


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_systems_images_become_0_to_1(name):
    system = SYSTEMS[name]
    grey = np.arange(256, dtype=np.float32)
    got = to_unit(system, system.pixels())
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, grey / 255, atol=2e-7)
    assert (got[0], got[255]) == (0, 1)


@pytest.mark.parametrize("name", SYSTEMS)
def test_noise_and_classes_come_from_a_separate_stream(name):
    system = SYSTEMS[name]
    n, z_dim = 513, 5
    fed = []

    def sample(Z, classes):
        fed.append((Z, classes))
        return np.broadcast_to(Z[:, :1], (len(Z), 784))

    got = draw_samples(sample, RunConfig(system=name, z_dim=z_dim), n, seed=3)
    stream = np.random.RandomState([3, 2 << 20])
    end = 3**0.5 if name == "goodfellow2014" else 1
    draw = stream.normal if name == "conv" else lambda size: stream.uniform(-end, end, size)
    Z = draw(size=[n, z_dim]).astype(np.float32)
    np.testing.assert_array_equal(np.concatenate([Z for Z, _ in fed]), Z)
    assert not np.isin(Z, np.random.RandomState(3).uniform(-1, 1, [n, z_dim])).any()
    in_unit_range = (Z[:, 0] + 1) / 2 if name in ("layers", "conv") else Z[:, 0]
    np.testing.assert_allclose(got, np.tile(in_unit_range[:, None], 784), atol=1e-6)
    if not system.conditional:
        assert all(classes is None for _, classes in fed)
        return
    classes = np.concatenate([classes for _, classes in fed])
    # 51 of each are expected, with a deviation of 7.
    counts = np.bincount(classes, minlength=10)
    assert len(counts) == 10
    assert counts.min() > 25
