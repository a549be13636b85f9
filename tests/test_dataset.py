"""Tests of splits and mini-batches, compared with a plain version of the published code."""

from __future__ import annotations

import numpy as np
import pytest

from vanilla_gan.data.dataset import DataSet, split

N = 1003


class ShuffledImages:
    """`next_batch` of TensorFlow 1.15, step by step: it shuffles the images, by a global stream.

    Written from the description of its behaviour, with no thought for speed or memory.
    """

    def __init__(self, images, labels):
        self.images = np.multiply(images.reshape(len(images), -1).astype(np.float32), 1.0 / 255.0)
        self.labels = np.zeros((len(labels), 10))
        self.labels[np.arange(len(labels)), labels] = 1.0
        self.start = 0
        self.epochs_completed = 0

    def shuffle(self):
        order = np.arange(len(self.images))
        np.random.shuffle(order)
        self.images, self.labels = self.images[order], self.labels[order]

    def next_batch(self, size):
        if self.start == 0 and self.epochs_completed == 0:
            self.shuffle()
        if self.start + size > len(self.images):
            self.epochs_completed += 1
            rest = self.images[self.start :], self.labels[self.start :]
            self.shuffle()
            self.start = size - len(rest[0])
            return tuple(
                np.concatenate([old, new[: self.start]])
                for old, new in zip(rest, (self.images, self.labels), strict=True)
            )
        first, self.start = self.start, self.start + size
        return self.images[first : self.start], self.labels[first : self.start]


@pytest.fixture
def global_stream():
    """Leaves numpy's global random state as it was."""
    before = np.random.get_state()
    yield
    np.random.set_state(before)


def arrays(n=N):
    stream = np.random.RandomState(11)
    images = stream.randint(0, 256, (n, 28, 28)).astype(np.uint8)
    return images, stream.randint(0, 10, n).astype(np.uint8)


def draws_of(stream):
    return stream.uniform(-1, 1, 5).tolist()


@pytest.mark.parametrize("size", [7, 128, 500, 1002, N])
@pytest.mark.usefixtures("global_stream")
def test_batches_are_those_of_the_published_code(size):
    images, labels = arrays()
    expected = ShuffledImages(images, labels)
    np.random.seed(42)
    stream = np.random.RandomState(42)
    got = DataSet(images, labels, stream)
    # Three epochs and a bit; odd sizes, so that epochs end within batches.
    for _ in range(3 * N // size + 2):
        wanted_x, wanted_y = expected.next_batch(size)
        x, y = got.next_batch(size)
        assert x.dtype == np.float32
        assert x.tobytes() == wanted_x.tobytes()
        assert y.dtype == np.float64
        np.testing.assert_array_equal(y, wanted_y)
        assert got.epochs_completed == expected.epochs_completed
        # Between batches, noise is drawn from the same stream.
        assert draws_of(stream) == draws_of(np.random)
    assert got.epochs_completed >= 3


@pytest.mark.usefixtures("global_stream")
def test_batches_of_changing_size():
    images, labels = arrays()
    expected = ShuffledImages(images, labels)
    np.random.seed(3)
    got = DataSet(images, labels, np.random.RandomState(3))
    for size in [1, 1000, 1, 1, 1, 1003, 999, 17, 64, 1003, 1003, 2]:
        np.testing.assert_array_equal(got.next_batch(size)[0], expected.next_batch(size)[0])


def test_grey_values_are_multiplied_not_divided():
    grey = np.arange(256, dtype=np.uint8)
    data = DataSet(grey[:, None], np.zeros(256, np.uint8), np.random.RandomState(0))
    pixels, _ = data.examples(np.arange(256))
    expected = np.multiply(grey.astype(np.float32), 1.0 / 255.0)
    assert pixels.ravel().tobytes() == expected.tobytes()
    # The two forms differ, so the assertion above can tell them apart.
    assert (pixels.ravel() != grey.astype(np.float32) / np.float32(255)).any()
    assert pixels.min() == 0
    assert pixels.max() == 1


def test_the_pixel_table_can_be_replaced():
    images, labels = arrays(5)
    table = np.linspace(-1, 1, 256, dtype=np.float32)
    data = DataSet(images, labels, np.random.RandomState(0), table)
    got, _ = data.examples(np.array([4, 0]))
    np.testing.assert_array_equal(got, table[images.reshape(5, 784)[[4, 0]]])


def test_nothing_is_copied_and_nothing_drawn_at_first():
    images, labels = arrays()
    stream = np.random.RandomState(5)
    data = DataSet(images, labels, stream)
    assert data.images.base is images
    assert data.num_examples == N
    assert draws_of(stream) == draws_of(np.random.RandomState(5))


def test_batches_handed_out_do_not_change_later():
    images, labels = arrays(10)
    data = DataSet(images, labels, np.random.RandomState(0))
    first = data.next_indices(4)
    kept = first.copy()
    for _ in range(10):
        data.next_indices(4)
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("batches", [0, 1, 7, 8, 143, 144])
def test_a_restored_state_continues_exactly(batches):
    images, labels = arrays()
    stream = np.random.RandomState(9)
    data = DataSet(images, labels, stream)
    for _ in range(batches):
        data.next_batch(7)
    # Copied, as a checkpoint does.
    saved = {name: np.array(value) for name, value in data.state().items()}
    saved_stream = stream.get_state()
    wanted = [data.next_batch(7)[0] for _ in range(150)]

    other_stream = np.random.RandomState(1)
    other = DataSet(images, labels, other_stream)
    other.next_batch(3)
    other_stream.set_state(saved_stream)
    other.restore(saved)
    got = [other.next_batch(7)[0] for _ in range(150)]
    np.testing.assert_array_equal(got, wanted)
    assert other.epochs_completed == data.epochs_completed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"order": np.arange(9)}, "not a permutation of 10 rows"),
        ({"order": np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 8])}, "not a permutation of 10 rows"),
        ({"order": np.arange(1, 11)}, "not a permutation of 10 rows"),
        ({"index_in_epoch": -1}, "position -1 is not in 0..10"),
        ({"index_in_epoch": 11}, "position 11 is not in 0..10"),
    ],
)
def test_a_state_of_other_data_is_refused_and_changes_nothing(change, said):
    data = DataSet(*arrays(10), np.random.RandomState(0))
    data.next_batch(3)
    before = data.state()
    with pytest.raises(ValueError, match=said):
        data.restore({**before, **change})
    after = data.state()
    assert after["index_in_epoch"] == before["index_in_epoch"] == 3
    np.testing.assert_array_equal(after["order"], before["order"])


@pytest.mark.parametrize("size", [0, -1, N + 1])
def test_a_batch_size_out_of_range(size):
    data = DataSet(*arrays(), np.random.RandomState(0))
    with pytest.raises(ValueError, match=rf"batch_size {size} is not in 1\.\.{N}"):
        data.next_batch(size)


def test_images_without_labels():
    images, labels = arrays(10)
    with pytest.raises(ValueError, match="10 images but 9 labels"):
        DataSet(images, labels[:9], np.random.RandomState(0))


@pytest.mark.parametrize(("size", "taken"), [(7, 0), (7, 1), (7, 143), (7, 144), (1003, 1)])
def test_batches_left_in_the_epoch(size, taken):
    data = DataSet(*arrays(), np.random.RandomState(0))
    for _ in range(taken):
        data.next_indices(size)
    left = data.batches_left_in_epoch(size)
    epochs = data.epochs_completed
    for _ in range(left):
        data.next_indices(size)
    assert data.epochs_completed == epochs
    data.next_indices(size)
    assert data.epochs_completed == epochs + 1


def test_split_takes_the_first_images_for_validation():
    images, labels = arrays(60)
    test_images, test_labels = arrays(12)
    stream = np.random.RandomState(0)
    splits = split(images, labels, test_images, test_labels, stream, validation_size=13)
    np.testing.assert_array_equal(splits.validation.images, images[:13].reshape(13, 784))
    np.testing.assert_array_equal(splits.train.images, images[13:].reshape(47, 784))
    np.testing.assert_array_equal(splits.test.images, test_images.reshape(12, 784))
    np.testing.assert_array_equal(splits.train.labels, labels[13:])
    np.testing.assert_array_equal(splits.validation.labels, labels[:13])
    np.testing.assert_array_equal(splits.test.labels, test_labels)
    assert np.shares_memory(splits.train.images, images)


def test_the_published_split_sets_5000_aside():
    images, labels = np.zeros((5003, 28, 28), np.uint8), np.zeros(5003, np.uint8)
    splits = split(images, labels, images[:2], labels[:2], np.random.RandomState(0))
    assert [part.num_examples for part in splits] == [3, 5000, 2]


@pytest.mark.parametrize("size", [-1, 60, 61])
def test_a_validation_split_that_leaves_nothing(size):
    images, labels = arrays(60)
    with pytest.raises(ValueError, match=rf"validation_size {size} is not in 0\.\.59"):
        split(images, labels, images, labels, np.random.RandomState(0), validation_size=size)
