"""Measures what a batch costs: images kept as uint8 against the published float32 copy.

    python benchmarks/batches.py [--repeats 15]

Both hand out the same batches of 128 from 55,000 images of 784 pixels, in the published order. Each
repeat hands out epochs of both, including the shuffle with which an epoch begins; the two take
turns, so that whatever else the machine does affects both. It prints the medians over the repeats,
and the memory that numpy holds, at rest and at its peak (measured by `tracemalloc` in separate
epochs, because tracing takes time).
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.dataset import DataSet

IMAGES, PIXELS, BATCH = 55_000, 784, 128
BATCHES = IMAGES // BATCH  # whole ones in an epoch


class Batches(Protocol):
    """A way to hand out batches."""

    def next_batch(self, batch_size: int) -> tuple[npt.NDArray[np.float32], object]:
        """Returns the images, float32 [batch_size, 784], and labels of the next batch."""


class FloatCopy:
    """The published way: float32 from the start, every image moved at each shuffle.

    Hands out views, and only whole batches of an epoch, which is all that is measured here.
    """

    def __init__(
        self,
        images: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.uint8],
        random_stream: np.random.RandomState,
    ) -> None:
        """Converts all images; draws nothing yet."""
        self._images = np.multiply(images.astype(np.float32), np.float32(1.0 / 255.0))
        self._labels = np.eye(10)[labels]
        self._random_stream = random_stream
        self._start = len(images)

    def next_batch(self, batch_size: int) -> tuple[npt.NDArray[np.float32], object]:
        """Returns views of the next images and labels; begins a new epoch when one has ended."""
        if self._start + batch_size > len(self._images):
            order = np.arange(len(self._images))
            self._random_stream.shuffle(order)
            self._images, self._labels = self._images[order], self._labels[order]
            self._start = 0
        rows = slice(self._start, self._start + batch_size)
        self._start += batch_size
        return self._images[rows], self._labels[rows]


def epoch_us(batches: Batches) -> float:
    """Hands out one epoch; returns microseconds a batch."""
    began_s = time.perf_counter()
    for _ in range(BATCHES):
        batches.next_batch(BATCH)
    return (time.perf_counter() - began_s) / BATCHES * 1e6


def batch_us(batches: Batches) -> float:
    """Hands out one epoch; returns the median microseconds of a batch, without the shuffle."""
    times_s = []
    for _ in range(BATCHES):
        began_s = time.perf_counter()
        batches.next_batch(BATCH)
        times_s.append(time.perf_counter() - began_s)
    return statistics.median(times_s) * 1e6


def memory_mb(make: Callable[[], Batches]) -> tuple[float, float]:
    """Returns the megabytes that numpy holds between two epochs, and the most that it held.

    What `make` converts from counts as held only if it is kept, as by `DataSet`.
    """
    gc.collect()
    tracemalloc.start()
    batches = make()
    for _ in range(2 * BATCHES):
        batches.next_batch(BATCH)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / 1e6, peak / 1e6


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=15, help="how often each way is timed")
    repeats = parser.parse_args().repeats

    def arrays() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], np.random.RandomState]:
        draw = np.random.RandomState(0)
        images = draw.randint(0, 256, (IMAGES, PIXELS), dtype=np.uint8)
        return images, draw.randint(0, 10, IMAGES).astype(np.uint8), np.random.RandomState(1)

    ways: dict[str, Callable[[], Batches]] = {
        "uint8, converted per batch": lambda: DataSet(*arrays()),
        "float32 copy, as published": lambda: FloatCopy(*arrays()),
    }
    made = {name: make() for name, make in ways.items()}
    ours, published = (batches.next_batch(BATCH)[0] for batches in made.values())
    if not np.array_equal(ours, published):
        raise SystemExit("the two ways hand out different batches")
    epochs: dict[str, list[float]] = {name: [] for name in ways}
    single: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, batches in made.items():
            epochs[name].append(epoch_us(batches))
            single[name].append(batch_us(batches))
    made.clear()

    print(f"numpy {np.__version__}, {repeats} repeats, batches of {BATCH}, medians")
    print(f"{'':28}{'us/batch':>10}{'without shuffle':>17}{'MB held':>9}{'MB peak':>9}")
    for name, make in ways.items():
        held, peak = memory_mb(make)
        epoch, batch = statistics.median(epochs[name]), statistics.median(single[name])
        print(f"{name:28}{epoch:10.1f}{batch:17.1f}{held:9.0f}{peak:9.0f}")


if __name__ == "__main__":
    main()
