"""The folder of a run, written without training: what a report or a comparison reads."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import numpy as np

from vanilla_gan.agreement.published import published_runs
from vanilla_gan.drawing.grid import GridRenderer
from vanilla_gan.runfolder.checkpoint import checkpoint_folder
from vanilla_gan.runfolder.pictures import picture_path
from vanilla_gan.runfolder.record import RunRecord, read_record
from vanilla_gan.settings import RunConfig

# Of MNIST, which the recorded runs were trained on.
CHECKSUM = published_runs("vanilla", "mnist").dataset_checksum
STARTED = "2026-02-03T04:05:06+00:00"
STARTED_S = 1770091506  # the same moment, in seconds since 1970


def without_gain(run: pathlib.Path) -> pathlib.Path:
    """Turns a run of `make_run` into one that `--stop_after_no_gain 2` has ended; returns it."""
    record = read_record(run)
    assert record is not None
    record.config = record.config.filled(
        {"evaluate_every": 1000, "keep_best": "frechet", "stop_after_no_gain": 2}
    )
    record.trained = record.config.resolved_int("iters") - 1000
    record.best = {"figure": "frechet", "iteration": 0, "value": 9.0, "no_gain": 2}
    record.save(run)
    checkpoint_folder(run, record.trained).mkdir(parents=True)
    return run


def samples(number: int, count: int = 16) -> np.ndarray:
    """Returns the samples of picture `number`, float32 [count, 784] in [0, 1]."""
    return np.random.RandomState(number).uniform(size=(count, 784)).astype(np.float32)


def write_losses(folder: pathlib.Path, *rows: str) -> None:
    """Writes a losses.csv of these rows."""
    lines = ["iteration,d_loss,g_loss", *rows]
    (folder / "losses.csv").write_text("".join(f"{line}\n" for line in lines))


def write_quality(folder: pathlib.Path, *evaluations: dict[str, Any]) -> None:
    """Writes a quality.json of these evaluations."""
    content = {"format": 1, "evaluations": evaluations}
    (folder / "quality.json").write_text(json.dumps(content))


def make_run(
    folder: pathlib.Path,
    *,
    iters: int = 4001,
    pictures: int = 5,
    trained: int | None = None,
    rewinds: int = 0,
    dataset: str = "mnist",
    seed: int = 7,
    device: str = "/CPU:0",
    **settings: object,
) -> pathlib.Path:
    """Writes a run with a picture every 1000 iterations, 5 seconds apart, and returns its folder.

    Its losses are D 1 / (1 + it) and G 2 + it / 1000.
    """
    folder.mkdir(parents=True)
    given = RunConfig(iters=iters, seed=seed, out=str(folder), **settings)
    config = given.resolved().counted(55000)
    count = 100 if config.sample_class == "all" else 16
    record = RunRecord(
        run_id="0123456789abcdef",
        config=config,
        dataset={"name": dataset, "checksum": CHECKSUM, "train_examples": 55000},
        device=device,
        versions={"vanilla_gan": "0.1.0", "python": "3.11.7"},
        started=STARTED,
        trained=iters if trained is None else trained,
        rewinds=[{"iteration": 3, "to": 1}] * rewinds,
        from_preset=[*given.from_preset],
    )
    record.save(folder)
    every = range(0, iters, config.log_every)
    write_losses(folder, *(f"{it},{1 / (1 + it):.9g},{2 + it / 1000:.9g}" for it in every))
    os.utime(folder / "losses.csv", (STARTED_S, STARTED_S))
    side = round(count**0.5)
    for number in range(pictures):
        path = picture_path(folder, number)
        GridRenderer(side, side).save(path, samples(number, count))
        os.utime(path, (STARTED_S + 5 * number, STARTED_S + 5 * number))
    return folder
