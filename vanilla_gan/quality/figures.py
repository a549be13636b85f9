"""All quality figures of one set of samples, beside those of real images."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.dataset import Datasets, unit_scale
from vanilla_gan.data.shape import POINT
from vanilla_gan.data.streams import SPLIT, seeded
from vanilla_gan.errors import DataError
from vanilla_gan.quality.classes import class_entropy, class_shares, classes_covered
from vanilla_gan.quality.frechet import frechet_distance, moments
from vanilla_gan.quality.neighbours import Floats
from vanilla_gan.quality.parzen import log_likelihood
from vanilla_gan.quality.precision_recall import overlap, region
from vanilla_gan.runfolder.quality_json import Evaluation

SAMPLES = 10_000
MIN_SAMPLES = 10
VALIDATION_IMAGES = 1000
TEST_IMAGES = 10_000

Images = npt.NDArray[np.float32]
# From images, float32 [n, size] in [0, 1], to features, float64 [n, d], and classes, ints [n].
Look = Callable[[Images], tuple[Floats, npt.NDArray[np.intp]]]


class Figures(NamedTuple):
    """The figures of one set of samples; None for those that cannot be computed.

    Attributes:
      parzen_nats: mean Parzen log-likelihood of the test images; see `parzen`.
      parzen_nats_error: its standard error.
      frechet: distance of the samples' features to those of real images; see `frechet`.
      frechet_real: the same for as many other real images: what a perfect generator would have.
      precision, recall, density, coverage: see `precision_recall.Overlap`.
      classes_covered: how many classes have more than a fifth of an even share of the samples: 2%
        if ten classes have training images.
      class_entropy: of the classes' shares, in nats.
    """

    parzen_nats: float | None = None
    parzen_nats_error: float | None = None
    frechet: float | None = None
    frechet_real: float | None = None
    precision: float | None = None
    recall: float | None = None
    density: float | None = None
    coverage: float | None = None
    classes_covered: int | None = None
    class_entropy: float | None = None


class Quality(NamedTuple):
    """What was measured of one set of samples.

    Attributes:
      figures: the figures.
      parzen_sigma: width of the Parzen window; None if samples are not finite.
      class_shares: share of each class; None likewise.
    """

    figures: Figures
    parzen_sigma: float | None = None
    class_shares: list[float] | None = None


def evaluation_of(iteration: int, n: int, quality: Quality, real: Quality) -> Evaluation:
    """Returns the measurements of samples and of real images in the form that a run keeps."""
    return Evaluation(
        iteration,
        n,
        figures=quality.figures._asdict(),
        real=real.figures._asdict(),
        shares=tuple(quality.class_shares or ()),
        real_shares=tuple(real.class_shares or ()),
    )


class Judge:
    """Real images, prepared once, against which sets of samples are measured.

    `n` training images represent what is real, and `n` others a perfect generator. They are drawn
    at random, with a fixed seed, because files may be sorted by class.

    Attributes:
      n: how many samples a set has.
    """

    def __init__(self, splits: Datasets, n: int, look: Look) -> None:
        """Looks at the real images of a data set with a classifier; `n` is at most `largest_n`.

        Raises:
          ValueError: `n` is out of range.
        """
        most = largest_n(splits)
        if not MIN_SAMPLES <= n <= most:
            raise ValueError(f"{n} samples: expected {MIN_SAMPLES}..{most}")
        random_stream = seeded(SPLIT)
        self.n = n
        self._look = look
        self._size = splits.train.shape.size
        self._are_points = splits.train.shape == POINT
        self._num_classes = splits.train.num_classes
        self._trained = len(splits.train.trained_classes)
        self._validation = _drawn(splits.validation.images, VALIDATION_IMAGES, random_stream)
        self._test = _drawn(splits.test.images, TEST_IMAGES, random_stream)
        rows = random_stream.permutation(splits.train.num_examples)
        features, _ = look(_scaled(splits.train.images[rows[:n]]))
        self._others = _scaled(splits.train.images[rows[n : 2 * n]])
        self._moments = moments(features)
        self._region = region(features)
        self._frechet_real = frechet_distance(moments(look(self._others)[0]), self._moments)

    @functools.cached_property
    def real(self) -> Quality:
        """The figures of `n` real images that are not among those compared with."""
        return self.measure(self._others)

    def measure(self, samples: Images) -> Quality:
        """Returns the figures of samples, float32 [n, size] in [0, 1].

        If any value is not finite, there are no figures but `frechet_real`.

        Raises:
          ValueError: there are not `n` samples of that size.
        """
        if samples.shape != (self.n, self._size):
            raise ValueError(
                f"samples of shape {list(samples.shape)}: expected [{self.n}, {self._size}]"
            )
        if not np.isfinite(samples).all():
            return Quality(Figures(frechet_real=self._frechet_real))
        seen = samples
        if self._are_points:
            # Real points are stored as bytes, so most of them coincide with others, and the balls
            # around these have the radius 0: a sample that is not stored likewise is in none.
            seen = _scaled(np.clip(np.rint(samples * 255), 0, 255).astype(np.uint8))
        features, classes = self._look(seen)
        likelihood = log_likelihood(samples, self._validation, self._test)
        overlapping = overlap(self._region, region(features))
        shares = class_shares(classes, self._num_classes)
        figures = Figures(
            parzen_nats=likelihood.nats,
            parzen_nats_error=likelihood.error,
            frechet=frechet_distance(moments(features), self._moments),
            frechet_real=self._frechet_real,
            **overlapping._asdict(),
            classes_covered=classes_covered(shares, self._trained),
            class_entropy=class_entropy(shares),
        )
        return Quality(figures, likelihood.sigma, shares.tolist())


def largest_n(splits: Datasets) -> int:
    """Returns how many samples can be measured: as many as half of the training images.

    Raises:
      DataError: there are too few training images, or none for validation.
    """
    count = splits.train.num_examples
    if count < 2 * MIN_SAMPLES:
        raise DataError(
            f"{count} training images (without those set apart for validation) are too few to "
            f"judge samples by; expected at least {2 * MIN_SAMPLES}; add images"
        )
    if not splits.validation.num_examples:
        raise DataError(
            "no image is set apart for validation, but choosing the width of Parzen's window needs "
            "such images; set apart at least one in split.json"
        )
    return count // 2


def _drawn(
    images: npt.NDArray[np.uint8], count: int, random_stream: np.random.RandomState
) -> npt.NDArray[np.float32]:
    """Returns `count` images, or all if there are fewer, drawn without replacement, in [0, 1]."""
    return _scaled(images[random_stream.permutation(len(images))[:count]])


def _scaled(images: npt.NDArray[np.uint8]) -> Images:
    return np.asarray(unit_scale(images.astype(np.float32)), np.float32)
