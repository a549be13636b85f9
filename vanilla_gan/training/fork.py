"""A fork: a new run that begins with the state of another run, and may have other settings."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable
from typing import Any

from vanilla_gan.data.read import read_data_sets
from vanilla_gan.data.streams import unread
from vanilla_gan.declare import as_word, table_of
from vanilla_gan.errors import CheckpointError, RunConflictError, UsageError
from vanilla_gan.generator.export_record import EXPORT_JSON
from vanilla_gan.generator.generator import with_newest
from vanilla_gan.runfolder.best import names_checkpoint
from vanilla_gan.runfolder.checkpoint import (
    MANIFEST,
    STATE,
    Checkpoint,
    check_state,
    checkpoint_folder,
    copy_checkpoint,
    mark_of,
)
from vanilla_gan.runfolder.lock import run_lock
from vanilla_gan.runfolder.names import BEST, HEALTH, LOSSES, QUALITY, SAMPLES
from vanilla_gan.runfolder.out_folder import make_out_dir, move_aside
from vanilla_gan.runfolder.pictures import numbered_pictures, picture_path
from vanilla_gan.runfolder.quality_json import go_back_to
from vanilla_gan.runfolder.record import (
    RunRecord,
    data_dir_of,
    dataset_entry,
    forked_record,
    given_settings,
    read_record,
)
from vanilla_gan.settings import RunConfig
from vanilla_gan.storage.files import file_entry
from vanilla_gan.storage.own import copy_open
from vanilla_gan.storage.reading import open_file
from vanilla_gan.storage.whole import remove_leftovers, whole_path
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.training.host import Host
from vanilla_gan.training.own_pictures import with_own_pictures
from vanilla_gan.training.run import (
    check_data_stay,
    check_needs,
    device_of,
    train,
    with_lasting_out,
)
from vanilla_gan.training.signals import stop_on_signals

Inform = Callable[[str], None]

_KEPT = ".gitkeep"
_MAX_LOSSES = 1 << 32  # bytes, enough for some 100 million rows
_MAX_RESULT = 1 << 30  # bytes, the limit for reading a samples.npz


def fork(source: str, config: RunConfig, host: Host | None = None) -> None:
    """Begins a run in `config.out` with the state of another one, and trains it to its end.

    The new run gets a copy of the checkpoint and of what led to it: rows of losses, pictures, and,
    if the data are the same, figures of quality. If no setting changes, it continues exactly as
    its parent would, bit for bit. The same call again continues the new run.

    Args:
      source: the parent's folder, for its newest whole checkpoint; or a checkpoint in it.
      config: the settings; those that are not given are the parent's.
      host: what starts the run; the command line by default.

    Raises:
      VanillaGanError: every failure that a user can cause; the parent is never touched.

    Side effects: those of `training.run.train`, in the new folder.
    """
    host = host or Host()
    inform = host.inform
    watch = functools.partial(stop_on_signals, host.second_signal_exits, host.raises_late)
    if os.path.exists(os.path.join(source, EXPORT_JSON)):
        raise UsageError(
            f"--from={source}: it is an export, which has no state to continue from; expected a "
            "run or one of its checkpoints; to begin with its weights, export them with --format "
            "npz, and give that file to train --init_weights"
        )
    # If no data are given, they are the parent's, which `begin` checks.
    if config.overwrite and config.given & {"data", "data_dir"}:
        check_data_stay(config)
    path = pathlib.Path(source)
    if config.data:  # which takes long to import
        _with_parent(path, config, lambda line: None, lambda parent, checkpoint: None)
    config = with_own_pictures(config, inform)
    if config.overwrite:
        config = with_lasting_out(config)
    out = config.out_dir

    def begin(parent: RunRecord, checkpoint: Checkpoint) -> None:
        if _goes_on(parent, checkpoint if names_checkpoint(path) else None, config):
            return
        folder = checkpoint.folder.parents[1]
        _check_changes(parent, config)
        record = forked_record(parent, config, folder, _dataset(parent, config, folder, inform))
        try:
            manifest = file_entry(checkpoint.folder / MANIFEST)
        except OSError as error:
            raise CheckpointError(
                f"{checkpoint.folder}: {error.strerror or error}; name a checkpoint that exists"
            ) from error
        record.parent |= {"iteration": checkpoint.iteration, "checkpoint": manifest["sha256"]}
        if parent.judged_from:
            record.parent["judged_from"] = parent.judged_from
        begins_anew = [
            each.begins_with_another_seed(checkpoint.iteration) for each in (parent, record)
        ]
        if begins_anew == [True, False]:
            # The random state in this checkpoint is still that of the parent's own parent.
            seeds = [each for each in parent.parent["changes"] if each["setting"] == "seed"]
            record.parent["changes"] += seeds
        record.rewinds = [each for each in parent.rewinds if each["to"] <= checkpoint.iteration]
        # A fork without changes goes on like its parent, which may stop at its next rewind.
        others = len(record.rewinds) if record.parent["changes"] else parent.parent.get("rewinds")
        if others:
            record.parent["rewinds"] = others
        with watch() as stop:
            # A fork records its settings, so a device that is missing here could not be left out
            # later. A signal waits: this process could not resume a partial load of TensorFlow.
            device_of(record.config)
            with stop.at_once():
                if config.overwrite:
                    # Before moving an earlier run aside, check what would stop this one.
                    check_data_stay(record.config)
                    check_needs(record)
        _place(record, parent, checkpoint, config, inform)
        changes = [f"--{c['setting']} {c['is']} (was {c['was']})" for c in record.parent["changes"]]
        inform(
            f"forked {folder} at iteration {checkpoint.iteration} into {out}, with "
            + (", ".join(changes) or "the same settings")
        )

    _with_parent(path, config, inform, begin)
    host = dataclasses.replace(host, overwrote=config.overwrite)
    train(config.filled({"overwrite": False}), host)


def _goes_on(parent: RunRecord, named: Checkpoint | None, config: RunConfig) -> bool:
    """Returns whether the folder holds this fork already.

    Raises:
      RunConflictError: it holds another run.
    """
    record = None
    # `make_out_dir` reports a path that is not a folder, or cannot become one.
    if not config.overwrite and os.path.isdir(config.out_dir):
        record = read_record(config.out_dir)
    if record is None:
        return False
    begun = record.parent
    is_of_parent = begun.get("run_id") == parent.run_id
    if is_of_parent and (named is None or named.iteration == begun["iteration"]):
        return True
    raise RunConflictError(
        f"--out={config.out}: it holds another run, which is not a fork of this one; choose "
        "another --out, or give --overwrite, which first moves that run aside"
    )


def _with_parent(
    path: pathlib.Path,
    config: RunConfig,
    inform: Inform,
    use: Callable[[RunRecord, Checkpoint], None],
) -> None:
    try:
        with_newest(path, inform, use)
    except CheckpointError:
        # A fork that has begun does not need its parent, which may have dropped the checkpoint.
        if not _is_fork_of(path, config):
            raise


def _is_fork_of(path: pathlib.Path, config: RunConfig) -> bool:
    """Returns whether the folder holds a fork of the run or checkpoint that was at `path`."""
    if config.overwrite or not os.path.isdir(config.out_dir):
        return False
    record = read_record(config.out_dir)
    if record is None or not record.parent:
        return False
    run, begun = pathlib.Path(record.parent["path"]), record.parent["iteration"]
    return pathlib.Path(os.path.abspath(path)) in (run, run / BEST, checkpoint_folder(run, begun))


def _check_changes(parent: RunRecord, config: RunConfig) -> None:
    """Checks that a run can continue from the parent's state with the settings that were given.

    Raises:
      UsageError: it cannot.
    """
    now = given_settings(parent, config)
    then, table = parent.config.to_json(), table_of(RunConfig)
    fixed = {
        "variables": "that state does not fit the new value",
        "beginning": "this setting only matters when a run begins",
    }
    for name in sorted(now):
        why = fixed.get(table[name].effect)
        if name == "sample_every" and SYSTEMS[parent.config.system].draws.epoch_samples:
            why = f"{SAMPLES} has a sample for each such interval"
        if why is not None and now[name] != then[name]:
            raise UsageError(
                f"--{name} was {as_word(then[name])}, is {as_word(now[name])}: a fork continues "
                f"from its parent's state, and {why}; leave out --{name}, or train a new run"
            )


def _dataset(
    parent: RunRecord, config: RunConfig, folder: pathlib.Path, inform: Inform
) -> dict[str, Any]:
    """Returns the record's entry for the data: the parent's, or one for the data that were given.

    Raises:
      UsageError: the number of images differs, so the parent's order could not go on; or the
        images have another shape, or classes that the networks lack.
      DataError, DownloadError: the data cannot be read or downloaded.
    """
    now = given_settings(parent, config)
    if "dataset" not in now and "data_dir" not in now:
        return parent.dataset
    name = now.get("dataset", parent.dataset["name"])
    read = functools.partial(
        read_data_sets,
        name,
        now.get("data_dir") or data_dir_of(parent, folder, name),
        allow_unverified=now.get("allow_unverified_data", parent.config.allow_unverified_data),
    )
    of_parent = {name: parent.dataset[name] for name in ("train_examples", "checksum")}
    first = {} if "dataset" in now else of_parent
    source = read(unread(), **first, inform=inform)
    # The parent's data, under whatever name, are split as the parent split them.
    fitting = of_parent if source.checksum == parent.dataset["checksum"] else {}
    if fitting != first:
        source = read(unread(), **fitting)
    train, then = source.splits.train, parent.config
    classes_fit = train.num_classes <= then.num_classes or not SYSTEMS[then.system].conditional
    if train.shape != then.image_shape or not classes_fit:
        raise UsageError(
            f"{source.name} has images of {train.shape} in {train.num_classes} classes, but the "
            f"parent was trained on {then.image_shape} in {then.num_classes}, so its state does "
            "not fit; train a new run"
        )
    n, before = train.num_examples, parent.dataset["train_examples"]
    if n != before:
        raise UsageError(
            f"{source.name} has {n} images to train on, but the parent's data had {before}; a fork "
            "continues in their order, so it needs the same number; train a new run"
        )
    classes = max(train.num_classes, then.num_classes)
    return dataset_entry(source, classes)


def _place(
    record: RunRecord, parent: RunRecord, checkpoint: Checkpoint, config: RunConfig, inform: Inform
) -> None:
    """Makes the folder of the new run, whole or not at all.

    Raises:
      UsageError: something else is in its place.
      CheckpointError: the parent's files are damaged, or gone by now.
      OutputError: it could not be written.
    """
    folder = checkpoint.folder.parents[1].resolve()
    out = pathlib.Path(os.path.realpath(config.out))
    if folder.is_relative_to(out):
        raise UsageError(f"--out={config.out}: the parent is in this folder; choose another one")
    make_out_dir(config.out_dir)
    if config.overwrite:
        with run_lock(out, inform):
            aside = move_aside(out)
        if aside is not None:
            inform(f"moved what was in {config.out} to {aside}")
    remove_leftovers(out)
    kept = _check_empty(config)
    if os.path.samefile(".", out):
        raise UsageError(
            f"--out={config.out}: the fork replaces this folder, which is your current folder; "
            "give the command in another one"
        )
    with whole_path(out, functools.partial(_check_empty, config)) as home:
        home.mkdir()
        for name in kept:
            (home / name).touch()
        _copy(record, parent, checkpoint, home, inform)


def _check_empty(config: RunConfig) -> list[str]:
    """Returns what is in the folder: nothing, or `.gitkeep`, which keeps the folder in git.

    Raises:
      UsageError: there is more.
    """
    found = sorted(os.listdir(config.out_dir))
    if set(found) - {_KEPT}:
        raise UsageError(
            f"--out={config.out}: it already contains other things, such as {found[0]}; "
            "expected a name that is free, or an empty folder"
        )
    return found


def _copy(
    record: RunRecord, parent: RunRecord, checkpoint: Checkpoint, home: pathlib.Path, inform: Inform
) -> None:
    """Writes the files of the new run: what the parent had at that checkpoint."""
    folder, it = checkpoint.folder.parents[1], checkpoint.iteration
    copy_checkpoint(checkpoint, home, record.run_id)
    try:
        check_state(checkpoint.state)
    except ValueError as error:
        raise CheckpointError(f"{STATE} does not belong to this run: {error}") from error
    mark = mark_of(checkpoint.state)
    # Damaged or missing rows do not matter: the run begins a new file, and says so.
    with contextlib.suppress(OSError), open_file(folder / LOSSES, _MAX_LOSSES) as losses:
        copy_open(losses, home / LOSSES, mark.size)
    then, now = parent.config, record.config
    if then.sample_class == now.sample_class:
        for number, path in numbered_pictures(folder).items():
            at = number * then.resolved_int("sample_every")
            if at < it and at % now.resolved_int("sample_every") == 0:
                picture = picture_path(home, at // now.resolved_int("sample_every"))
                _copy_result(path, picture, inform)
    results = [HEALTH, SAMPLES]
    if record.dataset["checksum"] == parent.dataset["checksum"]:
        # Figures measured on other data would count as this run's own.
        results.append(QUALITY)
    for name in results:
        if os.path.lexists(folder / name):
            _copy_result(folder / name, home / name, inform)
    if (home / QUALITY).exists():
        go_back_to(home, it, inform)
    record.save(home)


def _copy_result(path: pathlib.Path, copy: pathlib.Path, inform: Inform) -> None:
    """Copies a result of the parent; one that cannot be read is left out, with a warning."""
    try:
        source = open_file(path, _MAX_RESULT)
    except OSError as error:
        inform(f"warning: {path} is left out: {error.strerror or error}")
        return
    with source:
        copy_open(source, copy)
