"""The table of docs/health.md: what is found in healthy runs and in runs made sick on purpose.

    .venv/bin/python benchmarks/health.py --iters 3000 --seeds 1           # a first table
    .venv/bin/python benchmarks/health.py --iters 20000 --seeds 20 --cure  # the full one
    .venv/bin/python benchmarks/health.py --iters 2500 --pictures docs/images  # its pictures
    .venv/bin/python benchmarks/health.py --recorded "$VANILLA_GAN_REFERENCE"  # recorded programs

Each run has a folder of its own below --out, and is kept: a command that was stopped continues
when repeated. A sick run is sick from its first iteration on, unless its row says otherwise. With
--cure, the settings prescribed for the first expected disease that is named are tried, in a fork or
in a new run, and the table says whether they ended it.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import io
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from health_pictures import SHOWN, drawn
from jobs import side_by_side

from vanilla_gan.agreement.traces import RECORDINGS, Recording, Trace, read_traces
from vanilla_gan.data.idx import write_idx
from vanilla_gan.data.read import read_data_sets
from vanilla_gan.data.streams import seeded, unread
from vanilla_gan.engines.model import open_model
from vanilla_gan.engines.session import choose_device
from vanilla_gan.engines.signs import Signs
from vanilla_gan.engines.stream import StepsDraw
from vanilla_gan.engines.worker import Worker
from vanilla_gan.errors import DivergedError
from vanilla_gan.graph import losses
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.health.diagnosis import Episode, diagnosed
from vanilla_gan.health.doctor import patient_of
from vanilla_gan.runfolder.checkpoint import read_checkpoint
from vanilla_gan.runfolder.health_csv import read_health
from vanilla_gan.runfolder.names import HEALTH
from vanilla_gan.runfolder.record import record_from
from vanilla_gan.settings import RunConfig, default_data_dir
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.training.fork import fork
from vanilla_gan.training.host import Host
from vanilla_gan.training.run import train

# A disease has to be named within this many iterations after its onset.
IN_TIME = 2000
Images = tuple[np.ndarray, np.ndarray]


def of_one_class(images: np.ndarray, labels: np.ndarray) -> Images:
    """Returns the images of the digit 1, more than 5,000, and their labels."""
    ones = labels == 1
    return images[ones], labels[ones]


def few(images: np.ndarray, labels: np.ndarray) -> Images:
    """Returns 5,000 images for validation, which no run trains on, and 500 to train on."""
    return images[:5500], labels[:5500]


def constant_generator(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Returns weights with which the noise has no effect and no gradient passes."""
    return {**xavier(shapes), "G_W1": np.zeros(shapes["G_W1"], np.float32)}


def sure_discriminator(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Returns weights with which D's logits are far beyond the range where a sigmoid changes."""
    weights = xavier(shapes)
    return {**weights, "D_W2": 1000 * weights["D_W2"]}


def xavier(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Returns weights like those that a run begins with, drawn from a separate stream."""
    stream = seeded(0)
    return {
        name: (stream.normal(size=shape) * (2 / shape[0]) ** 0.5 * (len(shape) > 1)).astype("f4")
        for name, shape in shapes.items()
    }


def swapped(real: Any, fake: Any, real_label: float = 1.0) -> losses.Objective:
    """Returns the losses with D's labels swapped: D is told that samples are real."""
    right, wrong = (losses.sigmoid_cross_entropy(*pair) for pair in ((real, fake), (fake, real)))
    return right._replace(D_loss=wrong.D_loss)


class Run(NamedTuple):
    """A run to look at.

    Attributes:
      name: the name of the run and, up to spaces and apostrophes, of its folder.
      expected: the diseases that are right; none for a healthy run.
      settings: those that differ from the defaults.
      data: makes the run's images and labels from MNIST's.
      weights: makes the initial weights from their shapes; None for the usual ones.
      loss: the loss in place of `sigmoid_cross_entropy`; None for the usual one.
      unscaled: whether grey values stay 0..255.
      onset: finds, from the settings, at which iteration the run has become sick; None if it is
        sick from the first on.
      longer: how many iterations to add for that.
    """

    name: str
    expected: tuple[str, ...] = ()
    settings: Mapping[str, Any] = {}
    data: Callable[[np.ndarray, np.ndarray], Images] | None = None
    weights: Callable[[Mapping[str, tuple[int, ...]]], dict[str, np.ndarray]] | None = None
    loss: Any = None
    unscaled: bool = False
    onset: Callable[[RunConfig], int] | None = None
    longer: int = 0


def remembers(config: RunConfig) -> int:
    """Returns the iteration from which on D takes over a quarter of unseen images for samples.

    All that time, D recognises nearly all of the images that it is trained on.
    """
    unseen = read_data_sets(
        "mnist", config.data_dir, unread(), allow_unverified=True
    ).splits.validation
    images, _ = unseen.examples(np.arange(2000))
    for folder in sorted(config.out_dir.glob("checkpoints/*")):
        weight = tf.train.load_checkpoint(read_checkpoint(folder).prefix).get_tensor
        hidden = np.maximum(images @ weight("D_W1") + weight("D_b1"), 0)
        if int(folder.name) and (hidden @ weight("D_W2") + weight("D_b2") < 0).mean() > 0.25:
            return int(folder.name)
    return config.resolved_int("iters")


RUNS = (
    *(Run(system, settings={"system": system}) for system in ("vanilla", "layers", "conditional")),
    Run("conv", settings={"system": "conv"}),
    *(
        Run(f"{system} on Fashion-MNIST", settings={"system": system, "dataset": "fashion_mnist"})
        for system in ("vanilla", "layers", "conditional", "conv")
    ),
    Run("D's learning rate x10", ("overpowering",), {"D_learning_rate": 0.01}),
    Run("G's learning rate 1e-5", ("overpowering",), {"G_learning_rate": 1e-5}),
    Run("G frozen", ("frozen",), {"G_learning_rate": 1e-30}),
    Run("constant generator", ("collapse",), weights=constant_generator),
    Run("G's learning rate x30", ("collapse", "partial_collapse"), {"G_learning_rate": 0.03}),
    Run("one class", ("one_class",), data=of_one_class),
    Run("images in 0..255", ("scale",), unscaled=True),
    Run("swapped labels", ("swapped",), loss=swapped),
    Run("saturated sigmoid", ("numbers",), weights=sure_discriminator),
    Run(
        "500 images",
        ("memorising",),
        {"checkpoint_every": 500, "keep_checkpoints": 99, "sample_every": 2000},
        data=few,
        onset=remembers,
        longer=6000,
    ),
    Run(
        "SGD with momentum 0.9",
        ("oscillation", "numbers"),
        {"optimizer": "sgd", "learning_rate": 0.3, "beta1": 0.9},
    ),
    # Within 250 iterations all pixels are at their limits, so all samples are nearly the same; in
    # half of the runs the logits run away, too.
    Run("both learning rates x50", ("numbers", "collapse"), {"learning_rate": 0.05}),
    Run(
        "minimax and D x10",
        ("frozen", "overpowering"),
        {"loss": "minimax", "D_learning_rate": 0.01},
    ),
)


@contextlib.contextmanager
def made_sick(run: Run) -> Iterator[None]:
    """Changes the program inside the `with` block, in ways for which there is no flag."""
    system, loss = SYSTEMS["vanilla"], losses.LOSSES["sigmoid_cross_entropy"]
    if run.unscaled:
        SYSTEMS["vanilla"] = dataclasses.replace(system, scale=lambda grey: grey * np.float32(1))
    if run.loss is not None:
        losses.LOSSES["sigmoid_cross_entropy"] = run.loss
    try:
        yield
    finally:
        SYSTEMS["vanilla"], losses.LOSSES["sigmoid_cross_entropy"] = system, loss


def config_of(run: Run, home: pathlib.Path, iters: int, seed: int, device: str) -> RunConfig:
    """Returns the settings of a run; writes its own data and weights, if it has any."""
    settings = {"dataset": "mnist", "data_dir": default_data_dir(), "device": device}
    settings |= run.settings
    if run.data is not None:
        settings |= {"data_dir": str(home / "data"), "allow_unverified_data": True}
        write_data(run, home / "data" / "mnist")
    if run.weights is not None:
        settings["init_weights"] = str(home / "weights.npz")
        shapes = {"D_W1": (784, 128), "D_b1": (128,), "D_W2": (128, 1), "D_b2": (1,)}
        shapes |= {"G_W1": (100, 128), "G_b1": (128,), "G_W2": (128, 784), "G_b2": (784,)}
        home.mkdir(parents=True, exist_ok=True)
        np.savez(home / "weights.npz", **run.weights(shapes))
    if "system" in settings:
        settings["sample_every"] = 1000
    return RunConfig(**settings, iters=iters + run.longer, seed=seed, out=str(home / "run"))


def write_data(run: Run, folder: pathlib.Path) -> None:
    """Writes the data that the run makes from MNIST as four files, unless they exist."""
    if folder.exists():
        return
    assert run.data is not None
    splits = read_data_sets("mnist", default_data_dir(), unread()).splits
    folder.mkdir(parents=True)
    images = np.concatenate([splits.validation.images, splits.train.images])
    labels = np.concatenate([splits.validation.labels, splits.train.labels])
    train_images, train_labels = run.data(images.reshape(-1, 28, 28), labels)
    write_idx(folder / "train-images-idx3-ubyte", train_images)
    write_idx(folder / "train-labels-idx1-ubyte", train_labels)
    write_idx(folder / "t10k-images-idx3-ubyte", splits.test.images.reshape(-1, 28, 28))
    write_idx(folder / "t10k-labels-idx1-ubyte", splits.test.labels)


def silent() -> Host:
    """Returns a host that prints nothing."""
    return Host(stdout=io.StringIO(), inform=lambda line: None)


def trained(run: Run, config: RunConfig) -> list[Episode]:
    """Trains a run to its end, or until it diverges, and returns its diagnosis."""
    with made_sick(run), contextlib.suppress(DivergedError):
        train(config, silent())
    return said_of(config)


def cured(run: Run, home: pathlib.Path, config: RunConfig, first: Episode) -> bool:
    """Trains with what is prescribed for the disease, and returns whether the disease is gone.

    It forks the run at its end, or trains it anew if the disease stays or was there at the start.
    """
    out = str(home / "cured")
    settings = first.settings
    iters, seed = config.resolved_int("iters"), config.resolved_int("seed")
    with made_sick(run), contextlib.suppress(DivergedError):
        if first.disease.stays or first.born:
            afresh = run._replace(settings={**run.settings, **settings})
            tried = config_of(afresh, home, iters, seed, config.device).filled({"out": out})
            train(tried, silent())
        else:
            tried = RunConfig(**settings, iters=2 * iters - run.longer, out=out)
            fork(config.out, tried, silent())
    return not any(
        episode.disease.name == first.disease.name and episode.ended is None
        for episode in said_of(tried)
    )


def said_of(config: RunConfig) -> list[Episode]:
    """Returns what the doctor finds in a run's folder."""
    rows = read_health(config.out_dir / HEALTH)
    return diagnosed(rows, patient_of(record_from(config.out)))


def place_of(name: str, seed: int, args: argparse.Namespace) -> tuple[Run, pathlib.Path, RunConfig]:
    """Returns a run of the table, its folder and its settings."""
    run = next(run for run in RUNS if run.name == name)
    folder = f"{name}-{seed}-{args.iters}".replace(" ", "_").replace("'", "")
    home = pathlib.Path(args.out, folder)
    return run, home, config_of(run, home, args.iters, seed, args.device)


def names_of(args: argparse.Namespace) -> list[str]:
    """Returns the names of the runs that were asked for."""
    return [run.name for run in RUNS if not args.only or run.name in args.only.split(",")]


def draw(args: argparse.Namespace) -> None:
    """Draws a picture of each disease that a run of seed 0 shows, beside healthy `vanilla`."""
    folders = {}
    chosen = {disease: shown for disease, shown in SHOWN.items() if shown.run in names_of(args)}
    for name in dict.fromkeys(["vanilla", *(shown.run for shown in chosen.values())]):
        run, _, config = place_of(name, 0, args)
        trained(run, config)
        folders[name] = config.out_dir
    for disease, shown in chosen.items():
        path = pathlib.Path(args.pictures, f"sick_{disease}.png")
        path.write_bytes(drawn(shown, folders[shown.run], folders["vanilla"]))
        print(f"{path}: {path.stat().st_size:,} bytes")


def row_of(task: tuple[str, int], args: argparse.Namespace) -> str:
    """Trains a run if needed, and returns its row of the table; `task` is its name and seed."""
    run, home, config = place_of(*task, args)
    seed = task[1]
    found = trained(run, config)
    named = "; ".join(
        f"{episode.disease.name} {episode.since} ({episode.named}"
        + (")" if episode.ended is None else f", to {episode.ended})")
        for episode in found
    )
    right = [episode for episode in found if episode.disease.name in run.expected]
    onset = 0 if run.onset is None else run.onset(config)
    in_time = any(episode.named <= onset + IN_TIME for episode in right)
    verdict = ("no" if found else "yes") if not run.expected else "yes" if in_time else "no"
    ended = ""
    if args.cure and right and right[0].settings:
        ended = "yes" if cured(run, home, config, right[0]) else "no"
    wanted = " or ".join(run.expected) or "healthy"
    name = run.name + (f", sick from {onset} on" if onset else "")
    return f"| {name} | {seed} | {wanted} | {named or 'no sign'} | {verdict} | {ended} |"


def recorded(recording: Recording, trace: Trace, args: argparse.Namespace) -> str:
    """Returns the row of a state recorded with TensorFlow 1.15.5: the signs of a run from it."""
    home = pathlib.Path(args.out, f"{recording.name}-{trace.iteration}")
    home.mkdir(parents=True, exist_ok=True)
    np.savez(home / "weights.npz", **trace.weights)
    run = Run(recording.name, settings={"system": recording.system, "loss": recording.loss})
    config = config_of(run, home, iters=1, seed=0, device=args.device)
    train(config.filled({"init_weights": str(home / "weights.npz"), "health_every": 1}), silent())
    rows = read_health(config.out_dir / HEALTH)

    def share(sign: str) -> float:
        return float(rows.of(sign)[0] / rows.of(f"{sign}_real")[0])

    return (
        f"| {recording.name} | {trace.iteration:,} | {rows.of('logit_gap')[0]:.1f} "
        f"| {share('diversity'):.3f} | {share('nearest'):.3f} |"
    )


def cost(system: str, iters: int) -> str:
    """Returns a line with the time of an iteration's signs, and that of an iteration itself."""
    config = RunConfig(system=system, seed=0, iters=iters, health_every=iters, sample_every=iters)
    stream, pixels = seeded(0), SYSTEMS[system].pixels()
    splits = read_data_sets("mnist", default_data_dir(), stream, pixels=pixels).splits
    config = config.resolved().counted(splits.train.num_examples)
    images = splits.train.images.shape
    with open_model(config, choose_device("cpu"), images, signs=True) as model:
        model.initialise()
        signs = Signs(model, splits.train, splits.validation, 1)
        worker = Worker(config, model, splits.train, stream)
        spent = []
        with worker.draws(0) as draws:
            for draw in draws:
                if isinstance(draw, StepsDraw):
                    times_s = [time.perf_counter()]
                    for what in (signs.of, worker.train):
                        what(draw)
                        times_s.append(time.perf_counter())
                    spent.append((len(draw.rows), *np.diff(times_s)))
    # The first ones also include preparing the graphs.
    counts, signs_s, train_s = np.transpose(spent[3:])
    of_signs, of_one = 1e3 * np.median(signs_s), 1e3 * train_s.sum() / counts.sum()
    every = RunConfig.health_every
    share = of_signs / (every * of_one)
    return (
        f"{system}: signs {of_signs:.2f} ms, an iteration {of_one:.2f} ms; "
        f"one in {every}: {share:.2%}"
    )


def main() -> None:
    """Trains what is missing and prints the table, each row as soon as its run is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iters", type=int, default=3000, help="iterations of each run")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each kind")
    parser.add_argument("--first_seed", type=int, default=0, help="the first seed")
    parser.add_argument(
        "--jobs", type=int, default=1, help="runs side by side, each on a core of its own"
    )
    parser.add_argument("--device", default="auto", help="device of the runs")
    parser.add_argument("--cure", action="store_true", help="then try what is prescribed")
    parser.add_argument("--only", default="", help="names of runs, separated by commas")
    parser.add_argument("--out", default="health_runs", help="folder of the runs")
    parser.add_argument("--pictures", default="", help="only draw pictures, into this folder")
    parser.add_argument("--recorded", default="", help="only print signs of states recorded here")
    parser.add_argument("--cost", action="store_true", help="only print what the signs cost")
    args = parser.parse_args()
    unknown = set(filter(None, args.only.split(","))) - {run.name for run in RUNS}
    if unknown:
        sys.exit(f"unknown: {', '.join(unknown)}; expected {', '.join(run.name for run in RUNS)}")
    if args.cost:
        for system in SYSTEMS:
            print(cost(system, args.iters), flush=True)
        return
    if args.pictures:
        draw(args)
        return
    if args.recorded:
        print("| recording | iteration | `logit_gap` | `diversity` | `nearest` |")
        print(f"|{'---|' * 5}")
        for recording in RECORDINGS:
            path = pathlib.Path(args.recorded, f"{recording.name}.npz")
            if recording.data == "mnist":
                for trace in read_traces(recording, path):
                    print(recorded(recording, trace, args), flush=True)
        return
    print(
        "| run | seed | what it is | named: since (at) | right | cured |\n|---|---|---|---|---|---|"
    )
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    tasks = [(name, seed) for name in names_of(args) for seed in seeds]
    for row in side_by_side(functools.partial(row_of, args=args), tasks, args.jobs):
        print(row, flush=True)


if __name__ == "__main__":
    main()
