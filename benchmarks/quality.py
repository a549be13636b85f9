"""The table of docs/cures.md: the published programs and `--preset stable`, in figures.

    .venv/bin/python benchmarks/quality.py --iters 200000 --seeds 3 --systems vanilla
    .venv/bin/python benchmarks/quality.py --iters 20000 --dataset fashion_mnist --jobs 2

Trains each system with each preset and several seeds, judges 10,000 samples of each run, and prints
a row for each pair: the mean over the seeds, with the standard deviation if there are several. The
last column is the milliseconds per iteration, from the median time between two pictures; it means
little unless the run has the machine to itself. Each run has a folder of its own below --out, with
its figures beside it: a command that was stopped continues when repeated. For points in the
plane (`--dataset ring8`, `grid25`), the figures are the modes of 2,500 samples, and the last row is
for as many real points.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import pathlib
import statistics
from typing import Any

import numpy as np
from jobs import side_by_side

from vanilla_gan.data.points import MIXTURES
from vanilla_gan.data.read import read_data_sets
from vanilla_gan.data.streams import SPLIT, seeded, unread
from vanilla_gan.generator.generator import Generator
from vanilla_gan.quality.evaluate import evaluate
from vanilla_gan.quality.modes import POINT_SAMPLES, STACKED, point_modes
from vanilla_gan.quality.samples import draw_samples
from vanilla_gan.quality.settings import EvaluateConfig
from vanilla_gan.runfolder.pictures import numbered_pictures
from vanilla_gan.runfolder.record import read_record
from vanilla_gan.settings import PRECISIONS, RunConfig, default_data_dir
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.systems.presets import PRESETS
from vanilla_gan.training.host import Host
from vanilla_gan.training.run import train

SHOWN = {
    "parzen_nats": "{:.1f}",
    "frechet": "{:.2f}",
    "precision": "{:.3f}",
    "recall": "{:.3f}",
    "coverage": "{:.3f}",
    "classes_covered": "{:.1f}",
}
OF_CLASSES = {"class_agreement": "{:.3f}"}  # for conditional systems
OF_DIGITS = {"modes": "{:.1f}", "kl_nats": "{:.4f}"}  # for the data set of stacked digits
MODES = {"covered": "{:.1f}", "kl_nats": "{:.3f}", "high_quality": "{:.3f}"}
TIMES = {"ms": "{:.1f}"}
Task = tuple[str, str, int]


def figures_of(task: Task, options: argparse.Namespace) -> dict[str, Any]:
    """Returns the figures of a run by name; trains and judges it if that is not done yet.

    Args:
      task: system, preset and seed.
      options: the flags.
    """
    system, preset, seed = task
    noise = f"_z{options.z_dim}" if options.z_dim else ""
    rounded = f"_{options.precision}" if options.precision != "float32" else ""
    name = f"{system}_{preset}_{options.dataset}_{options.iters}_{seed}{noise}{rounded}"
    out = pathlib.Path(options.out, name)
    kept = out.with_name(f"{name}_{options.samples}.json")
    if kept.is_file():
        return json.loads(kept.read_text()) | {"ms": ms_of(out)}
    config = RunConfig(
        system=system,
        preset=preset,
        seed=seed,
        iters=options.iters,
        z_dim=options.z_dim,
        dataset=options.dataset,
        data_dir=options.data_dir,
        allow_unverified_data=options.allow_unverified_data,
        device=options.device,
        precision=options.precision,
        out=str(out),
    )
    train(config, Host(stdout=io.StringIO(), inform=lambda line: None))
    if options.dataset in MIXTURES:
        found = modes_of(str(out), options.dataset)
    else:
        judged = evaluate(EvaluateConfig(source=str(out), n=options.samples), lambda line: None)
        modes = judged.get("modes", {}).get("samples", {})
        more = {**judged, "modes": modes.get("covered"), "kl_nats": modes.get("kl_nats")}
        found = judged["figures"] | {name: more.get(name) for name in OF_CLASSES | OF_DIGITS}
    kept.write_text(json.dumps(found))
    return found | {"ms": ms_of(out)}


def ms_of(out: pathlib.Path) -> float | None:
    """Returns the milliseconds of an iteration, from the times of a run's pictures, if any."""
    drawn = {n: path.stat().st_mtime for n, path in numbered_pictures(out).items()}
    taken = [drawn[n + 1] - drawn[n] for n in drawn if n + 1 in drawn]
    record = read_record(out)
    if record is None or not taken:
        return None
    return 1000 * statistics.median(taken) / record.config.resolved_int("sample_every")


def modes_of(source: str, dataset: str) -> dict[str, Any]:
    """Returns the modes of a run's points in the plane by the names of `Modes`."""
    with Generator.load(source) as generator:
        points = draw_samples(generator, generator.config, POINT_SAMPLES, seed=0)
    return point_modes(points, MIXTURES[dataset])._asdict()


def modes_of_real(dataset: str, data_dir: str) -> dict[str, Any]:
    """Returns the modes of as many of the points that a run is trained on."""
    train = read_data_sets(dataset, data_dir, unread()).splits.train.images
    rows = seeded(SPLIT).randint(0, len(train), POINT_SAMPLES)
    return point_modes(train[rows] / 255, MIXTURES[dataset])._asdict()


def row_of(name: str, found: list[dict[str, Any]], shown: dict[str, str]) -> str:
    """Returns a row of the table: means, and deviations if there are several seeds."""
    cells = []
    for figure, form in shown.items():
        if found[0].get(figure) is None:
            cells.append("")
            continue
        values = np.array([of_run[figure] for of_run in found], float)
        spread = f" +- {form.format(values.std(ddof=1))}" if len(values) > 1 else ""
        cells.append(form.format(values.mean()) + spread)
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Trains, judges and prints."""
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    systems = [*PRESETS["stable"]]
    flags.add_argument("--systems", nargs="+", choices=systems, default=systems)
    flags.add_argument("--presets", nargs="+", choices=[*PRESETS], default=[*PRESETS])
    flags.add_argument("--dataset", default="mnist")
    flags.add_argument("--data_dir", default=default_data_dir())
    flags.add_argument("--allow_unverified_data", action="store_true")
    flags.add_argument("--iters", type=int, default=200_000)
    flags.add_argument("--seeds", type=int, default=3)
    flags.add_argument("--first_seed", type=int, default=0, help="the first seed")
    flags.add_argument("--z_dim", type=int, help="size of the noise, instead of the systems' own")
    flags.add_argument("--samples", type=int, default=10_000)
    flags.add_argument("--device", default="auto")
    flags.add_argument("--precision", choices=PRECISIONS, default="float32")
    flags.add_argument("--jobs", type=int, default=1, help="runs side by side, each on a core")
    flags.add_argument("--out", default="quality_runs", help="folder of the runs")
    options = flags.parse_args()
    pathlib.Path(options.out).mkdir(parents=True, exist_ok=True)
    pairs = [(system, preset) for system in options.systems for preset in options.presets]
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    tasks = [(*pair, seed) for pair in pairs for seed in seeds]
    found = side_by_side(functools.partial(figures_of, options=options), tasks, options.jobs)
    print(f"{options.dataset}, {options.iters:,} iterations, seeds {', '.join(map(str, seeds))}\n")
    shown = MODES if options.dataset in MIXTURES else SHOWN
    if any(SYSTEMS[system].conditional for system in options.systems):
        shown = shown | OF_CLASSES
    if options.dataset == STACKED:
        shown = shown | OF_DIGITS
    shown = shown | TIMES
    print(f"| system, preset | {' | '.join(shown)} |\n|{'---|' * (len(shown) + 1)}")
    for system, preset in pairs:
        of_pair = [next(found) for _ in seeds]
        print(row_of(f"`{system}`, {preset}", of_pair, shown), flush=True)
    if options.dataset in MIXTURES:
        real = modes_of_real(options.dataset, options.data_dir)
        print(row_of("real points", [real], shown))


if __name__ == "__main__":
    main()
