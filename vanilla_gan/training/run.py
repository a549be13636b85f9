"""A run from its settings to its last checkpoint: begun, continued, rewound, finished."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator

import numpy as np

from vanilla_gan.data.read import DataSource, read_data_sets
from vanilla_gan.data.streams import seeded, unread
from vanilla_gan.declare import as_word
from vanilla_gan.engines.greeting import check_greetings
from vanilla_gan.engines.machines import MOST_SENT, Machines
from vanilla_gan.engines.model import open_model
from vanilla_gan.engines.peers import wait_for_others
from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.engines.session import (
    Device,
    check_precision,
    check_towers,
    choose_device,
    memory_errors_told,
)
from vanilla_gan.engines.worker import Worker
from vanilla_gan.errors import DamagedRunError, OutputError, RunConflictError, UsageError
from vanilla_gan.graph.processor import missed_onednn
from vanilla_gan.graph.tf1 import load_tensorflow
from vanilla_gan.graph.weights import read_weights
from vanilla_gan.observers.chosen import check_observers
from vanilla_gan.runfolder.checkpoint import FOLDER, Checkpoints, newest_iteration
from vanilla_gan.runfolder.lock import run_lock
from vanilla_gan.runfolder.names import BEST, RUN_JSON
from vanilla_gan.runfolder.out_folder import (
    check_no_results,
    check_own_folders,
    make_out_dir,
    move_aside,
)
from vanilla_gan.runfolder.record import (
    RunRecord,
    changed_surroundings,
    classes_of,
    continued_config,
    data_dir_of,
    dataset_entry,
    new_record,
    note_changes,
    read_record,
)
from vanilla_gan.say import phase
from vanilla_gan.settings import RunConfig
from vanilla_gan.storage.files import no_empty_folders
from vanilla_gan.storage.whole import remove_leftovers
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.training.attempts import attempt, begin
from vanilla_gan.training.chief import Chief
from vanilla_gan.training.host import Host
from vanilla_gan.training.own_pictures import with_own_pictures
from vanilla_gan.training.signals import StopRequest, stop_on_signals
from vanilla_gan.training.tune import tuned

Inform = Callable[[str], None]


def train(config: RunConfig, host: Host | None = None, machines: Machines | None = None) -> None:
    """Trains the run in `config.out`: begins it, continues it, or says that it is finished.

    Args:
      config: the settings; a run that is continued keeps its own for those that are not given.
      host: what starts the run; the command line by default.
      machines: those of the cluster whose chief this process is; None for this machine alone.

    Raises:
      VanillaGanError: every failure that a user can cause; see `errors`.

    Side effects: writes results into `config.out`, and data that it downloads, draws or imports
    into `config.data_dir`. In the main thread it handles SIGINT, SIGTERM and SIGHUP.
    """
    if config.overwrite:
        check_data_stay(config)
        config = with_lasting_out(config)
    host = host or Host()
    inform = host.inform
    out_dir = config.out_dir
    signals = stop_on_signals(host.second_signal_exits, host.raises_late)
    with signals as stop, no_empty_folders(out_dir):
        make_out_dir(out_dir)
        with run_lock(out_dir, inform):
            record = None
            if not config.overwrite:
                check_own_folders(out_dir)
                remove_leftovers(out_dir)
                record = read_record(out_dir)
                if record is None:
                    check_no_results(out_dir, lacking=RUN_JSON)
            if record is None:
                config = config.resolved()
            elif "data_dir" not in config.given:
                # The run's own data folder, where pictures that it imported are found again.
                config = config.filled({"data_dir": data_dir_of(record, out_dir)})
            with stop.at_once():
                config = with_own_pictures(config, inform)
            if config.overwrite:
                # Once more, because the pictures of `--data` are now a data set with a name.
                check_data_stay(config)
            if record is not None:
                config = _continued(record, config, inform)
                if _is_finished(config, record, inform):
                    if machines is not None:
                        _gather(machines, stop, inform)
                    # A run that continues does this when it goes back to its checkpoint.
                    remove_leftovers(out_dir / FOLDER)
                    return
            _train_locked(config, record, stop, host, machines)


def _continued(record: RunRecord, config: RunConfig, inform: Inform) -> RunConfig:
    """Returns the settings to continue a run with; see `continued_config`."""
    begun = newest_iteration(config.out_dir) is not None
    continued = continued_config(record, config, begun=begun)
    if "init_weights" in config.given and config.init_weights != continued.init_weights:
        inform(
            f"--init_weights {config.init_weights} has no effect, because this run continues from "
            f"its checkpoint; it began with {continued.init_weights or 'weights of its own'}"
        )
    return continued


def _is_finished(config: RunConfig, record: RunRecord, inform: Inform) -> bool:
    """Returns whether nothing is left to train, and says so.

    Raises:
      RunConflictError: it has results, but no checkpoint.
    """
    iters = config.resolved_int("iters")
    newest = newest_iteration(config.out_dir)
    if record.is_finished(config, newest):
        more = f"{record.trained} iterations; give a larger --iters to train it further"
        why = more if record.trained >= iters else _no_gain(record)
        inform(f"{config.out}: this run is finished after {why}")
        return True
    if newest is None:
        check_no_results(config.out_dir, lacking="checkpoint")
    elif newest > iters:
        inform(
            f"{config.out}: this run has {newest} iterations already; "
            "give a larger --iters to train it further"
        )
        return True
    return False


def _train_locked(
    config: RunConfig,
    record: RunRecord | None,
    stop: StopRequest,
    host: Host,
    machines: Machines | None,
) -> None:
    """Trains with the folder locked; `config` is resolved, `record` is None for a new run.

    An earlier run in the folder is moved aside only after all checks have passed.
    """
    is_new = record is None
    inform = host.inform
    random_stream = seeded(config.seed)
    with stop.at_once():
        source = _read_data(config, record, random_stream, inform)
    # A signal waits until TensorFlow is loaded: this process could not resume a partial load.
    with phase("loading TensorFlow"), without_chatter():
        load_tensorflow()
    with stop.at_once():
        device = device_of(config)
    train = source.splits.train
    if record is None:
        dataset = dataset_entry(source)
        config = config.of_data(train.shape, classes_of(dataset)).counted(train.num_examples)
        if config.tune:
            with stop.at_once():
                config = tuned(config, inform)
        record = new_record(config, dataset, device.name)
    elif config.tune:
        inform("--tune has no effect on a run that has begun")
    for line in changed_surroundings(record, device.name):
        inform(line)
    if "CPU" in device.name and (warning := missed_onednn()):
        inform(warning)
    checkpoints = _checkpoints(config, record)
    newest = newest_iteration(config.out_dir)
    begins = is_new or newest is None
    changes = note_changes(record, config, newest or 0)
    check_observers(record, source.splits, out_moves=config.overwrite)
    if changes is not None:
        inform(changes)
    if machines is not None:
        if config.engine == "loop" and train.images.nbytes > MOST_SENT:
            raise UsageError(
                "--engine=loop: it sends all training images to each task, "
                f"{train.images.nbytes} bytes, but TensorFlow sends at most {MOST_SENT} bytes; "
                "give --engine feed"
            )
        _gather(machines, stop, inform, config)
    with contextlib.ExitStack() as stack:
        stack.enter_context(memory_errors_told(device))
        signs = config.health_every > 0
        opened = open_model(config, device, train.images.shape, signs=signs, machines=machines)
        model = stack.enter_context(opened)
        weights = None
        first_weights = SYSTEMS[config.system].first_weights
        if begins and first_weights is not None:
            weights = first_weights(config, train.images)
        if begins and config.init_weights is not None:
            weights = read_weights(config.init_weights, model.weight_shapes)
        if is_new:
            stack.enter_context(_cleared(config, inform))
        record.diverged = {}
        record.save(config.out_dir)
        inform(
            f"{config.system} on {source.name}, --seed {config.seed}, {device.name} "
            f"({device.reason}), results in {config.out_dir}"
        )
        apart = source.splits.validation.num_examples
        inform(
            f"training on {train.num_examples} of {train.num_examples + apart} images; "
            f"{apart} set apart for validation"
        )
        if is_new and record.from_preset:
            brought = ", ".join(
                f"--{name} {as_word(getattr(config, name))}" for name in record.from_preset
            )
            inform(f"--preset {config.preset} sets {brought}")
        chief = Chief(
            record=record,
            worker=Worker(config, model, train, random_stream, source.splits.validation),
            checkpoints=checkpoints,
            stop=stop,
            host=host,
        )
        with _going_on_told(chief):
            if begins:
                begin(chief, weights)
            while (trained := attempt(chief)) is None:
                pass
            record.trained = trained
            chief.save_record()
    if trained < config.resolved_int("iters"):
        inform(f"done: {_no_gain(record)}")
    else:
        inform(f"done: {config.iters} iterations, pictures and losses.csv in {config.out_dir}")


@contextlib.contextmanager
def _going_on_told(chief: Chief) -> Iterator[None]:
    """Names in an OutputError the command that continues the run; see `Chief.again`."""
    try:
        yield
    except OutputError as error:
        raise OutputError(
            str(error).replace("the same command", chief.again())
        ) from error.__cause__


def _gather(
    machines: Machines, stop: StopRequest, inform: Inform, config: RunConfig | None = None
) -> None:
    """Waits for the other tasks, even if only to tell them that the run is finished.

    If they are to train, `config` has the settings of the run, against which they are checked.
    """
    with stop.at_once():
        wait_for_others(machines.task, machines.timeout_s, inform)
        if config is not None:
            check_greetings(machines, config)


def _no_gain(record: RunRecord) -> str:
    """Returns why a run ended before its last iteration, and how to continue it."""
    best, out_dir = record.best, record.config.out_dir
    return (
        f"{record.trained} of {record.config.iters} iterations, because the last "
        f"{best['no_gain']} evaluations did not improve {best['figure']}; the best checkpoint, of "
        f"iteration {best['iteration']} ({best['value']:.4g}), is --from {out_dir / BEST}; give a "
        "larger --stop_after_no_gain, or 0, to train further"
    )


def check_data_stay(config: RunConfig) -> None:
    """Checks that the data are not in the folder of the results, which --overwrite moves.

    Raises:
      UsageError: they are.
    """
    out = os.path.realpath(config.out)
    named = [("data_dir", config.data_dir), ("data", config.data)]
    # The folder of the results may also be the data set's own folder.
    names = ("mnist", "digits") if config.dataset == "auto" else (config.dataset,)
    named += [("dataset", os.path.join(config.data_dir, name)) for name in names]
    for name, place in named:
        if place is not None and pathlib.Path(os.path.realpath(place)).is_relative_to(out):
            raise UsageError(
                f"--{name}: {place} is in --out={config.out}, which --overwrite moves aside; "
                "choose another --out, or move the data"
            )


def with_lasting_out(config: RunConfig) -> RunConfig:
    """Returns settings whose paths name the same places after the folder `out` has been moved.

    Relative paths would move along with that folder if the working directory is in it.
    """
    out = os.path.realpath(config.out)
    if not pathlib.Path.cwd().is_relative_to(out):
        return config
    named = {name: getattr(config, name) for name in ("log_json", "against")}
    lasting = {name: os.path.abspath(path) for name, path in named.items() if path is not None}
    return config.filled({"out": out, **lasting})


@contextlib.contextmanager
def _cleared(config: RunConfig, inform: Inform) -> Iterator[None]:
    """Moves an earlier run in the folder aside, if that was asked for, and keeps the folder locked.

    The lock moves along with the earlier run, so the new folder gets its own during the block.
    """
    aside = move_aside(config.out_dir) if config.overwrite else None
    if aside is None:
        check_own_folders(config.out_dir)
        yield
        return
    inform(f"moved what was in {config.out_dir} to {aside}")
    with run_lock(config.out_dir, inform):
        yield


def _checkpoints(config: RunConfig, record: RunRecord) -> Checkpoints:
    keep = config.keep_checkpoints
    return Checkpoints(config.out_dir, record.run_id, keep, lambda: record.best.get("iteration"))


def check_needs(record: RunRecord) -> None:
    """Checks what a run needs, before an earlier run is moved aside: its data and observers.

    Raises:
      VanillaGanError: one of them is missing or cannot be used.
    """
    source = _read_data(record.config, record, unread(), lambda line: None)
    check_observers(record, source.splits, out_moves=True)


def device_of(config: RunConfig) -> Device:
    """Returns the device of a run; loads TensorFlow to find out.

    Raises:
      DeviceError: it is not there, or cannot compute as the settings ask for.
    """
    with phase("loading TensorFlow"), without_chatter():
        load_tensorflow()
        device = choose_device(config.device)
        check_precision(config.precision, device)
        check_towers(config.towers, device)
    return device


def _read_data(
    config: RunConfig,
    record: RunRecord | None,
    random_stream: np.random.RandomState,
    inform: Inform,
) -> DataSource:
    """Reads the data, which must be those of `record` if there is one."""
    source = read_data_sets(
        config.dataset if record is None else record.dataset["name"],
        config.data_dir,
        random_stream,
        pixels=SYSTEMS[config.system].pixels(),
        allow_unverified=config.allow_unverified_data,
        num_classes=None if record is None else record.config.num_classes,
        train_examples=None if record is None else record.dataset["train_examples"],
        checksum=None if record is None else record.dataset["checksum"],
        inform=inform,
    )
    if record is not None and source.checksum != record.dataset["checksum"]:
        raise RunConflictError(
            f"{config.out} holds a run on other data: {source.name} had the checksum "
            f"{record.dataset['checksum']}, but the one in {config.data_dir} has "
            f"{source.checksum}; give the old --data_dir, choose another --out, or start anew with "
            "--overwrite, which first moves that run aside"
        )
    train = source.splits.train
    if record is not None and (train.shape, train.num_examples) != (
        record.config.image_shape,
        record.dataset["train_examples"],
    ):
        raise DamagedRunError(
            f"{config.out_dir / RUN_JSON} does not match these data: it records "
            f"{record.dataset['train_examples']} images of {record.config.image_shape}, but there "
            f"are {train.num_examples} of {train.shape}; put the original file back, or the data's "
            "original split.json if that was changed"
        )
    return source
