"""The figure of the paper of 2014: Parzen log-likelihood of MNIST over training, for several seeds.

    .venv/bin/python benchmarks/parzen.py --seeds 5 --epochs 250 --every 25    # the figure
    .venv/bin/python benchmarks/parzen.py --iters 200 --every_iters 100 --seeds 1 --samples 1000

Prints a table: a row for each number of iterations, with the figure of each seed, their mean and
its standard error, beside the paper's 225 +- 2. The width of the window is chosen only on
validation images. Each run has a folder of its own below --out, with the figures so far in a
`.json` file beside it: a command that was stopped continues when it is repeated.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import pathlib

import numpy as np
from jobs import side_by_side
from matplotlib.figure import Figure

from vanilla_gan.data.read import read_data_sets
from vanilla_gan.data.streams import unread
from vanilla_gan.generator.generator import Generator
from vanilla_gan.quality.parzen import log_likelihood
from vanilla_gan.runfolder.checkpoint import checkpoint_folder
from vanilla_gan.settings import RunConfig, default_data_dir
from vanilla_gan.training.host import Host
from vanilla_gan.training.run import train

PAPER = 225, 2  # nats, standard error
VALIDATION = 1000  # images, as in the authors' `parzen_ll.py`
UPDATES = 550  # in an epoch of `goodfellow2014`, or of any system with batches of 100


def found_of(seed: int, marks: list[int], options: argparse.Namespace) -> dict[str, list[float]]:
    """Returns `[nats, sigma]` of a seed's run by iterations; trains and judges what is missing.

    The run keeps a checkpoint at each mark; the marks are the multiples of the first one.
    """
    # The name contains the first mark, because a run has only the checkpoints of its own marks.
    out = pathlib.Path(options.out) / f"{options.system}_{seed}_{marks[0]}"
    kept = out.with_name(f"{out.name}_{options.samples}_{options.test}.json")
    found = json.loads(kept.read_text()) if kept.is_file() else {}
    missing = [mark for mark in marks if str(mark) not in found]
    if not missing:
        return found
    data_dir = default_data_dir()
    splits = read_data_sets("mnist", data_dir, unread()).splits
    validation, test = (
        split.images / np.float32(255) for split in (splits.validation, splits.test)
    )
    config = RunConfig(
        system=options.system,
        dataset="mnist",
        data_dir=data_dir,
        device=options.device,
        seed=seed,
        iters=missing[-1],
        checkpoint_every=marks[0],
        # All: each stop leaves one more, which would push out that of the first mark.
        keep_checkpoints=1_000_000,
        out=str(out),
    )
    train(config, Host(stdout=io.StringIO()))
    for mark in missing:
        with Generator.load(checkpoint_folder(out, mark)) as generator:
            samples = generator(generator.sample_Z(options.samples, seed=0))
        samples = samples.reshape(len(samples), -1)
        judged = log_likelihood(samples, validation[:VALIDATION], test[: options.test])
        found[str(mark)] = [judged.nats, judged.sigma]
        kept.write_text(json.dumps(found))
    return found


def plot(curves: dict[int, dict[str, list[float]]], marks: list[int], path: str) -> None:
    """Draws the nats of each seed by iterations, and the paper's figure, into a PNG."""
    figure = Figure(figsize=(6.4, 3.2), dpi=100, layout="constrained")
    axes = figure.add_subplot(
        title="Parzen log-likelihood of MNIST's test images", xlabel="iterations", ylabel="nats"
    )
    nats, error = PAPER
    axes.axhspan(nats - error, nats + error, color="#bbbbbb", label=f"paper: {nats} +- {error}")
    for seed, curve in curves.items():
        axes.plot(marks, [curve[str(mark)][0] for mark in marks], marker=".", label=f"seed {seed}")
    axes.legend()
    axes.grid(True, color="#eeeeee")
    figure.savefig(path)


def main() -> None:
    """Trains, judges and prints."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--system", default="goodfellow2014", help="a system with images in [0, 1]")
    flags.add_argument("--seeds", type=int, default=5)
    flags.add_argument("--first_seed", type=int, default=0, help="the first seed")
    flags.add_argument("--epochs", type=int, default=250, help=f"epochs of {UPDATES} iterations")
    flags.add_argument("--every", type=int, default=25, help="epochs between two figures")
    flags.add_argument("--iters", type=int, help="instead of --epochs")
    flags.add_argument("--every_iters", type=int, help="instead of --every")
    flags.add_argument("--samples", type=int, default=10_000)
    flags.add_argument("--test", type=int, default=10_000, help="test images")
    flags.add_argument("--jobs", type=int, default=1, help="runs side by side")
    flags.add_argument("--device", default="auto", help="device of the runs")
    flags.add_argument("--out", default="out_parzen", help="folder of the runs")
    flags.add_argument("--plot", help="a PNG of the curves")
    options = flags.parse_args()
    pathlib.Path(options.out).mkdir(parents=True, exist_ok=True)
    every = options.every_iters or options.every * UPDATES
    last = options.iters or options.epochs * UPDATES
    marks = list(range(every, last + 1, every))
    if not marks:
        flags.error(f"no figure within {last} iterations, with {every} between two")
    find = functools.partial(found_of, marks=marks, options=options)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    curves = [*side_by_side(find, seeds, options.jobs)]
    print(f"{options.system}, nats of {options.samples} samples; paper: {PAPER[0]} +- {PAPER[1]}\n")
    columns = ["iterations", *(f"seed {seed}" for seed in seeds), "mean", "error", "widths"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for mark in marks:
        nats, sigmas = np.array([curve[str(mark)] for curve in curves]).T
        error = f"{nats.std(ddof=1) / np.sqrt(len(nats)):.1f}" if len(nats) > 1 else ""
        widths = ", ".join(f"{sigma:.2f}" for sigma in sorted({*sigmas.tolist()}))
        each = " | ".join(f"{of_seed:.1f}" for of_seed in nats)
        print(f"| {mark:,} | {each} | {nats.mean():.1f} | {error} | {widths} |")
    if options.plot:
        plot(dict(zip(seeds, curves, strict=True)), marks, options.plot)


if __name__ == "__main__":
    main()
