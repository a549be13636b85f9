"""Makes `vanilla_gan/agreement/published_vanilla_mnist.json` from the recording of ten seeds.

    .venv/bin/python tests/data/make_published_spread.py REFERENCE_DIR [FILE]

REFERENCE_DIR holds `vanilla_mnist_10seeds.npz`: `seeds` [10], `d_loss` and `g_loss` [10, 10001],
`samples` uint8 [10, 11, 16, 784] at `iterations` [11]. FILE is the package's unless it is given.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import sys
from typing import Any

import numpy as np

from vanilla_gan.agreement.statistics import picture_statistics
from vanilla_gan.data.download.catalog import MNIST
from vanilla_gan.drawing.grid import GridRenderer
from vanilla_gan.drawing.tiles import read_tiles

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = ROOT / "vanilla_gan" / "agreement" / "published_vanilla_mnist.json"
LOG_EVERY = 100  # iterations between two rows of losses.csv


def content(reference_dir: pathlib.Path) -> dict[str, Any]:
    """Returns what the JSON file holds."""
    with np.load(reference_dir / "vanilla_mnist_10seeds.npz") as arrays:
        recorded = dict(arrays)
    samples = recorded["samples"] / 255
    renderer = GridRenderer()

    def drawn(samples: np.ndarray) -> np.ndarray:
        """Returns the statistics of pictures [..., 16, 784], drawn and read back: [..., 4]."""
        pictures = samples.reshape(-1, *samples.shape[-2:])
        read_back = np.stack([read_tiles(renderer.draw(tiles)) for tiles in pictures])
        return picture_statistics(read_back).reshape(*samples.shape[:-2], -1)

    loss_iterations = np.arange(0, recorded["d_loss"].shape[1], LOG_EVERY)
    return {
        "origin": "vanilla GAN of wiseodd/generative-models, TensorFlow 1.15.5 on a CPU, MNIST",
        "dataset_checksum": _mnist_checksum(),
        "init": "xavier_normal",
        "seeds": recorded["seeds"].tolist(),
        "iterations": recorded["iterations"].tolist(),
        "loss_iterations": loss_iterations.tolist(),
        "statistics": _rounded(picture_statistics(samples), 7),
        "drawn_statistics": _rounded(drawn(samples), 7),
        "uniform_initial_statistics": _rounded(drawn(_uniform_initial_samples()), 7),
        # Nine digits hold any float32.
        "d_loss": _rounded(recorded["d_loss"][:, loss_iterations], 9),
        "g_loss": _rounded(recorded["g_loss"][:, loss_iterations], 9),
    }


def _uniform_initial_samples() -> np.ndarray:
    """Returns what ten untrained generators make whose weights are of the uniform form.

    By the definition of the network, in NumPy: float64 [10, 16, 784].
    """

    def xavier(stream: np.random.RandomState, rows: int, cols: int) -> np.ndarray:
        limit = np.sqrt(6 / (rows + cols))
        return stream.uniform(-limit, limit, (rows, cols))

    samples = []
    for seed in range(10):
        stream = np.random.RandomState(seed)
        G_W1, G_W2 = xavier(stream, 100, 128), xavier(stream, 128, 784)
        G_h1 = np.maximum(stream.uniform(-1, 1, (16, 100)) @ G_W1, 0)
        samples.append(1 / (1 + np.exp(-G_h1 @ G_W2)))
    return np.stack(samples)


def _mnist_checksum() -> str:
    """Returns what `run.json` calls MNIST: the sum of the sums of its four files."""
    return hashlib.sha256("".join(file.sha256 for file in MNIST.files).encode()).hexdigest()


def _rounded(values: Any, digits: int) -> Any:
    if np.ndim(values):
        return [_rounded(value, digits) for value in values]
    return float(f"{values:.{digits}g}")


def text(content: dict[str, Any]) -> str:
    """Returns the JSON with a line for each seed."""
    lines = []
    for name, value in content.items():
        rows = value if isinstance(value, list) and isinstance(value[0], list) else None
        shown = (
            json.dumps(value)
            if rows is None
            else "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]"
        )
        lines.append(f"{json.dumps(name)}: {shown}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else TARGET
    target.write_text(text(content(pathlib.Path(sys.argv[1]))), encoding="utf-8")
