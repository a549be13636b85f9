"""What a notebook uses: a run from its settings, a graph from its settings."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, NamedTuple

from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.errors import UsageError
from vanilla_gan.generator.generator import find_checkpoint
from vanilla_gan.graph.gan import Gan, build_gan
from vanilla_gan.graph.tf1 import load_tensorflow, tf
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.training import fork as forks
from vanilla_gan.training import run


class TrainedRun(NamedTuple):
    """Where a run stands.

    Attributes:
      out: the folder of its results.
      iterations: how many it was trained for.
      checkpoint: the folder of its newest checkpoint. `Generator.load` takes either folder.
    """

    out: pathlib.Path
    iterations: int
    checkpoint: pathlib.Path


def train(config: RunConfig) -> TrainedRun:
    """Trains the run in `config.out`, as the command does: begins it, or continues it.

    A run that is continued takes from itself every setting that `config` was not given. The
    published lines go to `sys.stdout`, all others to `sys.stderr`: to the cell, in a notebook.

    Returns:
      Where the run stands then.

    Raises:
      VanillaGanError: every failure that a user can cause. `StoppedBySignal`, one of them, comes of
        interrupting the kernel: the state is saved, and the same call continues the run.

    Side effects: those of `training.run.train`.
    """
    run.train(config)
    return _trained(config)


def fork(source: str, config: RunConfig) -> TrainedRun:
    """Begins a run in `config.out` with the state of another one, and trains it.

    Args:
      source: that run's folder, for its newest checkpoint; or a checkpoint in it.
      config: what is not given is that run's.

    Returns:
      Where the new run stands then.

    Raises:
      VanillaGanError: every failure that a user can cause; see `training.fork.fork`.

    Side effects: those of `train`.
    """
    forks.fork(source, config)
    return _trained(config)


def _trained(config: RunConfig) -> TrainedRun:
    _, checkpoint = find_checkpoint(config.out_dir)
    return TrainedRun(config.out_dir, checkpoint.iteration, checkpoint.folder)


def build_graph(config: RunConfig, graph: Any = None) -> Gan:
    """Builds the graph of the settings' system, with its losses and solvers.

    Args:
      config: the settings; a seed that is left out is drawn afresh.
      graph: a `tf.Graph` without variables to build it in; a new one unless given.

    Returns:
      The graph's handles; `handles.X.graph` is the graph. The variables have no values before a
      session has run `handles.init`.

    Raises:
      UsageError: a setting does not apply to the system, or the graph has variables already.

    Side effects: sets the seed of `graph`. The default graph stays as it is.
    """
    # How long to train is no part of the graph; the settings of a finished run say it twice.
    config = dataclasses.replace(config, iters=None, epochs=None).resolved()
    with without_chatter():
        load_tensorflow()
    graph = tf.Graph() if graph is None else graph
    with graph.as_default():
        names = [variable.op.name for variable in tf.global_variables()]
        if names:
            raise UsageError(
                f"the graph has variables already, {names[0]} the first of {len(names)}; expected "
                "one without; leave it out to have a new one made"
            )
        return build_gan(SYSTEMS[config.system], config, config.resolved_int("seed"))
