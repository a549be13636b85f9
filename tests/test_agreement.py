"""Tests of the judgement: by hand, and that no recorded seed fails against the other nine."""

from __future__ import annotations

import numpy as np
import pytest

from vanilla_gan.agreement.published import published_runs
from vanilla_gan.agreement.statistics import NAMES
from vanilla_gan.agreement.verdicts import (
    ALLOWANCE,
    LOSS_WINDOWS,
    WIDENINGS,
    Verdict,
    expected,
    judge,
    judge_recorded,
    loss_means,
    loss_ranges,
    loss_windows,
)


def test_a_verdict():
    assert Verdict("ink", 0, 2.0, 1.0, 3.0).passed
    assert Verdict("ink", 0, 1.0, 1.0, 3.0).passed
    assert Verdict("ink", 0, 3.0, 1.0, 3.0).passed
    assert not Verdict("ink", 0, 0.9, 1.0, 3.0).passed
    assert not Verdict("ink", 0, 3.1, 1.0, 3.0).passed
    assert not Verdict("ink", 0, np.nan, 1.0, 3.0).passed


def test_the_range_is_widened_by_factors():
    # From 2 to 6: a factor of 3, so a width of log 3; two widths more are a factor of 9.
    ranges = expected([[2.0], [6.0], [4.0]], widen=2.0)
    np.testing.assert_allclose([ranges.low[0], ranges.high[0]], [2 / 9, 6 * 9])
    ranges = expected([2.0, 6.0], widen=0)
    np.testing.assert_allclose([ranges.low, ranges.high], [2, 6])


def test_missing_values_get_no_verdict():
    found = judge("ink", [0, 500, 1000], [5.0, np.nan, 55.0], 5 * [[2, 2, 2], [6, 6, 6]])
    assert [(v.what, v.iteration, v.value, v.passed) for v in found] == [
        ("ink", 0, 5.0, True),
        ("ink", 1000, 55.0, False),
    ]
    # 0 has no logarithm: black pictures, frozen networks.
    (black,) = judge("ink", [0], [0.0], 5 * [[2], [6]])
    assert not black.passed


def test_means_of_losses():
    iterations = np.arange(0, 2401, 150)
    losses = np.ones(17)
    losses[[0, 1, 2, 3, 4, 6]] = 7, 2, 8, 9, 5, 100
    means = loss_means(iterations, losses, reached=2400)
    # At 300: rows 150, 300. At 500: rows 300, 450. At 1000: 150 to 900. At 2000: 1050 to 1950. Then
    # none: 3000 is not reached.
    product = 2 * 8 * 9 * 5 * 100
    np.testing.assert_allclose(means[:5], [7, 4, 72**0.5, product ** (1 / 6), 1])
    assert np.isnan(means[5:]).all()
    assert means.shape == (len(LOSS_WINDOWS),) == (13,)
    # For many seeds at once.
    many = loss_means(iterations, np.stack([losses, 2 * losses]), reached=2400)
    np.testing.assert_allclose(many[1, :5], 2 * means[:5])


def test_a_mean_waits_for_its_last_row():
    iterations = np.arange(0, 1000, 100)
    losses = np.ones(10)
    assert np.isnan(loss_means(iterations, losses, reached=999)[3])
    assert loss_means(iterations, losses, reached=1000)[3] == 1
    # Rows every 1000 iterations leave nothing for the first 500.
    few = loss_means(np.array([0, 1000]), np.array([2.0, 3.0]), reached=1099)
    np.testing.assert_allclose(few[:5], [2, np.nan, np.nan, 3, np.nan])


def test_losses_that_are_not_positive_fail():
    iterations = np.array([0, 100])
    means = loss_means(iterations, np.array([-1.0, 0.0]), reached=300)
    recorded = [[1.0, 1.0], [2.0, 3.0]]
    found = judge("G loss", list(LOSS_WINDOWS)[:2], means[:2], recorded)
    assert [v.passed for v in found] == [False, False]


def test_recorded_losses_have_limits_that_grow():
    limits = [(10, 1e-7), (100, 1e-3), (300, 1e-1)]
    iterations = np.array([0, 10, 11, 100, 200])
    recorded = np.full((5, 2), 2.0)
    losses = recorded * (1 + np.array([[0, 0], [5e-7, 0], [0, -9e-3], [0, 0], [1, 1]]))
    found = judge_recorded("difference", limits, iterations, losses, recorded)
    # The third range has not been reached; the second begins at 11.
    assert [(v.iteration, v.high) for v in found] == [(10, ALLOWANCE * 1e-7), (100, 1e-2)]
    np.testing.assert_allclose([v.value for v in found], [5e-7, 9e-3], rtol=1e-6)
    assert [v.passed for v in found] == [True, True]
    losses[1, 1] *= 1 + 2e-6
    assert [
        v.passed for v in judge_recorded("difference", limits, iterations, losses, recorded)
    ] == [False, True]
    losses[3, 0] = np.nan
    assert not judge_recorded("difference", limits, iterations, losses, recorded)[1].passed


# --- The recorded seeds as a calibration.


def verdicts_of_seed(seed):
    """Returns the verdicts on a recorded seed by the range of the other nine."""
    published = published_runs("vanilla", "mnist")
    quantities = [published.drawn_statistics[..., k] for k in range(len(NAMES))]
    for losses in (published.d_loss, published.g_loss):
        quantities.append(loss_means(published.loss_iterations, losses, 10_000))
    return [
        verdict
        for values in quantities
        for verdict in judge(
            "", range(values.shape[1]), values[seed], np.delete(values, seed, axis=0)
        )
    ]


@pytest.mark.parametrize("seed", range(10))
def test_no_recorded_seed_fails_against_the_others(seed):
    verdicts = verdicts_of_seed(seed)
    assert len(verdicts) == 4 * 11 + 2 * 13
    assert [verdict for verdict in verdicts if not verdict.passed] == []


@pytest.mark.parametrize("seeds", sorted(WIDENINGS))
def test_a_value_from_the_same_distribution_rarely_fails(seeds):
    # As the docstring of `verdicts` says, for any number of seeds: 0.005% each, 0.4% for 70.
    stream = np.random.RandomState(seeds)
    recorded, value = stream.normal(size=(seeds, 1_000_000)), stream.normal(size=1_000_000)
    ranges = expected(np.exp(recorded))
    outside = ranges.outside(np.exp(value)).mean()
    assert 2e-5 < outside < 8e-5
    assert WIDENINGS[10] == 2.0


def test_numbers_of_both_signs_have_a_range_without_logarithms():
    # From -1 to 3, and 7.8 widths of 4 on each side.
    ranges = expected([[-1.0, 5.0], [3.0, 5.0], [0.0, 5.0], [0.5, 5.0], [0.0, 5.0]])
    np.testing.assert_allclose([ranges.low[0], ranges.high[0]], [-32.2, 34.2])
    # Seeds that agree to the bit: no rounding puts their own value outside.
    assert 5 - 1e-9 < ranges.low[1] <= 5.0 <= ranges.high[1] < 5 + 1e-9
    iterations = np.arange(0, 200, 10)
    losses = np.linspace(-1, 1, 5)[:, None] + np.linspace(0, 19, 20)
    found = loss_ranges(iterations, losses, 190).judge("D loss", iterations, losses[2], 190)
    # The first half has rows 10 to 90, of 1 to 9; the second 100 to 190, of 10 to 19.
    assert [(v.iteration, v.value) for v in found] == [(0, 0), (95, 5), (190, 14.5)]
    np.testing.assert_allclose([found[1].low, found[1].high], [5 - 1 - 15.6, 5 + 1 + 15.6])


def test_where_longer_runs_are_judged():
    windows = loss_windows(250_000)
    assert [*windows][:4] == [0, 300, 500, 1000]
    assert {mark: windows[mark] for mark in (9000, 10_000, 20_000, 100_000, 200_000)} == {
        **{9000: 1000, 10_000: 1000, 20_000: 10_000, 100_000: 10_000, 200_000: 100_000}
    }
    assert [*windows][-1] == 200_000
    assert (loss_windows(0), loss_windows(1)) == ({0: 0}, {0: 0, 1: 1})
