"""What the peers have in common: flags, images, first weights, the published draws, the clock.

It needs only Python 3.7 and numpy, because TensorFlow 1.15 supports no newer Python.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import os
import platform
import resource
import time
from collections.abc import Callable, Iterator

import numpy as np

X_DIM = 784
Z_DIM = 100
LEARNING_RATE = 1e-3
SAMPLE_EVERY = 1000
PICTURE_SAMPLES = 16
VALIDATION_SIZE = 5000
SEED = 0


def parser(description: str) -> argparse.ArgumentParser:
    """Returns the flags that every peer takes."""
    flags = argparse.ArgumentParser(description=description)
    flags.add_argument("--batch", type=int, default=128, help="images an update")
    flags.add_argument("--hidden", type=int, default=128, help="units of a hidden layer")
    flags.add_argument("--iters", type=int, default=500, help="iterations a chunk")
    flags.add_argument("--chunks", type=int, default=4, help="chunks to time, after one to warm up")
    flags.add_argument(
        "--check",
        type=int,
        metavar="N",
        help="time nothing; print the losses of N iterations on the published draws",
    )
    flags.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    flags.add_argument("--data_dir", default=os.environ.get("VANILLA_GAN_DATA") or "data")
    return flags


def images_path(data_dir: str, data_set: str = "mnist") -> str | None:
    """Returns the file of a data set's training images, or None if there is none."""
    for name in ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"):
        path = os.path.join(data_dir, data_set, name)
        if os.path.exists(path):
            return path
    return None


def read_images(data_dir: str) -> np.ndarray:
    """Returns MNIST's training split, uint8 [55000, 784]; random images if there is no MNIST."""
    path = images_path(data_dir)
    if path is None:
        return np.random.RandomState(SEED).randint(0, 256, (55_000, X_DIM), np.uint8)
    return read_idx(path)[VALIDATION_SIZE:]


def read_idx(path: str) -> np.ndarray:
    """Returns the images of a file, gzipped or not, uint8 [N, 784]."""
    with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
        content = file.read()
    return np.frombuffer(content, np.uint8, offset=16).reshape(-1, X_DIM)


def first_weights(hidden: int) -> dict[str, np.ndarray]:
    """Returns weights to start from, float32 by the published names, in the published form."""
    draw = np.random.RandomState(SEED)
    shapes = {
        "D_W1": (X_DIM, hidden),
        "D_W2": (hidden, 1),
        "G_W1": (Z_DIM, hidden),
        "G_W2": (hidden, X_DIM),
    }
    weights = {}
    for name, (rows, columns) in shapes.items():
        matrix = draw.normal(0.0, 1.0 / np.sqrt(rows / 2.0), (rows, columns))
        weights[name] = matrix.astype(np.float32)
        weights[name.replace("W", "b")] = np.zeros(columns, np.float32)
    return weights


class PublishedDraws:
    """Batches and noise as the published program draws them.

    One MT19937 stream draws both. The images are a float32 copy; each shuffle moves all of it,
    together with the one-hot labels, although nothing reads these.
    """

    def __init__(self, images: np.ndarray) -> None:
        """Converts the images, uint8 [N, 784]; draws nothing yet."""
        self._images = np.multiply(images.astype(np.float32), np.float32(1.0 / 255.0))
        self._labels = np.zeros((len(images), 10))
        self._stream = np.random.RandomState(SEED)
        self._next = len(images)  # the first batch begins an epoch

    def iterations(self, batch: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yields for each iteration X_mb, float32, and the noise of both steps, float64."""
        for it in itertools.count():
            if it % SAMPLE_EVERY == 0:
                self.sample_Z(PICTURE_SAMPLES)
            yield self.next_batch(batch), self.sample_Z(batch), self.sample_Z(batch)

    def sample_Z(self, m: int) -> np.ndarray:
        """Returns noise, float64 [m, 100], uniform in [-1, 1)."""
        return self._stream.uniform(-1.0, 1.0, [m, Z_DIM])

    def next_batch(self, batch: int) -> np.ndarray:
        """Returns the next images, float32 [batch, 784] in [0, 1], across the end of an epoch."""
        start, self._next = self._next, self._next + batch
        if self._next <= len(self._images):
            return self._images[start : self._next]
        rest = self._images[start:]
        self._shuffle()
        self._next = batch - len(rest)
        return np.concatenate([rest, self._images[: self._next]])

    def _shuffle(self) -> None:
        order = np.arange(len(self._images))
        self._stream.shuffle(order)
        self._images, self._labels = self._images[order], self._labels[order]


def measure(
    options: argparse.Namespace, train: Callable[[int], np.ndarray], versions: dict[str, str]
) -> None:
    """Times `train` as the options say, and prints the result.

    Args:
      options: of `parser`.
      train: trains as many iterations as it is told and returns, when all is done, the losses of
        both networks, [n, 2].
      versions: of the libraries.
    """
    if options.check:
        report(versions, losses=np.asarray(train(options.check)).tolist())
        return
    train(options.iters)
    ms = []
    for _ in range(options.chunks):
        began_s = time.perf_counter()
        train(options.iters)
        ms.append((time.perf_counter() - began_s) / options.iters * 1e3)
    report(versions, ms=ms)


def report(versions: dict[str, str], **result: list) -> None:
    """Prints a result as one line of JSON.

    Its keys: `ms`, milliseconds an iteration for each chunk; or `losses`, [D, G] for each
    iteration. Always `versions` and `peak_mb`, the most memory that the process held.
    """
    # Linux counts in KiB.
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    versions = {**versions, "numpy": np.__version__, "Python": platform.python_version()}
    print(json.dumps({**result, "versions": versions, "peak_mb": peak_mb}))
