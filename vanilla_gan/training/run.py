"""A run from its settings to its last checkpoint: begun, continued, rewound, finished."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Collection
from typing import TextIO

import numpy as np

from vanilla_gan.config import RunConfig
from vanilla_gan.data.dataset import DataSet
from vanilla_gan.data.read import DataSource, read_data_sets
from vanilla_gan.errors import DivergedError, RunConflictError
from vanilla_gan.files import remove_leftovers
from vanilla_gan.graph.tf1 import load_tensorflow
from vanilla_gan.graph.weights import Weights, read_weights
from vanilla_gan.quiet import without_chatter
from vanilla_gan.results.losses_csv import Mark, check_mark
from vanilla_gan.results.pictures import numbered_pictures
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.training.checkpoint import Checkpoint, Checkpoints
from vanilla_gan.training.feed import FeedEngine
from vanilla_gan.training.in_graph import LoopEngine
from vanilla_gan.training.lock import run_lock
from vanilla_gan.training.loop import Engine, TrainingLoop
from vanilla_gan.training.model import Model, open_model
from vanilla_gan.training.out_folder import check_no_strange_results, make_out_dir, move_aside
from vanilla_gan.training.progress import Progress
from vanilla_gan.training.record import (
    RunRecord,
    changed_surroundings,
    continued_config,
    new_record,
    read_record,
)
from vanilla_gan.training.recorder import Recorder
from vanilla_gan.training.session import choose_device
from vanilla_gan.training.signals import StopRequest, stop_on_signals
from vanilla_gan.training.stream import PICTURE_SAMPLES, Stream

# Tells the stream of fixed picture noise from those of rewound runs, which are numbered from 1.
PICTURE_STREAM = 1 << 20

Inform = Callable[[str], None]


def _to_stderr(line: str) -> None:
    # A closed terminal is no reason to lose what the line is about.
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def train(
    config: RunConfig,
    given: Collection[str] = (),
    *,
    stdout: TextIO | None = None,
    inform: Inform = _to_stderr,
) -> None:
    """Trains the run in `config.out`: begins it, continues it, or says that it is finished.

    Args:
      config: the settings.
      given: the names of those that the user asked for; a run that is continued takes all others
        from itself.
      stdout: where the published lines go; standard output unless given.
      inform: called with each line for the user; prints to stderr.

    Raises:
      VanillaGanError: every failure that a user can cause; see `errors`.

    Side effects: writes into `config.out`, and into `config.data_dir` what has to be downloaded or
    drawn. In the main thread handles SIGINT, SIGTERM and SIGHUP while it runs.
    """
    out_dir = config.out_dir
    with stop_on_signals() as stop:
        make_out_dir(out_dir)
        if config.overwrite:
            with run_lock(out_dir):
                aside = move_aside(out_dir)
            if aside is not None:
                inform(f"moved what was in {out_dir} to {aside}")
        with run_lock(out_dir):
            remove_leftovers(out_dir)
            record = read_record(out_dir)
            if record is None:
                check_no_strange_results(out_dir)
                config = config.resolved()
            else:
                config = continued_config(record, config, given)
                if record.trained >= config.resolved_int("iters"):
                    inform(
                        f"{out_dir}: this run is finished after {record.trained} iterations; "
                        "give a larger --iters to train it further"
                    )
                    return
            _train_locked(config, record, stop, stdout or sys.stdout, inform)


def _train_locked(
    config: RunConfig, record: RunRecord | None, stop: StopRequest, stdout: TextIO, inform: Inform
) -> None:
    """Trains with the folder locked; `config` is resolved, `record` is None for a new run."""
    random_stream = np.random.RandomState(config.seed)
    source = _read_data(config, record, random_stream, inform)
    with without_chatter():
        load_tensorflow()
        device = choose_device(config.device)
    if record is None:
        dataset = {
            "name": source.name,
            "checksum": source.checksum,
            "train_examples": source.splits.train.num_examples,
        }
        config = config.counted(source.splits.train.num_examples)
        record = new_record(config, dataset, device.name)
    for line in changed_surroundings(record, device.name):
        inform(line)
    record.config = config
    stream = _stream(config, source.splits.train, random_stream)
    images_shape = source.splits.train.images.shape if config.engine == "loop" else None
    with open_model(config, device, images_shape) as model:
        weights = None
        if config.init_weights is not None:
            weights = read_weights(config.init_weights, model.weight_shapes)
        record.save(config.out_dir)
        inform(
            f"{config.system} on {source.name}, --seed {config.seed}, {device.name} "
            f"({device.reason}), results in {config.out_dir}"
        )
        attempts = _Attempts(config, record, model, stream, weights, stop, stdout, inform)
        while not attempts.train():
            pass
    record.trained = config.resolved_int("iters")
    record.save(config.out_dir)
    inform(f"done: {config.iters} iterations, pictures and losses.csv in {config.out_dir}")


def _stream(config: RunConfig, train: DataSet, random_stream: np.random.RandomState) -> Stream:
    """Returns the stream of a run at its beginning."""
    system = SYSTEMS[config.system]
    z_dim = config.resolved_int("z_dim")
    picture_noise = None
    if system.epoch_samples:
        apart = np.random.RandomState([config.resolved_int("seed"), PICTURE_STREAM])
        picture_noise = system.sample_Z(apart, PICTURE_SAMPLES, z_dim).astype(np.float32)
    return Stream(
        system,
        train,
        random_stream,
        batch_size=config.resolved_int("batch_size"),
        z_dim=z_dim,
        picture_noise=picture_noise,
    )


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
        inform=inform,
    )
    if record is not None and source.checksum != record.dataset["checksum"]:
        raise RunConflictError(
            f"{config.out} holds a run on other data: {source.name} had the checksum "
            f"{record.dataset['checksum']}, the one in {config.data_dir} has {source.checksum}; "
            "give the old --data_dir, choose another --out, or start anew with --overwrite, which "
            "first moves that run aside"
        )
    return source


class _Attempts:
    """Trains from the newest checkpoint to the end, once more after each rewind."""

    def __init__(
        self,
        config: RunConfig,
        record: RunRecord,
        model: Model,
        stream: Stream,
        weights: Weights | None,
        stop: StopRequest,
        stdout: TextIO,
        inform: Inform,
    ) -> None:
        self._config = config
        self._record = record
        self._model = model
        self._stream = stream
        self._beginning = stream.state()
        self._engine = _engine(model, stream.train)
        self._weights = weights
        self._stop = stop
        self._stdout = stdout
        self._inform = inform
        self._checkpoints = Checkpoints(config.out_dir, record.run_id, config.keep_checkpoints)

    def train(self) -> bool:
        """Trains to the end; returns False if the run was rewound and has to go on."""
        config, record = self._config, self._record
        start, mark = self._go_back()
        progress = Progress(start, config.resolved_int("iters"), self._inform)
        recorder = Recorder(
            config.out_dir,
            start=start,
            mark=mark,
            sample_every=config.resolved_int("sample_every"),
            log_every=config.log_every,
            stdout=self._stdout,
            quiet=progress.paused,
            rows_cols=(10, 10) if config.sample_class == "all" else (4, 4),
            epoch_samples=SYSTEMS[config.system].epoch_samples,
        )
        loop = TrainingLoop(
            config,
            self._model,
            self._engine,
            self._stream,
            recorder,
            self._checkpoints,
            self._stop,
            progress,
            rewinds=len(record.rewinds),
        )
        with contextlib.closing(recorder), contextlib.closing(progress):
            try:
                loop.run(start)
            except DivergedError as error:
                if config.on_nan != "rewind" or len(record.rewinds) >= config.max_rewinds:
                    raise self._story(error) from error
                record.rewinds.append({"iteration": error.iteration, "to": loop.saved_at})
                record.save(config.out_dir)
                self._inform(
                    f"{error}; back to iteration {loop.saved_at} with new noise "
                    f"(rewind {len(record.rewinds)} of {config.max_rewinds})"
                )
                return False
        return True

    def _go_back(self) -> tuple[int, Mark | None]:
        """Restores the newest whole checkpoint, or the beginning where there is none.

        Returns:
          The iteration that comes next, and where `losses.csv` ended there.
        """
        config, record = self._config, self._record
        self._checkpoints.remove_leftovers()
        checkpoint = self._checkpoints.newest_whole(self._check_losses, self._inform)
        if checkpoint is None:
            self._model.initialise(self._weights)
            self._stream.restore(self._beginning)
            start, mark, rewinds = 0, None, 0
        else:
            self._model.restore(checkpoint.prefix)
            self._stream.restore(checkpoint.state)
            start, mark = checkpoint.iteration, _mark(checkpoint)
            rewinds = int(checkpoint.state["rewinds"])
            self._inform(f"continuing at iteration {start} of {config.iters}")
        self._checkpoints.set_aside_after(start)
        # Rewinds to later iterations than this one are still to come, and will come again.
        record.rewinds = [rewind for rewind in record.rewinds if rewind["to"] <= start]
        if len(record.rewinds) > rewinds:
            self._stream.reseed(config.resolved_int("seed"), len(record.rewinds))
        return start, mark

    def _check_losses(self, checkpoint: Checkpoint) -> None:
        check_mark(self._config.out_dir / "losses.csv", _mark(checkpoint))

    def _story(self, error: DivergedError) -> DivergedError:
        """Returns the error with what is left of the run, the likely reason, and what to do."""
        pictures = list(numbered_pictures(self._config.out_dir).values())
        if self._config.loss == "log":
            why = (
                "the log form takes the logarithm of a probability, which float32 rounds to 0 once "
                "the discriminator is sure enough, as in the published program: use --loss "
                "sigmoid_cross_entropy, which computes the same from the logits"
            )
        else:
            why = "try another --seed, a lower --learning_rate, or --on_nan rewind"
        last = f"the last good picture is {pictures[-1]}" if pictures else "no picture was good"
        return DivergedError(
            error.iteration, f"stopped at {error}; {last}, nothing later was saved; {why}"
        )


def _engine(model: Model, train: DataSet) -> Engine:
    if model.loop is None:
        return FeedEngine(model.session, model.gan, train)
    return LoopEngine(model.session, model.loop, train)


def _mark(checkpoint: Checkpoint) -> Mark:
    state = checkpoint.state
    return Mark(int(state["losses_size"]), int(state["losses_crc32"]))
