"""The package as its users run it: `python -m vanilla_gan` in this process.

Flags beside the peers' own, such as `--engine=feed`, go to the program. A chunk runs from one
picture to the next, so that the time of one picture, of `losses.csv` and of any checkpoint that
falls into it is counted; loading and starting are not.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import os
import pathlib
import sys
import tempfile
import time

import numpy as np
import task

from vanilla_gan.cli import main as cli
from vanilla_gan.data.idx import write_idx


class Ticks(io.TextIOBase):
    """Takes the published lines and notes when the first line of each picture came."""

    def __init__(self) -> None:
        """Starts without times."""
        self.times_s: list[float] = []

    def write(self, text: str) -> int:
        """Takes text."""
        if text.startswith("Iter: "):
            self.times_s.append(time.perf_counter())
        return len(text)


def write_idx_files(data_dir: pathlib.Path, images: np.ndarray) -> None:
    """Writes images, uint8 [N, 784], as the four files of a data set, with labels all zero."""
    folder = data_dir / "mnist"
    folder.mkdir(parents=True)
    file_images = np.concatenate([images[: task.VALIDATION_SIZE], images])
    for prefix, part in (("train", file_images), ("t10k", images[:100])):
        write_idx(folder / f"{prefix}-images-idx3-ubyte", part.reshape(-1, 28, 28))
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", np.zeros(len(part), np.uint8))


def versions() -> dict[str, str]:
    """Returns TensorFlow's version without loading it: the program sets its environment first."""
    return {"TensorFlow": importlib.metadata.version("tensorflow")}


def main() -> None:
    """Measures."""
    options, flags = task.parser(__doc__).parse_known_args()
    # Two more than are timed: the first warms up, and the last is cut into other blocks.
    chunks = options.chunks + 2
    with tempfile.TemporaryDirectory() as folder:
        data_dir, out = options.data_dir, pathlib.Path(folder, "out")
        if task.images_path(data_dir) is None:
            data_dir = os.path.join(folder, "data")
            write_idx_files(pathlib.Path(data_dir), task.read_images(options.data_dir))
            flags.append("--allow_unverified_data")
        weights = os.path.join(folder, "weights.npz")
        np.savez(weights, **task.first_weights(options.hidden))
        flags += [
            "--dataset=mnist",
            f"--data_dir={data_dir}",
            f"--out={out}",
            f"--seed={task.SEED}",
            f"--device={options.device}",
            f"--init_weights={weights}",
            f"--batch_size={options.batch}",
            f"--h_dim={options.hidden}",
            f"--iters={options.check or chunks * options.iters}",
            f"--sample_every={task.SAMPLE_EVERY if options.check else options.iters}",
            f"--log_every={1 if options.check else 100}",
        ]
        ticks = Ticks()
        with contextlib.redirect_stdout(ticks):
            status = cli.main(["train", *flags])
        if status:
            sys.exit(status)
        if options.check:
            losses = np.loadtxt(out / "losses.csv", delimiter=",", skiprows=1, usecols=(1, 2))
            task.report(versions(), losses=losses.tolist())
        else:
            ms = np.diff(ticks.times_s)[1:] / options.iters * 1e3
            task.report(versions(), ms=ms.tolist())


if __name__ == "__main__":
    main()
