"""Times the commands that people wait for, here and in other checkouts, in turn.

    .venv/bin/python benchmarks/commands.py [--rounds 3] [--beside FOLDER ...]

Each command is a process of its own, timed from its start to its end. All of them look at a run of
1,001 iterations on MNIST with a picture at each. Whatever is made once and kept, such as the
classifier that `evaluate` trains, is made before anything is timed.
"""

from __future__ import annotations

import argparse
import collections
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from vanilla_gan.settings import default_data_dir

HERE = pathlib.Path(__file__).resolve().parents[1]
COMMANDS = {
    "importing TensorFlow": ["-c", "import tensorflow"],
    "train, 11 iterations": ["train", "--iters=11", "--dataset=mnist", "--overwrite", "--out=new"],
    "evaluate, 10,000 samples": ["evaluate", "--from=run", "--n=10000"],
    "report, 1,001 pictures": ["report", "--from=run"],
    "compare, 1,001 pictures": ["compare", "--from=run"],
    "sample, 60,000 images": ["sample", "--from=run", "--n=60000", "--out=s.npz"],
}


def timed(checkout: pathlib.Path, folder: pathlib.Path, words: list[str]) -> float:
    """Runs a command of a checkout in a folder; returns how many seconds it took."""
    python = [sys.executable] if words[0] == "-c" else [sys.executable, "-m", "vanilla_gan"]
    variables = {
        "PYTHONPATH": str(checkout),
        "VANILLA_GAN_DATA": os.path.abspath(default_data_dir()),
        "CUDA_VISIBLE_DEVICES": "",
    }
    (folder / "s.npz").unlink(missing_ok=True)
    began_s = time.perf_counter()
    done = subprocess.run(
        [*python, *words], cwd=folder, env={**os.environ, **variables}, capture_output=True
    )
    # `compare` fails if a run differs from the published program; only its time matters here.
    if done.returncode and words[0] != "compare":
        sys.exit(f"{checkout}: {words[0]}: {done.stderr.decode(errors='replace')[-300:]}")
    took_s = time.perf_counter() - began_s
    print(f"{took_s:7.1f} s  {checkout.name}: {words[0]}", file=sys.stderr, flush=True)
    return took_s


def main() -> None:
    """Prints a row for each command."""
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--rounds", type=int, default=3, help="how often each command is timed")
    flags.add_argument("--beside", type=pathlib.Path, nargs="*", default=[], help="other checkouts")
    options = flags.parse_args()
    checkouts = [*(path.resolve() for path in options.beside), HERE]
    found: dict[tuple[str, int], list[float]] = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folders = [pathlib.Path(name, str(number)) for number in range(len(checkouts))]
        for checkout, folder in zip(checkouts, folders, strict=True):
            folder.mkdir()
            run = ["train", "--iters=1001", "--sample_every=1", "--dataset=mnist", "--out=run"]
            timed(checkout, folder, run)
            timed(checkout, folder, COMMANDS["evaluate, 10,000 samples"])
        for _ in range(options.rounds):
            for command, words in COMMANDS.items():
                for number, (checkout, folder) in enumerate(zip(checkouts, folders, strict=True)):
                    found[command, number].append(timed(checkout, folder, words))
    print(f"| Seconds, the median of {options.rounds} | {' | '.join(p.name for p in checkouts)} |")
    print("|---" * (1 + len(checkouts)) + "|")
    for command in COMMANDS:
        times = [statistics.median(found[command, number]) for number in range(len(checkouts))]
        print(f"| {command} | {' | '.join(f'{s:.1f}' for s in times)} |")


if __name__ == "__main__":
    main()
