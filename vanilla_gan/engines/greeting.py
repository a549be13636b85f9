"""Greeting: what a task tells the chief about itself, and whether that matches the chief."""

from __future__ import annotations

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

# Not compared: a task's own file, a class under either of its names, what each task checks by
# itself, and the data, which only the chief reads.
_OWN = ("init_weights", "sample_class", "towers", "dataset")


def greet(task: Task, target: str, config: RunConfig) -> None:
    """Tells the chief which task this is, its versions, and the settings that it was given.

    Raises:
      tf.errors.OpError: the chief is gone.
    """
    said = json.dumps(
        {
            "role": task.role,
            "index": task.index,
            "versions": _versions(),
            "settings": {
                entry.flag: as_word(getattr(config, name))
                for name, entry in table_of(RunConfig).items()
                if name in config.given and not entry.is_free and name not in _OWN
            },
        }
    )
    with tf.Graph().as_default() as graph, tf.device(device(task.chief)):
        tell = _greetings().enqueue(said)
    with tf.Session(target, graph=graph, config=only(task, task.chief)) as session:
        session.run(tell)


def check_greetings(machines: Machines, config: RunConfig) -> None:
    """Waits for the greetings of all other tasks and checks them.

    A task need not be given all settings, but those that it was given must match the chief's.

    Raises:
      UsageError: a task has another version, or another value of a setting that matters.
      LostPeerError: a task listens, but does not greet within the timeout.
    """
    task = machines.task
    silent = {*task.others}
    began_s = time.monotonic()
    with tf.Graph().as_default() as graph, tf.device(device(task.chief)):
        greetings = _greetings()
        size, greeting = greetings.size(), greetings.dequeue()
    proto = only(task, task.chief)
    with tf.Session(machines.target, graph=graph, config=proto) as session:
        while silent:
            if session.run(size):
                said = json.loads(session.run(greeting))
                peer = (said["role"], said["index"])
                if peer not in task.others:
                    raise UsageError(
                        f"a task calls itself {peer[0]} {peer[1]}, but this cluster has no such "
                        "task; give all tasks the same --cluster"
                    )
                _check(task.named(peer), said, config)
                silent.discard(peer)
            elif time.monotonic() - began_s > machines.timeout_s:
                names = ", ".join(map(task.named, sorted(silent)))
                raise LostPeerError(
                    f"{names} did not send a version within {machines.timeout_s:g} s; start the "
                    "same version of this program on all machines"
                )
            else:
                time.sleep(POLL_S)


def _check(name: str, said: dict[str, Any], config: RunConfig) -> None:
    flags = {entry.flag: name for name, entry in table_of(RunConfig).items()}
    pairs = [(f"{what} ", said["versions"][what], own) for what, own in _versions().items()]
    pairs += [
        (f"--{flag}=", value, as_word(getattr(config, flags[flag])))
        for flag, value in said["settings"].items()
        if flag in flags
    ]
    for what, there, here in pairs:
        if there != here:
            raise UsageError(
                f"{name} has {what}{there}, but the chief has {what}{here}; start the same command "
                "with the same versions on all machines"
            )


def only(task: Task, peer: tuple[str, int]) -> Any:
    """Returns the `tf.ConfigProto` of a session that needs only this task and a peer."""
    filters = [f"/job:{role}/task:{k}" for role, k in {peer, (task.role, task.index)}]
    return tf.ConfigProto(device_filters=filters)


def _versions() -> dict[str, str]:
    return {"vanilla_gan": __version__, "TensorFlow": tf.__version__}


def _greetings() -> Any:
    return tf.FIFOQueue(-1, tf.string, shapes=[()], shared_name="vanilla_gan_greetings")
