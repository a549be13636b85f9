"""`./run.sh evaluate`: how good a trained generator's samples are, in figures."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.dataset import unit_scale
from vanilla_gan.data.read import DataSource, read_digits_to_stack
from vanilla_gan.data.shape import ImageShape
from vanilla_gan.data.streams import SPLIT, seeded
from vanilla_gan.drawing.grid import apart, encode_png
from vanilla_gan.drawing.points import renderer
from vanilla_gan.errors import DataError, UsageError, VanillaGanError
from vanilla_gan.generator.export_record import Origin
from vanilla_gan.generator.generator import Generator
from vanilla_gan.quality.figures import SAMPLES, Judge, Quality, evaluation_of, largest_n
from vanilla_gan.quality.memorised import Memorised, find_memorised
from vanilla_gan.quality.modes import STACKED, modes_of, samples_of
from vanilla_gan.quality.samples import draw_samples, draw_with_classes
from vanilla_gan.quality.settings import RUNS_SEED, EvaluateConfig
from vanilla_gan.quality.trained_classifier import open_classifier
from vanilla_gan.runfolder.best import is_run, run_of
from vanilla_gan.runfolder.names import QUALITY
from vanilla_gan.runfolder.place import Place
from vanilla_gan.runfolder.quality_json import Evaluation, add_evaluation, read_evaluations
from vanilla_gan.runfolder.record import data_of, read_record
from vanilla_gan.say import json_text, phase
from vanilla_gan.systems import SYSTEMS

FORMAT = 1
SHOWN = 16
PAIRS_A_ROW = 4

Inform = Callable[[str], None]


def evaluate(config: EvaluateConfig, inform: Inform) -> dict[str, Any]:
    """Evaluates what `config` names, and writes the files that it asks for.

    The figures of a run or of one of its checkpoints also go into the run's `quality.json`.
    `inform` is called with each line for the user.

    Returns:
      All that was found, in JSON's types; `quality.table` formats it for people.

    Raises:
      VanillaGanError: nothing to load, data that are not those of the run, an unwritable file.

    Side effects: writes files; see also `open_classifier`.
    """
    places = {
        name: Place(pathlib.Path(path), config.overwrite, name=name)
        for name, path in (("out", config.out), ("neighbours", config.neighbours))
        if path is not None
    }
    for place in places.values():
        place.check()
    with Generator.load(config.source, inform=inform) as generator:
        origin = generator.origin
        data_dir = config.data_dir or origin.config.data_dir
        source = _read_data(origin, data_dir, inform)
        n = _checked_n(config.n, source)
        with phase(f"drawing {n} samples"):
            samples, asked = draw_with_classes(generator, generator.config, n, config.seed)
        of_modes = None
        if count := samples_of(source.name):
            of_modes = draw_samples(generator, generator.config, count, config.seed)
    train = source.splits.train
    shown = samples[:SHOWN]
    with open_classifier(source, inform) as look:
        inform(f"judging {n} samples and as many real images")
        with phase("looking at real images"):
            judge = Judge(source.splits, n, look)
        with phase(f"judging {n} samples"):
            quality = judge.measure(samples)
        with phase(f"judging {n} real images"):
            real = judge.real
        classes = look(shown).classes
        agreement = {}
        # If a system draws random classes in training, they do not label what its samples show.
        if asked is not None and not SYSTEMS[origin.config.system].draws.classes:
            agreement = {"class_agreement": float((look(samples).classes == asked).mean())}
        accuracy, guessing = look.test_accuracy, look.guessing
    modes = {}
    if of_modes is not None:
        unverified = origin.config.allow_unverified_data
        modes = _modes(source, of_modes, data_dir, unverified, inform)
    with phase("looking for memorised images"):
        memorised = find_memorised(shown, train.images, source.splits.test.images)
    found = {
        "format": FORMAT,
        "system": origin.config.system,
        "iteration": origin.iteration,
        "run_id": origin.run_id,
        "dataset": origin.dataset,
        "n": n,
        "seed": config.seed,
        **_as_json(quality),
        "real": _as_json(real),
        "classifier_test_accuracy": accuracy,
        "guessing_test_accuracy": guessing,
        "trained_classes": len(train.trained_classes),
        **agreement,
        **modes,
        "shown": _shown_as_json(memorised, classes, train.labels),
        "test_image_distance": {"1%": memorised.limit, "50%": memorised.typical},
    }
    for name, place in places.items():
        with place.whole() as path:
            if name == "out":
                path.write_bytes(json_text(found).encode())
            else:
                _draw_neighbours(path, shown, train.images[memorised.row], train.shape)
        inform(f"wrote {place.path}")
    evaluation = evaluation_of(origin.iteration, n, quality, real)
    _add_to_run(pathlib.Path(config.source), origin.run_id, evaluation, config.seed, inform)
    return found


def _modes(
    source: DataSource,
    samples: npt.NDArray[np.float32],
    data_dir: str,
    allow_unverified: bool,
    inform: Inform,
) -> dict[str, Any]:
    """Returns the modes of samples, and for comparison of as many real images, in JSON's types."""
    train = source.splits.train.images
    rows = seeded(SPLIT).randint(0, len(train), len(samples))
    sets = {"samples": samples, "real images": unit_scale(train[rows].astype(np.float32))}
    with contextlib.ExitStack() as opened:
        read = None
        if source.name == STACKED:
            digits = read_digits_to_stack(
                data_dir, allow_unverified=allow_unverified, checksum=source.checksum, inform=inform
            )
            look = opened.enter_context(open_classifier(digits, inform))

            def read(images: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
                return look(images).classes

        found = {whose: modes_of(source.name, images, read) for whose, images in sets.items()}
    return {"modes": {whose: modes._asdict() for whose, modes in found.items()}}


def _read_data(origin: Origin, data_dir: str, inform: Inform) -> DataSource:
    """Reads the data that the run was trained on.

    Raises:
      DataError: `data_dir` holds other data.
    """
    source = data_of(origin.config, origin.dataset, data_dir, inform=inform)
    if source.checksum != origin.dataset["checksum"]:
        raise DataError(
            f"{source.name} in {data_dir} has the checksum {source.checksum}, but this generator "
            f"was trained on data with the checksum {origin.dataset['checksum']}; give the "
            "--data_dir of those data"
        )
    return source


def _checked_n(n: int | None, source: DataSource) -> int:
    most = largest_n(source.splits)
    if n is None:
        return min(SAMPLES, most)
    if n > most:
        raise UsageError(
            f"--n={n}: expected at most {most}, half of the training images of {source.name}, "
            "because the comparison needs two sets of that many real images"
        )
    return n


def _as_json(quality: Quality) -> dict[str, Any]:
    return {**quality._asdict(), "figures": quality.figures._asdict()}


def _shown_as_json(
    memorised: Memorised, classes: npt.NDArray[np.intp], labels: npt.NDArray[np.uint8]
) -> list[dict[str, Any]]:
    return [
        {
            "class": int(classes[row]),
            "nearest": int(memorised.row[row]),
            "nearest_class": int(labels[memorised.row[row]]),
            "distance": float(memorised.distance[row]),
            "memorised": bool(memorised.is_memorised[row]),
        }
        for row in range(len(classes))
    ]


def _draw_neighbours(
    path: pathlib.Path,
    shown: npt.NDArray[np.float32],
    nearest: npt.NDArray[np.uint8],
    shape: ImageShape,
) -> None:
    """Draws four samples a row, each with its nearest training image to the right of it.

    A gap between the pairs shows which images belong together.
    """
    real = unit_scale(nearest.astype(np.float32))
    pairs = np.stack([shown, real], axis=1).reshape(-1, shape.size)
    rows = -(-len(shown) // PAIRS_A_ROW)
    empty = np.zeros((rows * 2 * PAIRS_A_ROW - len(pairs), shape.size), np.float32)
    drawn = renderer(rows, 2 * PAIRS_A_ROW, shape)
    picture = drawn.draw(np.concatenate([pairs, empty]))
    path.write_bytes(encode_png(apart(picture, drawn.layout, 2)))


def _add_to_run(
    source: pathlib.Path, run_id: str, evaluation: Evaluation, seed: int, inform: Inform
) -> None:
    """Adds the figures to the `quality.json` of the run that `source` is, or is a checkpoint of.

    Figures of another seed, or of fewer samples than the file has for that iteration, are not
    added, because the run's best checkpoint is chosen by that file. Nor are they if another run has
    begun in the folder since, because it would take them for its own.
    """
    out_dir = run_of(source)
    if not is_run(out_dir):
        return
    path, iteration = out_dir / QUALITY, evaluation.iteration
    try:
        record = read_record(out_dir)
        if record is None or record.run_id != run_id:
            inform(f"not added to {path}: another run has begun there")
            return
        kept = {each.iteration: each.n for each in read_evaluations(out_dir)}
        if seed != RUNS_SEED:
            inform(f"not added to {path}: it takes only figures of --seed {RUNS_SEED}")
        elif kept.get(iteration, 0) > evaluation.n:
            inform(
                f"not added to {path}: for iteration {iteration} it already has figures of "
                f"{kept[iteration]} samples"
            )
        else:
            add_evaluation(out_dir, evaluation, inform)
            inform(f"added to {path}, iteration {iteration}")
    except VanillaGanError as error:
        # The evaluation itself succeeded; adding it to the run is only an extra.
        inform(f"warning: {error}")
