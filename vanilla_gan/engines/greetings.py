"""Greetings: what each task of a cluster tells its chief, and whether the two go together."""

from __future__ import annotations

import importlib.metadata
import json
import time
from typing import Any

from vanilla_gan import __version__
from vanilla_gan.declare import as_word, table_of
from vanilla_gan.engines.machines import Machines, device
from vanilla_gan.engines.peers import POLL_S
from vanilla_gan.engines.task import Task
from vanilla_gan.errors import LostPeerError, UsageError
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.settings import RunConfig

# Only the chief reads data and weights, and knows the names of the classes.
_CHIEFS_OWN = frozenset({"dataset", "init_weights", "sample_class"})


def only(task: Task, peer: tuple[str, int]) -> Any:
    """Returns the settings of a session that needs no task but this one and a peer."""
    filters = [f"/job:{role}/task:{k}" for role, k in {peer, (task.role, task.index)}]
    return tf.ConfigProto(device_filters=filters)


def greeting(task: Task, config: RunConfig) -> str:
    """Returns what a task says of itself: its versions, and the settings that somebody gave."""
    given = {
        name: as_word(getattr(config, name))
        for name, entry in table_of(RunConfig).items()
        if name in config.given and not entry.is_free and name not in _CHIEFS_OWN
    }
    return json.dumps([task.role, task.index, _versions(), given])


def greet(text: str) -> Any:
    """Returns the operation that tells the chief, on whose device it has to be."""
    return _queue().enqueue(text)


def check_greetings(machines: Machines, config: RunConfig) -> None:
    """Waits for the greetings of all other tasks, and compares them with the chief.

    Args:
      machines: the chief's.
      config: the settings of the run, complete.

    Raises:
      UsageError: a task has other versions, or was given a setting that the run does not have.
      LostPeerError: one does not greet within the timeout.
    """
    task = machines.task
    with tf.Graph().as_default() as graph, tf.device(device(task.chief)):
        waiting, take = _queue().size(), _queue().dequeue()
    missing, began_s = set(task.others), time.monotonic()
    with tf.Session(machines.target, graph=graph, config=only(task, task.chief)) as session:
        while missing:
            if session.run(waiting):
                role, index, versions, given = json.loads(session.run(take))
                missing.discard((role, index))
                _check(task.named((role, index)), versions, given, config)
            elif time.monotonic() - began_s > machines.timeout_s:
                names = ", ".join(map(task.named, sorted(missing)))
                raise LostPeerError(
                    f"waited {machines.timeout_s:g} s for a word of {names}; start the same "
                    "command with the same version there, or give a longer --cluster_timeout"
                )
            else:
                time.sleep(POLL_S)


def _check(name: str, versions: dict[str, str], given: dict[str, str], config: RunConfig) -> None:
    ours = _versions()
    if versions != ours:
        theirs, own = (
            ", ".join(f"{what} {version}" for what, version in of.items())
            for of in (versions, ours)
        )
        raise UsageError(f"{name} has {theirs}, and the chief has {own}; install the same on both")
    table = table_of(RunConfig)
    for setting, value in given.items():
        if value != (own := as_word(getattr(config, setting))):
            raise UsageError(
                f"{name} was started with --{table[setting].flag} {value}, and this run has {own}; "
                "start every task with the same command"
            )


def _versions() -> dict[str, str]:
    return {"vanilla_gan": __version__, "tensorflow": importlib.metadata.version("tensorflow")}


def _queue() -> Any:
    return tf.FIFOQueue(-1, tf.string, shapes=[()], shared_name="vanilla_gan_greetings")
