"""Which runs a sweep has: the name, folder and settings of each; which of them are finished."""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from vanilla_gan.data.read import DataSource, read_data_sets
from vanilla_gan.data.streams import unread
from vanilla_gan.declare import as_word, table_of
from vanilla_gan.errors import RunConflictError, UsageError, VanillaGanError
from vanilla_gan.runfolder.checkpoint import newest_iteration
from vanilla_gan.runfolder.names import RUN_JSON
from vanilla_gan.runfolder.record import (
    RunRecord,
    classes_of,
    continued_config,
    dataset_entry,
    read_record,
)
from vanilla_gan.settings import RunConfig
from vanilla_gan.sweep.settings import MOST_RUNS, SweepConfig, part_of, seeds_of
from vanilla_gan.training.own_pictures import name_of, with_own_pictures

# Values by the name of a setting.
Grid = Mapping[str, Sequence[Any]]
_THREADS = ("intra_op_threads", "inter_op_threads")


class Run(NamedTuple):
    """One run of a sweep.

    Attributes:
      name: of its folder: how it differs from the others.
      seed: its seed.
      values: its values of the grid, by name.
      config: its settings; only those that were given count.
      is_own: whether it belongs to this part of the sweep.
    """

    name: str
    seed: int
    values: dict[str, Any]
    config: RunConfig
    is_own: bool

    @property
    def folder(self) -> pathlib.Path:
        """The folder of the run."""
        return self.config.out_dir

    def record(self) -> RunRecord | None:
        """Returns what `run.json` says; None if it is missing or damaged."""
        try:
            return read_record(self.folder)
        except VanillaGanError:
            return None

    @property
    def iters(self) -> int:
        """How many iterations it has in this sweep; it may have been trained for more."""
        record = self.record()
        assert record is not None
        return continued_config(record, self.config, begun=True).resolved_int("iters")

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to train."""
        record = self.record()
        if record is None:
            return False
        try:
            # With --overwrite this has not been checked yet.
            _check_same_settings(self, record)
            config = continued_config(record, self.config, begun=True)
            newest = newest_iteration(self.folder)
            # A run that was stopped may already be past the sweep's iterations.
            is_beyond = newest is not None and newest > config.resolved_int("iters")
            return is_beyond or record.is_finished(config, newest)
        except VanillaGanError:
            # The folder holds another run; training this one reports that itself.
            return False


def planned(config: SweepConfig, grid: Grid) -> list[Run]:
    """Returns the runs of a sweep: for each combination of the grid's values, one for each seed.

    Each has one thread unless more are asked for: runs share the cores, not their operations.

    Raises:
      UsageError: a setting does not apply, or is given in two ways; there are too many runs.
      RunConflictError: the sweep's folder itself holds a run.
    """
    shared, out = config.of_run().filled({"data_dir": config.data_dir}), config.out_dir
    for name in grid:
        if name in shared.given:
            raise UsageError(f"--{name} is also in --grid; leave one of them out")
    if os.path.lexists(out / RUN_JSON):
        raise RunConflictError(
            f"--out={config.out}: it holds a run, not a sweep; choose another folder"
        )
    threads = {name: 1 for name in _THREADS if name not in shared.given and name not in grid}
    number, of = part_of(config.part or "0/1") or (0, 1)
    combinations = [
        dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
    ]
    seeds = seeds_of(config.seeds)
    if len(combinations) * len(seeds) > MOST_RUNS:
        raise UsageError(
            f"--grid and --seeds make {len(combinations) * len(seeds)} runs; expected at most "
            f"{MOST_RUNS}"
        )
    runs: list[Run] = []
    for values, seed in itertools.product(combinations, seeds):
        named = [f"{name}_{as_word(value)}" for name, value in values.items()]
        name = "_".join([*named, f"seed_{seed}"])
        own = {**threads, **values, "seed": seed, "out": str(out / name)}
        settings = dataclasses.replace(shared, **own)
        settings.resolved()
        runs.append(Run(name, seed, values, settings, len(runs) % of == number))
    return runs


def check_alike(runs: Sequence[Run]) -> None:
    """Checks that the runs that a sweep's folders already hold are those it would train now.

    Raises:
      RunConflictError: a run has a setting that this sweep changes or leaves out, or other data
        than `data`; or two runs have different data under the same name, or under `auto`.
      UsageError: the data set of that name was made from other pictures than `data`.
    """
    for config in {run.config.dataset: run.config for run in runs}.values():
        # The data exist, so nothing is imported. If all runs are finished, only this checks them.
        if config.data is not None and os.path.isdir(
            os.path.join(config.data_dir, name_of(config))
        ):
            with_own_pictures(config, lambda line: None)
    seen: dict[str, tuple[str, str, Run]] = {}
    for run in runs:
        record = run.record()
        if record is None:
            continue
        name, checksum = record.dataset["name"], record.dataset["checksum"]
        if run.config.data is not None and name != name_of(run.config):
            raise RunConflictError(
                f"--data={run.config.data}: {run.folder} was trained on {name}; give the --data or "
                "--dataset of that run, or choose another --out"
            )
        for asked in (name, *(["auto"] if run.config.dataset == "auto" else [])):
            first_name, first_sum, first = seen.setdefault(asked, (name, checksum, run))
            if (first_name, first_sum) != (name, checksum):
                which = f"both called {name}" if first_name == name else f"{name} and {first_name}"
                raise RunConflictError(
                    f"{run.folder} and {first.folder} were trained on different data, {which}; "
                    "move one of them away, or choose another --out"
                )
        _check_same_settings(run, record)


def _check_same_settings(run: Run, record: RunRecord) -> None:
    try:
        continued_config(record, run.config, begun=True)
        new = run.config.resolved().of_data(record.config.image_shape, record.config.classes)
        new = new.counted(record.dataset["train_examples"])
    except RunConflictError:
        raise  # Otherwise each run would report it, and the table would lack their results.
    except VanillaGanError:
        return  # Training the run reports it itself.
    then = record.config.init_weights
    # `continued_config` accepts any initial weights, because a continued run does not use them.
    if "init_weights" in run.config.given and new.init_weights != then:
        was = f"--init_weights={then}" if then else "weights of its own"
        raise RunConflictError(
            f"{run.folder} was begun with {was}, not with --init_weights={new.init_weights}; "
            "choose another --out"
        )
    left_out = {
        name: getattr(record.config, name)
        for name, entry in table_of(RunConfig).items()
        # A run that has begun keeps its `iters`; a new run takes the system's.
        if (not entry.is_free or (name == "iters" and "epochs" not in run.config.given))
        and name not in ("dataset", *run.config.given)
        and getattr(record.config, name) != getattr(new, name)
    }
    # These bring the others with them.
    bring = {name: left_out[name] for name in ("system", "preset") if name in left_out}
    named = bring or left_out
    if not named:
        return
    listed = ", ".join(f"--{name}={as_word(value)}" for name, value in named.items())
    if None in named.values():
        # The version that began it left unset what is always set now.
        raise RunConflictError(
            f"{run.folder} was begun with {listed}, which no flag can set; choose another --out"
        )
    raise RunConflictError(
        f"{run.folder} was begun with {listed}, but this command leaves that out; add it, or "
        "choose another --out"
    )


def with_data(
    runs: Sequence[Run], begun: Sequence[Run], inform: Callable[[str], None]
) -> list[Run]:
    """Returns the runs with the name of their data; fetches and checks the data of new runs.

    They are fetched here, once, so that many processes do not fetch them at the same time. For a
    run of `begun` that has a record, `auto` means the data in that record. For others it means the
    data of the first such run with `auto`, or else what is there now.

    Raises:
      UsageError: a setting does not go with the data.
      RunConflictError: a run that has begun was trained on other data of the same name.
      DataError, DownloadError: the data cannot be read or downloaded.
    """
    records = {run.name: record for run in begun if (record := run.record()) is not None}
    of_auto = [records[r.name] for r in begun if r.name in records and r.config.dataset == "auto"]
    found: dict[str, DataSource] = {}
    own: dict[str, RunConfig] = {}

    def named(run: Run) -> Run:
        config = run.config
        if config.data is not None:
            # The pictures are looked through once, not once for each run.
            if config.dataset not in own:
                own[config.dataset] = with_own_pictures(config, inform)
            there = own[config.dataset]
            config = dataclasses.replace(
                config, dataset=there.dataset, data=None, data_dir=there.data_dir
            )
        if config.dataset == "auto" and of_auto:
            record = records.get(run.name, of_auto[0])
            config = dataclasses.replace(config, dataset=record.dataset["name"])
        if run.name not in records:
            source = found.get(config.dataset)
            if source is None:
                source = found[config.dataset] = read_data_sets(
                    config.dataset,
                    config.data_dir,
                    unread(),
                    allow_unverified=config.allow_unverified_data,
                    inform=inform,
                )
                _check_same_data(source, records)
            config = dataclasses.replace(config, dataset=source.name)
            train, classes = source.splits.train, classes_of(dataset_entry(source))
            config.resolved().of_data(train.shape, classes).counted(train.num_examples)
        return run._replace(config=config)

    return [named(run) for run in runs]


def _check_same_data(source: DataSource, records: Mapping[str, RunRecord]) -> None:
    for name, record in records.items():
        then = record.dataset
        if then["name"] == source.name and then["checksum"] != source.checksum:
            raise RunConflictError(
                f"--dataset={source.name}: {name} was trained on other data of that name; give the "
                "old --data_dir, or choose another --out"
            )
