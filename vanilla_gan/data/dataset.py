"""Splits and mini-batches in the published program's order, drawn from one random stream.

Source: `tensorflow.contrib.learn.python.learn.datasets.mnist` of TensorFlow 1.15, which the
published program calls as `input_data.read_data_sets(..., one_hot=True)`. Differences: the images
stay uint8 in memory and are converted batch by batch, and the random stream is an argument instead
of numpy's global one.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.shape import PUBLISHED_CLASSES, ImageShape, shape_of

VALIDATION_SIZE = 5000


def unit_scale(grey: Any) -> Any:
    """Returns grey values 0..255 scaled as in the published program: float32 in [0, 1].

    It multiplies by `1/255` in float32, which differs from dividing by 255 in the last bit of some
    values. Takes float32 arrays and tensors.
    """
    return grey * np.float32(1.0 / 255.0)


class DataSet:
    """Images with labels, handed out in mini-batches; a new order each epoch.

    The images stay uint8 and become float32 batch by batch through a table of 256 values. MNIST's
    55,000 training images then take 44 MB, even at the peak, and a batch of 128 takes 60
    microseconds on a two-core server. The published float32 copy takes 177 MB, 388 MB at the peak,
    and 68 microseconds, nearly all spent on moving every image at each shuffle
    (`benchmarks/batches.py`).

    Attributes:
      images: uint8 [N, size], one image a row.
      labels: uint8 [N] in 0..num_classes-1.
      shape: of an image.
      num_classes: how many classes the data have.
      epochs_completed: how many times every image has been handed out.
    """

    def __init__(
        self,
        images: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.uint8],
        random_stream: np.random.RandomState,
        pixels: npt.NDArray[np.float32] | None = None,
        *,
        shape: ImageShape | None = None,
        num_classes: int = PUBLISHED_CLASSES,
    ) -> None:
        """Makes a data set at the start of its first epoch; draws nothing yet.

        Args:
          images: uint8 [N, H, W], [N, H, W, C] or [N, size]; not copied.
          labels: uint8 [N] in 0..num_classes-1.
          random_stream: the source of the orders; shared with the noise, because the published
            program draws both from numpy's one global stream.
          pixels: float32 [256], what each grey value becomes; `unit_scale` of 0..255 unless given.
          shape: of an image; that of `images` unless given.
          num_classes: how many classes the data have, even if some do not occur here.
        """
        if len(images) != len(labels):
            raise ValueError(f"{len(images)} images but {len(labels)} labels")
        # Not -1: numpy cannot infer a size if there are no images, as in an empty validation split.
        self.images = images.reshape(len(images), math.prod(images.shape[1:]))
        self.labels = labels
        self.shape = shape_of(images.shape) if shape is None else shape
        self.num_classes = num_classes
        self._pixels = unit_scale(np.arange(256, dtype=np.float32)) if pixels is None else pixels
        self._random_stream = random_stream
        self._order: npt.NDArray[np.intp] = np.arange(len(images))
        self._index_in_epoch = 0
        self.epochs_completed = 0

    def anew(self, random_stream: np.random.RandomState) -> DataSet:
        """Returns the same images at the start of their first epoch, drawn from another stream."""
        return DataSet(
            self.images,
            self.labels,
            random_stream,
            self._pixels,
            shape=self.shape,
            num_classes=self.num_classes,
        )

    @property
    def trained_classes(self) -> list[int]:
        """The labels that these images have, ascending."""
        return [int(label) for label in np.unique(self.labels)]

    @property
    def num_examples(self) -> int:
        """The number of images."""
        return len(self.images)

    def next_batch(
        self, batch_size: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Returns the next images, float32 [B, size], and their labels, float64 [B, num_classes].

        The labels are one-hot. Draws a new order from the random stream when an epoch begins; see
        `next_indices`.
        """
        return self.examples(self.next_indices(batch_size))

    def examples(
        self, indices: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Returns the images and labels of the rows `indices`; see `next_batch`."""
        grey = self.images.take(indices, axis=0)
        # A uint8 is always within the table: "wrap" skips numpy's check for that.
        images = self._pixels.take(grey, mode="wrap")
        return images, np.eye(self.num_classes)[self.labels[indices]]

    def next_indices(self, batch_size: int, *, short: bool = False) -> npt.NDArray[np.intp]:
        """Returns the rows of the next batch, [B], and moves on.

        The rows are shuffled before the first batch. A batch that crosses the end of an epoch takes
        the rest of it and the first rows of the next, newly shuffled one: no image is dropped. The
        new shuffle permutes the previous order, because the published code shuffles its already
        shuffled images.

        Args:
          batch_size: how many rows.
          short: if fewer rows are left in the epoch, return only those.

        Raises:
          ValueError: if `batch_size` is not in 1..N.
        """
        if not 1 <= batch_size <= self.num_examples:
            raise ValueError(f"batch_size {batch_size} is not in 1..{self.num_examples}")
        if self._index_in_epoch == 0 and self.epochs_completed == 0:
            self._shuffle()
        start = self._index_in_epoch
        if start + batch_size <= self.num_examples:
            self._index_in_epoch = start + batch_size
            return self._order[start : start + batch_size]
        if short and start < self.num_examples:
            self._index_in_epoch = self.num_examples
            return self._order[start:]
        self.epochs_completed += 1
        rest = self._order[start:]
        self._shuffle()
        self._index_in_epoch = batch_size - len(rest)
        return np.concatenate([rest, self._order[: self._index_in_epoch]])

    def batches_left_in_epoch(self, batch_size: int) -> int:
        """Returns how many whole batches can be handed out before the next shuffle."""
        return (self.num_examples - self._index_in_epoch) // batch_size

    def state(self) -> dict[str, Any]:
        """Returns all that the next batches depend on, besides the images and the stream.

        Keys: `order`, intp [N]; `index_in_epoch` and `epochs_completed`, ints.
        """
        return {
            "order": self._order,
            "index_in_epoch": self._index_in_epoch,
            "epochs_completed": self.epochs_completed,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continues where `state()` was taken.

        Raises:
          ValueError: if the order is not a permutation of this data set's rows, or the position
            lies outside it.
        """
        order = np.asarray(state["order"], dtype=np.intp)
        index = int(state["index_in_epoch"])
        if not np.array_equal(np.sort(order), np.arange(self.num_examples)):
            raise ValueError(f"the order is not a permutation of {self.num_examples} rows")
        if not 0 <= index <= self.num_examples:
            raise ValueError(f"position {index} is not in 0..{self.num_examples}")
        self._order = order
        self._index_in_epoch = index
        self.epochs_completed = int(state["epochs_completed"])

    def _shuffle(self) -> None:
        # A new array, not a shuffle in place: batches handed out are views of the old one.
        permutation = np.arange(self.num_examples)
        self._random_stream.shuffle(permutation)
        self._order = self._order[permutation]


class Datasets(NamedTuple):
    """The three splits, named as the published program names them."""

    train: DataSet
    validation: DataSet
    test: DataSet


def split(
    train_images: npt.NDArray[np.uint8],
    train_labels: npt.NDArray[np.uint8],
    test_images: npt.NDArray[np.uint8],
    test_labels: npt.NDArray[np.uint8],
    random_stream: np.random.RandomState,
    pixels: npt.NDArray[np.float32] | None = None,
    validation_size: int = VALIDATION_SIZE,
    num_classes: int | None = None,
) -> Datasets:
    """Splits the arrays of the four files as `read_data_sets` does; copies no image.

    The first `validation_size` images of the training file are the validation split, the rest
    the training split: 55,000 / 5,000 / 10,000 for MNIST. Without `num_classes`, the largest label
    decides how many classes there are.

    Raises:
      ValueError: if nothing would be left to train on.
    """
    if not 0 <= validation_size < len(train_images):
        raise ValueError(f"validation_size {validation_size} is not in 0..{len(train_images) - 1}")
    cut = validation_size
    if num_classes is None:
        num_classes = 1 + int(max(train_labels.max(), test_labels.max()))

    def part(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> DataSet:
        return DataSet(images, labels, random_stream, pixels, num_classes=num_classes)

    return Datasets(
        train=part(train_images[cut:], train_labels[cut:]),
        validation=part(train_images[:cut], train_labels[:cut]),
        test=part(test_images, test_labels),
    )
