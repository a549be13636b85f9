"""Measures what a checkpoint and a picture cost, alone and as a share of a run's time.

    python benchmarks/checkpoints.py [--repeats 30] [--system vanilla] [--dir .]

A checkpoint is what the training loop does for one: the check that all variables are finite, the
rows of `losses.csv`, TensorFlow's own files, the random stream and the data order, the sums, all of
it flushed to the disk of `--dir`. A picture is sixteen samples, drawn, encoded and flushed. Printed
are medians, because a disk has its moods, with the share of a run's time that they take at the
default settings: checkpoints by the clock, a picture every 1,000 iterations.
"""

from __future__ import annotations

import argparse
import itertools
import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
from machine import describe

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.drawing.grid import GridRenderer
from vanilla_gan.engines.model import open_model
from vanilla_gan.engines.session import choose_device
from vanilla_gan.engines.stream import StepsDraw
from vanilla_gan.engines.worker import Worker
from vanilla_gan.runfolder.checkpoint import Checkpoints, run_state
from vanilla_gan.runfolder.losses_csv import LossesCsv, begin_losses
from vanilla_gan.runfolder.pictures import picture_path
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.training.saver import MAX_CHECKPOINT_S, MIN_CHECKPOINT_S

IMAGES = 55_000
BLOCK = 200


def main() -> None:
    """Measures, and prints a table."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--system", choices=list(SYSTEMS), default="vanilla")
    parser.add_argument("--dir", default=".", help="on the disk that is measured")
    given = parser.parse_args()
    print("\n".join(describe()))
    with tempfile.TemporaryDirectory(dir=given.dir) as name:
        measure(pathlib.Path(name), given.system, given.repeats)


def measure(out_dir: pathlib.Path, system_name: str, repeats: int) -> None:
    """Measures one system, with images of noise, in an empty folder."""
    config = RunConfig(system=system_name, seed=0).resolved().counted(IMAGES)
    system = SYSTEMS[system_name]
    random_stream = np.random.RandomState(0)
    images = random_stream.randint(0, 256, (IMAGES, 28, 28)).astype(np.uint8)
    train = DataSet(images, np.arange(IMAGES, dtype=np.uint8) % 10, random_stream, system.pixels())
    checkpoints = Checkpoints(out_dir, "measured", config.keep_checkpoints)
    losses = LossesCsv(
        out_dir / "losses.csv", config.log_every, begin_losses(out_dir / "losses.csv")
    )
    grid = GridRenderer()
    numbers = itertools.count()
    Z = system.sample_Z(random_stream, 16, config.resolved_int("z_dim")).astype(np.float32)
    classes = np.zeros(16, np.intp) if system.conditional else None
    with open_model(config, choose_device("auto"), train.images.shape) as model:
        model.initialise()
        worker = Worker(config, model, train, random_stream)
        stream = worker.stream

        def checkpoint() -> None:
            if model.broken_variables():
                sys.exit("the run diverged: nothing to measure")
            state = run_state(stream.state(), losses.mark(), rewinds=0)
            checkpoints.save(next(numbers), model.save, state)

        def picture() -> None:
            grid.save(picture_path(out_dir, next(numbers)), model.sample(Z, classes))

        draws = stream.draws(
            0, 10**9, sample_every=10**9, checkpoint_every=0, longest=lambda: BLOCK
        )
        blocks = (draw for draw in draws if isinstance(draw, StepsDraw))
        iteration_s = median_s(lambda: worker.train(next(blocks)), repeats) / BLOCK
        checkpoint_s = median_s(checkpoint, repeats)
        picture_s = median_s(picture, repeats)
    files = sum(path.stat().st_size for path in checkpoints_folder(out_dir).iterdir())
    interval_s = min(MAX_CHECKPOINT_S, max(MIN_CHECKPOINT_S, 100 * checkpoint_s))
    every_s = 1000 * iteration_s
    print(f"\n{system_name}, medians of {repeats}; an iteration takes {1e6 * iteration_s:.0f} us")
    print("             ms  share of a run's time")
    print(
        f"checkpoint {1000 * checkpoint_s:5.1f}  {checkpoint_s / (interval_s + checkpoint_s):.2%}, "
        f"one every {interval_s:.0f} s, {files / 1e6:.1f} MB"
    )
    print(
        f"picture    {1000 * picture_s:5.1f}  {picture_s / (every_s + picture_s):.2%}, "
        f"one every {every_s:.2f} s"
    )


def checkpoints_folder(out_dir: pathlib.Path) -> pathlib.Path:
    """Returns the folder of one checkpoint."""
    return next((out_dir / "checkpoints").iterdir())


def median_s(action: Callable[[], object], repeats: int) -> float:
    """Returns the median time that an action takes, in seconds, the first one left out."""
    action()
    times = []
    for _ in range(repeats):
        began_s = time.perf_counter()
        action()
        times.append(time.perf_counter() - began_s)
    return statistics.median(times)


if __name__ == "__main__":
    main()
