"""The runs of a sweep as an ensemble that judges another run with the same settings."""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from vanilla_gan.agreement.ensemble import Ensemble, Floats, Ints
from vanilla_gan.agreement.statistics import NAMES, picture_statistics
from vanilla_gan.agreement.verdicts import LEAST_SEEDS
from vanilla_gan.data.shape import POINT
from vanilla_gan.declare import as_word, table_of
from vanilla_gan.drawing.tiles import open_picture, read_tiles
from vanilla_gan.errors import DamagedRunError, RunConflictError, VanillaGanError
from vanilla_gan.runfolder.checkpoint import newest_iteration
from vanilla_gan.runfolder.losses_csv import LossRows, read_losses
from vanilla_gan.runfolder.names import LOSSES
from vanilla_gan.runfolder.pictures import numbered_pictures
from vanilla_gan.runfolder.record import RunRecord, read_record
from vanilla_gan.settings import RunConfig

# As many as the recorded runs have.
_PICTURES = 11
# Runs that differ only in these are runs of one program: the other settings say what a preset
# stands for, towers only change the order of sums, and the data are compared by their checksum.
_MAY_DIFFER = frozenset({"seed", "sample_every", "preset", "towers", "dataset"})


class _Run(NamedTuple):
    """A finished run of a sweep."""

    folder: pathlib.Path
    record: RunRecord
    rows: LossRows


def swept_like(record: RunRecord, sweep: str, *, with_pictures: bool) -> Ensemble | str:
    """Returns a sweep's finished runs with the settings and data of a run, but other seeds.

    Their pictures are read only if `with_pictures` is set.

    Returns:
      The runs, or a line that says why the sweep cannot judge the run.

    Raises:
      RunConflictError: there is no sweep.
    """
    runs: dict[int, _Run] = {}
    left_out: list[str] = []
    others: list[list[str]] = []
    holds_runs = False
    for folder in _folders(sweep):
        try:
            found = read_record(folder)
            if found is None:
                continue
            holds_runs = True
            differences = _differences(record, found)
            if differences:
                others.append(differences)
            elif found.config.seed not in (record.config.seed, *runs):
                run = _Run(folder, found, read_losses(folder / LOSSES))
                if reason := _unusable(run):
                    left_out.append(f"{folder.name} {reason}")
                else:
                    runs[found.config.resolved_int("seed")] = run
        except VanillaGanError as error:
            left_out.append(f"{folder.name} cannot be read: {error}")
    if not holds_runs and not left_out:
        raise RunConflictError(
            f"--against={sweep}: it is not a sweep, because no folder in it holds a run; expected "
            "the --out of a sweep"
        )
    if others and not runs and not left_out:
        nearest = min(others, key=len)
        return f"the runs of {sweep} have other settings: {'; '.join(nearest)}: not judged"
    if len(runs) < LEAST_SEEDS:
        why = "".join(f"; {line}" for line in left_out[:3])
        return (
            f"{sweep} has {len(runs)} finished runs of these settings with other seeds, but at "
            f"least {LEAST_SEEDS} are needed{why}: not judged"
        )
    return _ensemble(sweep, list(runs.values()), record, with_pictures)


def _folders(sweep: str) -> Iterator[pathlib.Path]:
    """Yields the folders within a sweep's folder, sorted by name.

    Raises:
      RunConflictError: the sweep's folder cannot be read.
    """
    try:
        with os.scandir(sweep) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError as error:
        raise RunConflictError(
            f"--against={sweep}: {error.strerror}; expected the --out of a sweep"
        ) from error
    yield from (pathlib.Path(sweep, name) for name in names)


def _differences(run: RunRecord, other: RunRecord) -> list[str]:
    """Returns how the program of a sweep's run differs, as `--name 1 (this run: 2)`."""
    said = [
        f"--{entry.flag} {_shown(theirs)} (this run: {_shown(ours)})"
        for name, entry in table_of(RunConfig).items()
        if not entry.is_free and name not in _MAY_DIFFER
        for ours, theirs in [(getattr(run.config, name), getattr(other.config, name))]
        if ours != theirs
    ]
    if run.dataset["checksum"] != other.dataset["checksum"]:
        said.append(f"data {_data(other.dataset)} (this run: {_data(run.dataset)})")
    return said


def _shown(value: Any) -> str:
    return "left out" if value is None else as_word(value)


def _data(dataset: Mapping[str, Any]) -> str:
    return f"{dataset['name']}, SHA-256 {dataset['checksum'][:8]}..."


def _unusable(run: _Run) -> str | None:
    record, rows = run.record, run.rows
    if not record.is_finished(record.config, newest_iteration(run.folder)):
        return "is not finished"
    if not len(rows.iteration):
        return f"has no rows in {LOSSES}"
    if not (np.isfinite(rows.d_loss) & np.isfinite(rows.g_loss)).all():
        return "has losses that are not finite"
    return None


def _ensemble(
    sweep: str, runs: list[_Run], record: RunRecord, with_pictures: bool
) -> Ensemble | str:
    shared = functools.reduce(np.intersect1d, [run.rows.iteration for run in runs])
    if not len(shared):
        return f"the runs of {sweep} have no iteration in common: not judged"
    losses = [
        (run.rows.d_loss[rows], run.rows.g_loss[rows])
        for run in runs
        for rows in [np.isin(run.rows.iteration, shared)]
    ]
    d_loss, g_loss = (np.stack(column) for column in zip(*losses, strict=True))
    iterations: Ints = np.zeros(0, np.int64)
    statistics: Floats = np.zeros((len(runs), 0, len(NAMES)))
    if with_pictures and record.config.image_shape != POINT:
        try:
            iterations, statistics = _pictures(runs, record.config.resolved_int("sample_every"))
        except DamagedRunError as error:
            return f"{error}: not judged"
    return Ensemble(
        f"{len(runs)} runs of {sweep}",
        "these settings",
        iterations,
        statistics,
        shared,
        d_loss,
        g_loss,
    )


def _pictures(runs: list[_Run], every: int) -> tuple[Ints, Floats]:
    """Returns iterations, multiples of `every`, for which all have pictures; their statistics.

    Raises:
      DamagedRunError: a picture is damaged, or is not one of its run.
    """
    paths = [
        {
            number * run.record.config.resolved_int("sample_every"): path
            for number, path in numbered_pictures(run.folder).items()
        }
        for run in runs
    ]
    shared = sorted(set.intersection(*({it for it in of if it % every == 0} for of in paths)))
    places = np.unique(np.linspace(0, len(shared) - 1, _PICTURES).astype(int))[: len(shared)]
    iterations = [shared[place] for place in places]

    def statistics(run: _Run, path: pathlib.Path) -> Floats:
        tiles = (*run.record.config.picture_tiles, run.record.config.image_shape)
        try:
            samples = read_tiles(open_picture(path), *tiles)
        except ValueError as error:
            raise DamagedRunError(f"{path} is not a picture of its run: {error}") from error
        return picture_statistics(samples, run.record.config.image_shape)

    found = [
        [statistics(run, of[it]) for it in iterations] for run, of in zip(runs, paths, strict=True)
    ]
    return np.array(iterations, np.int64), np.array(found).reshape(len(runs), -1, len(NAMES))
