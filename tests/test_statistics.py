"""Statistics of pictures by hand, and of our pictures: five seeds against ten recorded ones.

The slow test trains the vanilla GAN on MNIST five times, 10,001 iterations each, and compares its
11 pictures a seed with those of the published program's ten recorded seeds. The recorded program
draws its weights from normal distributions, so ours does too (`--init xavier_normal`). Our default
is uniform, with smoother noise at first; see `test_the_two_initial_distributions_differ`.

At each iteration, each statistic has a range over the recorded seeds. Widened by half its width on
each side, it spans about three standard deviations of a seed to either side. Two things must hold:

1. The mean over our seeds lies within the widened range, for each of 11 x 4. The mean's deviation
   is less than half of a single seed's: a fair port is inside for all of them, and a port whose
   pictures are off by some three deviations of a seed is not.
2. At most 10% of the single values, 5 x 11 x 4, lie outside, and at most 15% of each statistic's
   5 x 11. A value drawn from the same distribution lies outside with a probability of 1.5% to 2%
   (the range of ten is itself a draw), so some values must be allowed to. The share varies, because
   neighbouring iterations of a seed and the four statistics of a picture are correlated. Five seeds
   against ten, drawn 500 times from normal distributions with the recorded means and covariances,
   had more outside in 1 of 50 cases, with the strongest correlations that ten seeds allow. A port
   with the right mean but the wrong spread over seeds fails here.

The fast tests below show that this can fail: blurred, inverted, collapsed, noisier or late versions
of the recorded pictures do not pass.
"""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from offline import train

from vanilla_gan.agreement.statistics import (
    NAMES,
    Spread,
    diversity,
    ink,
    picture_statistics,
    roughness,
    share_on,
    spread,
)

SEEDS = range(5)
ITERATIONS = range(0, 10_001, 1000)


# --- The statistics by hand.


def one_pixel(row, col, value=1.0):
    image = np.zeros((28, 28))
    image[row, col] = value
    return image.ravel()


def test_ink_and_share_on():
    # 784 pixels: 392 of them 0.25, one 0.75, the rest 0.
    first, second = np.zeros(784), np.zeros(784)
    first[:392] = 0.25
    second[5] = 0.75
    samples = np.stack([first, second])
    assert ink(samples) == pytest.approx((98 + 0.75) / 1568)
    assert share_on(samples) == pytest.approx(1 / 1568)
    assert share_on(samples, threshold=0.2) == pytest.approx(393 / 1568)
    assert share_on(samples, threshold=0.75) == 0


def test_diversity():
    # Three corners: distances 1 (0 and 1), 1 (0 and 2), sqrt 2 (1 and 2).
    samples = np.stack([np.zeros(784), one_pixel(3, 4), one_pixel(4, 3)])
    assert diversity(samples) == pytest.approx((2 + np.sqrt(2)) / 3)
    assert diversity(np.tile(one_pixel(9, 9), (16, 1))) == 0
    with pytest.raises(ValueError, match="diversity of 1 samples: expected at least 2"):
        diversity(np.zeros((1, 784)))


def test_diversity_of_many_classes_fits_in_memory():
    # A row of ten for each of 26 classes, as `acgan` draws it; its 33,670 pairs take 211 MB.
    samples = np.random.RandomState(0).uniform(size=(260, 784))
    tracemalloc.start()
    found = diversity(samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * samples.nbytes
    # Two uniform numbers differ by 1/6 in the mean square.
    assert found == pytest.approx(math.sqrt(784 / 6), rel=0.01)


def test_roughness():
    # An inner pixel makes two steps across and two down, of 28 * 27 in each direction.
    assert roughness(one_pixel(13, 5)[None]) == pytest.approx(2 / 756)
    # One in a corner makes one step in each direction; half the height gives half of it.
    assert roughness(one_pixel(0, 27, 0.5)[None]) == pytest.approx(0.5 / 756)
    # Stripes are rough only across: not down, and not from the end of a row to the next row.
    stripes = np.tile([0.0, 1.0], (28, 14)).reshape(1, 784)
    assert roughness(stripes) == pytest.approx(0.5)
    ramp = np.tile(np.arange(28) / 27, (28, 1)).reshape(1, 784)
    assert roughness(ramp) == pytest.approx(0.5 / 27)


def test_many_pictures_at_once():
    samples = np.random.RandomState(0).uniform(size=(3, 5, 7, 784))
    got = picture_statistics(samples)
    assert got.shape == (3, 5, 4)
    assert len(NAMES) == 4
    expected = [ink(samples[2, 4]), share_on(samples[2, 4])]
    expected += [diversity(samples[2, 4]), roughness(samples[2, 4])]
    np.testing.assert_allclose(got[2, 4], expected)


def test_spread():
    lines = spread([[1.0, 5.0], [3.0, 5.0], [2.0, 5.0]])
    assert lines.low.tolist() == [0.0, 5.0]
    assert lines.high.tolist() == [4.0, 5.0]
    assert spread([1.0, 3.0], widen=0.0) == Spread(np.array(1.0), np.array(3.0))
    values = [[0.0, 5.0], [-0.1, 5.1], [4.0, np.nan], [4.1, 4.9]]
    assert lines.outside(values).tolist() == [
        [False, False],
        [True, True],
        [False, True],
        [True, True],
    ]
    with pytest.raises(ValueError, match="spread of 1 seeds: expected at least 2"):
        spread([[1.0]])


# --- The comparison, and that it can fail.


def deviations(ours: np.ndarray, recorded: np.ndarray) -> list[str]:
    """Returns what is wrong with our statistics, [seeds, iterations, 4]; nothing if they pass."""
    lines = spread(recorded)
    found = []
    means = ours.mean(axis=0)
    for iteration, number in np.argwhere(lines.outside(means)):
        low, high = lines.low[iteration, number], lines.high[iteration, number]
        found.append(
            f"mean {NAMES[number]} at {ITERATIONS[iteration]} is {means[iteration, number]:.4f}, "
            f"expected {low:.4f} to {high:.4f}"
        )
    single = lines.outside(ours)
    if single.mean() > 0.10:
        found.append(f"{single.mean():.1%} of all values are outside")
    for name, share in zip(NAMES, single.mean(axis=(0, 1)), strict=True):
        if share > 0.15:
            found.append(f"{share:.1%} of the values of {name} are outside")
    return found


@pytest.fixture(scope="module")
def recorded_samples(reference_dir):
    """Returns the recorded pictures, float64 [10, 11, 16, 784] in [0, 1]."""
    with np.load(reference_dir / "vanilla_mnist_10seeds.npz") as arrays:
        assert arrays["iterations"].tolist() == list(ITERATIONS)
        return arrays["samples"] / 255


@pytest.fixture(scope="module")
def recorded_statistics(recorded_samples):
    return picture_statistics(recorded_samples)


def test_each_recorded_seed_lies_within_the_spread_of_the_others(recorded_statistics):
    outside = [
        spread(np.delete(recorded_statistics, seed, axis=0)).outside(recorded_statistics[seed])
        for seed in range(10)
    ]
    # The second rule assumes this; and the widened range is not so wide that everything passes.
    assert 0.001 < np.mean(outside) < 0.05


def blurred(samples):
    images = samples.reshape(*samples.shape[:-1], 28, 28)
    smooth = (images + np.roll(images, 1, axis=-1) + np.roll(images, 1, axis=-2)) / 3
    return smooth.reshape(samples.shape)


def collapsed(samples):
    changed = samples.copy()
    changed[..., 8:, :] = changed[..., :8, :]
    return changed


BROKEN = {
    "blurred": blurred,
    "inverted": lambda samples: 1 - samples,
    "half the modes": collapsed,
    "one mode": lambda samples: np.broadcast_to(samples[..., :1, :], samples.shape),
    "fainter": lambda samples: samples * 0.7,
    "pixels mixed up": lambda samples: samples[..., np.random.RandomState(0).permutation(784)],
    "noisier": lambda samples: np.clip(
        samples + np.random.RandomState(0).normal(0, 0.05, samples.shape), 0, 1
    ),
    "a thousand iterations late": lambda samples: samples[:, [0, 0, *range(1, 10)]],
    "the first picture for ever": lambda samples: np.broadcast_to(samples[:, :1], samples.shape),
    "black": np.zeros_like,
    "not finite": lambda samples: samples * np.nan,
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_pictures_fail(recorded_samples, recorded_statistics, name):
    assert deviations(picture_statistics(BROKEN[name](recorded_samples)), recorded_statistics)


def test_the_two_initial_distributions_differ(recorded_statistics):
    lines = spread(recorded_statistics[:, 0])
    stream = np.random.RandomState(0)

    def first_picture(deviation_1, deviation_2):
        z = stream.uniform(-1, 1, (16, 100))
        h = np.maximum(z @ stream.normal(0, deviation_1, (100, 128)), 0)
        return 1 / (1 + np.exp(-h @ stream.normal(0, deviation_2, (128, 784))))

    normal = picture_statistics(first_picture((2 / 100) ** 0.5, (2 / 128) ** 0.5))
    uniform = picture_statistics(first_picture((2 / 228) ** 0.5, (2 / 912) ** 0.5))
    assert not lines.outside(normal).any()
    assert lines.outside(uniform)[NAMES.index("roughness")]


# --- Our pictures.


def table(ours, recorded):
    """Returns a table: for each statistic and iteration our mean, and the widened range."""
    low, high = spread(recorded)
    lines = ["| iteration | " + " | ".join(NAMES) + " |"]
    for row, it in enumerate(ITERATIONS):
        cells = [
            f"{mean:.4g} ({a:.4g} to {b:.4g})"
            for mean, a, b in zip(ours[:, row].mean(axis=0), low[row], high[row], strict=True)
        ]
        lines.append(f"| {it} | " + " | ".join(cells) + " |")
    outside = spread(recorded).outside(ours)
    lines.append(f"single values outside: {outside.sum()} of {outside.size}")
    return "\n".join(lines)


@pytest.mark.slow
def test_our_pictures_lie_within_the_spread(real_data_dir, recorded_statistics, pictures, tmp_path):
    ours = []
    for seed in SEEDS:
        train(
            tmp_path / str(seed),
            real_data_dir,
            allow_unverified_data=False,
            seed=seed,
            init="xavier_normal",
            iters=ITERATIONS[-1] + 1,
        )
        assert sorted(pictures) == list(ITERATIONS)
        # Rounded to steps of 1/255, as in the recording.
        samples = np.stack([pictures[it] for it in ITERATIONS])
        ours.append(picture_statistics(np.round(samples * 255) / 255))
        pictures.clear()
    print(table(np.stack(ours), recorded_statistics))
    assert deviations(np.stack(ours), recorded_statistics) == []
