"""What the two programs of the convolutional GAN have in common: flags and images."""

from __future__ import annotations

import argparse
import os

import numpy as np
import task


def parser(description: str | None) -> argparse.ArgumentParser:
    """Returns the flags that both take."""
    flags = argparse.ArgumentParser(description=description)
    flags.add_argument("--batch", type=int, default=128, help="images a step")
    flags.add_argument("--steps", type=int, default=10, help="steps a chunk")
    flags.add_argument("--chunks", type=int, default=3, help="chunks to time, after one to warm up")
    flags.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    flags.add_argument("--data_dir", default=os.environ.get("VANILLA_GAN_DATA") or "data")
    return flags


def read_images(data_dir: str) -> np.ndarray:
    """Returns Fashion-MNIST's training images, uint8 [60000, 784]; random ones without it."""
    path = task.images_path(data_dir, "fashion_mnist")
    if path is None:
        return np.random.RandomState(0).randint(0, 256, (60_000, 784), np.uint8)
    return task.read_idx(path)
