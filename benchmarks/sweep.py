"""Compares the time of eight runs side by side, by `sweep`, with that of eight in sequence.

    .venv/bin/python benchmarks/sweep.py [ITERATIONS [JOBS [sweep|alone|start]]]

The runs are whole commands, including a start of some seconds. In sequence, each has the threads
that `train` chooses; in the sweep, each has one. The processor seconds say how well a single run
already uses the cores. A third argument selects one of the ways; `start` is a run of one iteration.
"""

from __future__ import annotations

import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from vanilla_gan.cli.words import this_program
from vanilla_gan.settings import default_data_dir

SEEDS = 8


def measured(folder: pathlib.Path, commands: Sequence[Sequence[str]]) -> tuple[float, float]:
    """Runs commands one after another; returns their seconds, and their processor seconds."""
    data = pathlib.Path(default_data_dir()).resolve()
    common = ("--device=cpu", "--health_every=0", "--sample_every=1000000", f"--data_dir={data}")
    began_s, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for words in commands:
        command = [*this_program(), *words, *common]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        print(f"{time.monotonic() - began_s:.1f} s: {words[0]} done", file=sys.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began_s, spent_s


def main(iters: str = "10000", jobs: str = "2", *ways: str) -> None:
    """Prints a row for each way."""
    commands = {
        "start": [["train", "--iters=1", "--seed=0", "--out=start"]],
        "sweep": [["sweep", f"--seeds=0:{SEEDS}", f"--iters={iters}", f"--jobs={jobs}"]],
        "alone": [
            ["train", f"--iters={iters}", f"--seed={seed}", f"--out=out{seed}"]
            for seed in range(SEEDS)
        ],
    }
    print(f"| {SEEDS} runs of {int(iters):,} iterations | seconds | of the processor |")
    print("|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for way in ways or commands:
            took_s, spent_s = measured(pathlib.Path(name), commands[way])
            print(f"| {way} | {took_s:.1f} | {spent_s:.1f} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
