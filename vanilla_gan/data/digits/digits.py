"""The built-in data set `digits`: matplotlib's fonts in MNIST's format and look, and its cache."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.digits.glyphs import load_glyphs
from vanilla_gan.data.digits.handwriting import IMAGE_PX, draw_digits
from vanilla_gan.data.download.catalog import FILE_NAMES
from vanilla_gan.data.idx import write_idx
from vanilla_gan.data.shape import PUBLISHED_CLASSES
from vanilla_gan.data.streams import DIGITS, seeded
from vanilla_gan.storage.files import file_entry, writing

SUMS = (
    "376a0f0e3e8445977cf3a52eb35b7d6c539a560e3bde91c907ee2f4cb9aa227d",
    "be1ae21d9603a8f8dafea8a1bfff2d39c385eea2e81329318c9f400a1301245d",
    "ce8d15c96979cb0cc1590c507abb60586438e6df065ac28381fbf36ba0a01305",
    "db849422d5a1765a1f0c05a5e4f900992f32923cf3f355441efe21e34a2cfc1e",
)
"""SHA-256 of the data set's four files, in the order of `FILE_NAMES`."""
COUNT_TRAIN, COUNT_TEST = 60_000, 10_000

Progress = Callable[[int, int], None]
Arrays = tuple[
    npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]
]

_MAX_FILE = 1 << 26  # bytes; the largest has 47,040,016
_BLOCK = 256  # images drawn at once, so that the data of a block stay in the processor's cache


def render(
    count_train: int = COUNT_TRAIN,
    count_test: int = COUNT_TEST,
    seed: int = DIGITS,
    progress: Progress | None = None,
) -> Arrays:
    """Draws the data set; the same arguments give the same arrays.

    Args:
      count_train: training images; each class gets a tenth, rounded up or down.
      count_test: test images, likewise.
      seed: of all random draws.
      progress: called as `progress(images_done, images_in_all)` after each block.

    Returns:
      (train_images, train_labels, test_images, test_labels): images uint8 [N, 28, 28], ink 255 on
      0; labels uint8 [N] in 0..9, shuffled.

    Raises:
      DataError: a font that matplotlib ships is missing.
      ValueError: a count is negative.
    """
    if min(count_train, count_test) < 0:
        raise ValueError(f"counts {count_train} and {count_test}: expected 0 or more")
    random_stream = seeded(seed)
    glyphs = load_glyphs()
    labels = []
    for count in (count_train, count_test):
        of_split = (np.arange(count) % PUBLISHED_CLASSES).astype(np.uint8)
        random_stream.shuffle(of_split)
        labels.append(of_split)
    all_labels = np.concatenate(labels)
    images = np.empty((len(all_labels), IMAGE_PX, IMAGE_PX), np.uint8)
    for start in range(0, len(images), _BLOCK):
        block = slice(start, min(start + _BLOCK, len(images)))
        images[block] = draw_digits(glyphs, all_labels[block], random_stream)
        if progress is not None:
            progress(block.stop, len(images))
    return images[:count_train], labels[0], images[count_train:], labels[1]


def ensure(folder: str | os.PathLike[str], progress: Progress | None = None) -> bool:
    """Makes sure that `folder` holds the four files of the data set; draws them if it does not.

    The folder may come from anybody, so the files are drawn again if one of them differs from its
    sum in `SUMS`. If other versions of numpy or matplotlib draw other images, those are used, and
    drawn again at each start. Processes that start together draw the same bytes and rename whole
    files, so each leaves a whole data set.

    Args:
      folder: where the files belong; made, with its parents, if it is missing.
      progress: as in `render`.

    Returns:
      True if the files had to be drawn (seconds), False if they were there (a fraction of one).

    Raises:
      DataError: a font that matplotlib ships is missing.
      OutputError: the folder or a file in it could not be written.
    """
    home = pathlib.Path(folder)
    if _is_whole(home):
        return False
    with writing(home):
        home.mkdir(parents=True, exist_ok=True)
    for name, array in zip(FILE_NAMES, render(progress=progress), strict=True):
        write_idx(home / name, array)
    return True


def _is_whole(home: pathlib.Path) -> bool:
    try:
        return all(
            file_entry(home / name, _MAX_FILE)["sha256"] == sha256
            for name, sha256 in zip(FILE_NAMES, SUMS, strict=True)
        )
    except OSError:
        return False  # missing or unreadable: drawing again repairs it
