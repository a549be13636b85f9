"""Times eight seeds by `sweep`, side by side, beside eight runs one after another.

    .venv/bin/python benchmarks/sweep.py [ITERATIONS [JOBS]]

Runs are whole commands, with their start of some seconds, on the built-in digits. One after
another they have the threads that `train` chooses; in the sweep each has one. What a start alone
takes, a run of one iteration says.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
import time

from vanilla_gan.cli.words import this_program

SEEDS = 8
COMMON = ("--dataset=digits", "--device=cpu", "--health_every=0", "--sample_every=1000000")


def seconds(folder: pathlib.Path, *words: str) -> float:
    """Returns how long a command takes, in seconds."""
    began_s = time.monotonic()
    subprocess.run([*this_program(), *words, *COMMON], cwd=folder, check=True, capture_output=True)
    return time.monotonic() - began_s


def main(iters: str = "10000", jobs: str = "2") -> None:
    """Prints a row for each way."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        seconds(folder, "train", "--iters=1", "--seed=0", "--out=warm")
        start_s = seconds(folder, "train", "--iters=1", "--seed=0", "--out=start")
        sweep_s = seconds(
            folder, "sweep", f"--seeds=0:{SEEDS}", f"--iters={iters}", f"--jobs={jobs}"
        )
        alone_s = sum(
            seconds(folder, "train", f"--iters={iters}", f"--seed={seed}", f"--out=out{seed}")
            for seed in range(SEEDS)
        )
    print(f"| {SEEDS} runs of {int(iters):,} iterations | seconds | of that starts |")
    print("|---|---|---|")
    print(f"| one after another | {alone_s:.0f} | {SEEDS * start_s:.0f} |")
    print(f"| `sweep --jobs {jobs}` | {sweep_s:.0f} | |")
    print(f"\nshare: {sweep_s / alone_s:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
