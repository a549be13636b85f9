"""The Python interface: what the commands do, as functions, and the graph of given settings."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.agreement.settings import CompareConfig
from vanilla_gan.data.pictures.settings import ImportConfig
from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.errors import StoppedBySignal, UsageError
from vanilla_gan.generator.generator import find_checkpoint
from vanilla_gan.generator.settings import ExportConfig
from vanilla_gan.graph.gan import Gan, build_gan
from vanilla_gan.graph.tf1 import load_tensorflow, tf
from vanilla_gan.observers.cell import Cell, in_notebook, run_as_html
from vanilla_gan.observers.observer import Observer
from vanilla_gan.quality.settings import EvaluateConfig
from vanilla_gan.report.settings import ReportConfig
from vanilla_gan.runfolder.checkpoint import checkpoint_folder, newest_iteration
from vanilla_gan.runfolder.health_csv import NUMBERS, read_health
from vanilla_gan.runfolder.losses_csv import read_losses
from vanilla_gan.runfolder.names import HEALTH, LOSSES
from vanilla_gan.runfolder.pictures import numbered_pictures
from vanilla_gan.runfolder.quality_json import Evaluation, read_evaluations
from vanilla_gan.runfolder.record import read_record
from vanilla_gan.say import say
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.training import fork as forks
from vanilla_gan.training import run
from vanilla_gan.training.host import Host


class TrainedRun(NamedTuple):
    """The state of a run. A notebook displays it as the newest picture beside the losses.

    Attributes:
      out: the folder of its results.
      iterations: how many it was trained for.
      checkpoint: the folder of its newest checkpoint. `Generator.load` takes either folder. If
        all checkpoints of a finished run were removed, this is where the last one was.
    """

    out: pathlib.Path
    iterations: int
    checkpoint: pathlib.Path

    @property
    def losses(self) -> npt.NDArray[Any]:
        """The rows of `losses.csv`, as a structured array with one field per column."""
        return _records(read_losses(self.out / LOSSES)._asdict())

    @property
    def health(self) -> npt.NDArray[Any]:
        """The signs in `health.csv`, as a structured array; NaN if a sign is missing."""
        rows = read_health(self.out / HEALTH).with_signs()
        columns = {name: rows.of(name) for name in NUMBERS}
        return _records({"iteration": rows.iteration, **columns})

    def pictures(self) -> dict[int, pathlib.Path]:
        """Returns the numbered pictures by iteration, ascending."""
        record = read_record(self.out)
        every = record.config.resolved_int("sample_every") if record else 1
        return {number * every: path for number, path in numbered_pictures(self.out).items()}

    @property
    def quality(self) -> list[Evaluation]:
        """The run's evaluations, in ascending order of iteration; see `evaluate`."""
        return read_evaluations(self.out)

    def _repr_html_(self) -> str:
        return run_as_html(self.out)


def _records(columns: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    kinds = [(name, column.dtype) for name, column in columns.items()]
    records: npt.NDArray[Any] = np.rec.fromarrays(list(columns.values()), dtype=kinds)
    return records


def train(config: RunConfig, observers: Sequence[Observer] | None = None) -> TrainedRun:
    """Trains the run in `config.out`, as the command does: begins it, or continues it.

    A continued run keeps its own value of every setting that is not given in `config`. The
    published lines go to `sys.stdout`, all others to `sys.stderr`; a notebook shows both in the
    cell.

    Args:
      config: the settings.
      observers: told of each picture and each block of iterations; see `Observer`. By default
        there are none, except in a notebook, where one shows the newest picture and the losses in
        the cell.

    Returns:
      The state of the run after training.

    Raises:
      VanillaGanError: every failure that a user can cause.
      KeyboardInterrupt: the kernel was interrupted. The state is saved, and the same call continues
        the run. Any other signal has its usual effect once the state is saved.

    Side effects: those of `training.run.train`.
    """
    if config.overwrite:
        config = run.with_lasting_out(config)
    with _interruptible():
        run.train(config, _host(config, observers))
    return _trained(config)


def fork(
    source: str | os.PathLike[str], config: RunConfig, observers: Sequence[Observer] | None = None
) -> TrainedRun:
    """Starts a run in `config.out` from the state of another run, and trains it.

    Args:
      source: the folder of that run, for its newest checkpoint; or one of its checkpoints.
      config: the settings; each one that is not given is taken from that run.
      observers: see `train`.

    Returns:
      The state of the new run after training.

    Raises:
      VanillaGanError: every failure that a user can cause; see `training.fork.fork`.
      KeyboardInterrupt: see `train`.

    Side effects: those of `train`.
    """
    if config.overwrite:
        config = run.with_lasting_out(config)
    with _interruptible():
        forks.fork(os.fspath(source), config, _host(config, observers))
    return _trained(config)


def _host(config: RunConfig, observers: Sequence[Observer] | None) -> Host:
    if observers is None:
        observers = [Cell(config.out_dir)] if in_notebook() else []
    return Host(observers=observers, second_signal_exits=False, raises_late=True)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Lets a signal that stopped the run in the block have its usual effect in Python."""
    try:
        yield
    except StoppedBySignal as error:
        if error.signal_number == signal.SIGINT:
            raise KeyboardInterrupt(str(error)) from None
        say(str(error))
        signal.raise_signal(error.signal_number)
        raise


def _trained(config: RunConfig) -> TrainedRun:
    out_dir = config.out_dir
    record = read_record(out_dir)
    if record is not None and newest_iteration(out_dir) is None:
        # The run was already finished and its checkpoints are gone; its results can still be read.
        return TrainedRun(out_dir, record.trained, checkpoint_folder(out_dir, record.trained))
    _, checkpoint = find_checkpoint(out_dir)
    return TrainedRun(out_dir, checkpoint.iteration, checkpoint.folder)


def evaluate(source: str | os.PathLike[str], **settings: Any) -> dict[str, Any]:
    """Compares samples of a trained generator with real images, as the command does.

    Args:
      source: a run, one of its checkpoints, or an export.
      settings: the flags of `./run.sh evaluate`, as keyword arguments.

    Returns:
      What the command prints as JSON; see docs/quality.md.

    Raises:
      VanillaGanError: every failure that a user can cause; see `quality.evaluate.evaluate`.
    """
    from vanilla_gan.quality.evaluate import evaluate

    return evaluate(EvaluateConfig(source=os.fspath(source), **settings), say)


def compare(source: str | os.PathLike[str], **settings: Any) -> dict[str, Any]:
    """Compares a run with what was published, as the command does.

    Args:
      source: the run.
      settings: the flags of `./run.sh compare`, as keyword arguments.

    Returns:
      What the command prints as JSON. A run that does not agree raises no error: `failed` counts
      the verdicts that fail.

    Raises:
      VanillaGanError: every failure that a user can cause; see `agreement.compare.compare`.
    """
    from vanilla_gan.agreement.compare import compare
    from vanilla_gan.agreement.comparison import as_dict

    return as_dict(compare(CompareConfig(source=os.fspath(source), **settings), say))


def doctor(source: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns which diseases the signs of a run show, as the command does.

    Args:
      source: the folder of a run.

    Returns:
      What `./run.sh doctor --format json` prints.

    Raises:
      VanillaGanError: there is no run, it has no signs, or a file is damaged.
    """
    from vanilla_gan.health.doctor import as_dict, examined

    return as_dict(examined(os.fspath(source)))


def make_report(source: str | os.PathLike[str], **settings: Any) -> pathlib.Path:
    """Writes an HTML page about a run, as the command `report` does, and returns its path.

    Args:
      source: the run.
      settings: the flags of `./run.sh report`, as keyword arguments.

    Raises:
      VanillaGanError: every failure that a user can cause; see `report.report.write_report`.
    """
    from vanilla_gan.report.report import write_report

    return write_report(ReportConfig(source=os.fspath(source), **settings), say)


def export(
    source: str | os.PathLike[str], out: str | os.PathLike[str], **settings: Any
) -> pathlib.Path:
    """Exports a trained system, as the command does, and returns the path of the export.

    Args:
      source: a run, one of its checkpoints, or an export.
      out: the folder or file to make.
      settings: the flags of `./run.sh export`, as keyword arguments, such as `format="onnx"`.

    Raises:
      VanillaGanError: every failure that a user can cause; see `generator.export.export`.
    """
    from vanilla_gan.generator.export import export

    config = ExportConfig(source=os.fspath(source), out=os.fspath(out), **settings)
    return export(config, say)


def import_images(
    source: str | os.PathLike[str], out: str | os.PathLike[str], **settings: Any
) -> pathlib.Path:
    """Makes a data set from pictures or a file of images, as the command does; returns its folder.

    Args:
      source: a folder of pictures, or a `.npy`, `.npz` or `.csv` file.
      out: the folder to make.
      settings: the flags of `./run.sh import_images`, as keyword arguments.

    Raises:
      VanillaGanError: every failure that a user can cause; see
        `data.pictures.import_images.import_images`.
    """
    from vanilla_gan.data.pictures.import_images import import_images

    config = ImportConfig(source=os.fspath(source), out=os.fspath(out), **settings)
    import_images(config, say)
    return config.out_dir


def build_graph(config: RunConfig, graph: Any = None) -> Gan:
    """Builds the graph of the system in `config`, with its losses and solvers.

    Args:
      config: the settings; without a seed, a new one is drawn.
      graph: the `tf.Graph` to build in, which must have no variables; by default a new one.

    Returns:
      The graph's handles; `handles.X.graph` is the graph. The variables have no values until a
      session runs `handles.init`. Initial weights that depend on the images, such as the last bias
      of `goodfellow2014`'s G, are 0: see `System.first_weights`.

    Raises:
      UsageError: a setting does not apply to the system, or the graph has variables already.

    Side effects: sets the seed of `graph`. The default graph stays as it is.
    """
    # Not part of the graph, and `resolved` would reject the `iters` and `epochs` of a recorded run.
    config = dataclasses.replace(config, iters=None, epochs=None, tune=False).resolved()
    with without_chatter():
        load_tensorflow()
    graph = tf.Graph() if graph is None else graph
    with graph.as_default():
        names = [variable.op.name for variable in tf.global_variables()]
        if names:
            raise UsageError(
                f"the graph already has variables ({names[0]} is the first of {len(names)}); "
                "expected a graph without variables; leave out `graph` to get a new one"
            )
        return build_gan(SYSTEMS[config.system], config, config.resolved_int("seed"))
