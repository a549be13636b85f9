"""The built-in data set `stacked_mnist`: three digits as the red, green and blue of an image.

Source: Metz et al. 2017, Unrolled GAN (https://arxiv.org/abs/1611.02163), section 3.3.1: a thousand
modes, one for each number of three digits. Differences: there are as many images as MNIST has,
60,000 and 10,000; the label of an image is its red digit, because a label is a byte; and if MNIST
is not available, the built-in digits are stacked.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.folder import RawData, raw_data
from vanilla_gan.data.streams import DIGITS, STACKED, seeded
from vanilla_gan.errors import DataError

DIGITS_A_COLOUR = 10


def stack(digits: RawData) -> RawData:
    """Draws stacked images from a set of grey digits; the same digits give the same images.

    Returns:
      Images uint8 [N, H, W, 3] and labels uint8 [N], as many as `digits` has; those of the test
      split show only digits of the test split.

    Raises:
      DataError: the digits have colours.
    """
    if digits.train_images.ndim != 3:
        raise DataError(
            "stacked_mnist is drawn from grey images, but the images of mnist here have several "
            "channels; put MNIST's files in their place, or name another folder with --data_dir"
        )
    random_stream = seeded(DIGITS, STACKED)
    arrays: list[npt.NDArray[np.uint8]] = []
    for images, labels in (
        (digits.train_images, digits.train_labels),
        (digits.test_images, digits.test_labels),
    ):
        rows = random_stream.randint(0, len(images), (len(images), 3))
        arrays += [np.stack([images[rows[:, colour]] for colour in range(3)], axis=-1)]
        arrays += [labels[rows[:, 0]]]
    return raw_data(*arrays)
