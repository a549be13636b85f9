"""A run on the tasks of a cluster: the chief trains, and every other task is a plain server.

The servers wait for the exit status of the run in a queue on the chief, and exit with it. If the
chief dies without sending one, they exit with the status for a lost peer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from vanilla_gan.engines.greeting import greet, only
from vanilla_gan.engines.machines import Machines, device
from vanilla_gan.engines.peers import POLL_S, absent, answers
from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.engines.session import Device, check_precision, config_proto
from vanilla_gan.engines.task import Task
from vanilla_gan.engines.threads import threads_within_operation, usable_cores
from vanilla_gan.errors import (
    CheckpointError,
    DeviceError,
    LostPeerError,
    OutputError,
    StoppedBySignal,
    UsageError,
    VanillaGanError,
)
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.settings import RunConfig
from vanilla_gan.training.host import Host
from vanilla_gan.training.run import train
from vanilla_gan.training.signals import stop_on_signals

Inform = Callable[[str], None]
_FAREWELL_S = 5.0
# Below the 30 s that Slurm and Kubernetes leave between SIGTERM and SIGKILL.
_GRACE_S = 20.0
_LOOK_S = 10.0
_PING_S = 2.0
_DIRECT = "no_grpc_proxy"  # gRPC prefers it to `no_proxy`


def train_in_cluster(task: Task, config: RunConfig, host: Host) -> None:
    """Does this task's part of a run: the chief trains it, any other task serves the chief.

    The chief reads and writes all files. A serving task needs no data, and no settings but the
    timeout and the threads; any others that it is given must match the chief's. Its process ends
    here, with the chief's exit status.

    Raises:
      VanillaGanError: see `training.run`; also a lost peer, or settings that do not go together.

    Side effects: sets environment variables that TensorFlow's connections read. The server listens
    on every interface.
    """
    count = len(task.towers)
    if "towers" in config.given and config.towers != count:
        raise UsageError(
            f"--towers={config.towers}: this cluster has {count} tasks that train, and each is one "
            "tower; leave it out"
        )
    for name in ("tune", "jit_compile"):
        if getattr(config, name):
            raise UsageError(
                f"--{name} is for one machine; leave it out, or train without a cluster"
            )
    if config.device.startswith("gpu"):
        raise UsageError(f"--device={config.device}: a cluster trains on CPUs only; leave it out")
    config = dataclasses.replace(config, towers=count, device="cpu")
    _set_environment(task)
    if not task.is_chief:
        # The chief checks its own processor within `_leading`, which tells the others of a failure.
        if (task.role, task.index) in task.towers:
            check_precision(config.precision, Device("/CPU:0", ""))
        _serve(task, config, host.inform)
    with _leading(task, config, host.inform) as machines:
        train(config, host, machines)


@contextlib.contextmanager
def _leading(task: Task, config: RunConfig, inform: Inform) -> Iterator[Machines]:
    """Serves as the chief during the block, and tells the others how it ended.

    Raises:
      LostPeerError: the block failed because a peer is gone.
    """
    server = _start(task, config, inform)
    machines = Machines(task, server.target, config.cluster_timeout)
    status = 1
    try:
        yield machines
        status = 0
    except (tf.errors.OpError, CheckpointError, OutputError) as error:
        lost = _lost(machines, error)
        if lost is None:
            status = getattr(error, "exit_status", 1)
            raise
        status = LostPeerError.exit_status
        once = " (without --overwrite, once it has begun)" if config.overwrite else ""
        raise LostPeerError(
            f"no answer from {lost} (dead, frozen for {config.cluster_timeout:g} s, or cut off); "
            f"the run is saved as of its last checkpoint; to continue, start all tasks again{once}"
            "; if a task was only slow, give a longer --cluster_timeout"
        ) from error
    except VanillaGanError as error:
        status = error.exit_status
        raise
    except KeyboardInterrupt:
        status = 130
        raise
    finally:
        _dismiss(machines, status)


def _lost(machines: Machines, error: Exception) -> str | None:
    """Returns which peers caused an error; None if none did."""
    task = machines.task
    if missing := absent(task):
        return ", ".join(map(task.named, missing))
    errors = tf.errors
    kinds = (errors.UnavailableError, errors.AbortedError, errors.CancelledError)
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, (*kinds, errors.DeadlineExceededError)):
        cause = cause.__cause__
    if cause is None:
        return None
    silent = [peer for peer in task.others if not _replies(machines, peer)]
    return " or ".join(map(task.named, silent or task.others))


def _replies(machines: Machines, peer: tuple[str, int]) -> bool:
    """Returns whether a peer that accepts connections also runs an operation."""
    with tf.Graph().as_default() as graph, tf.device(device(peer)):
        nothing = tf.no_op()
    proto = machines._replace(timeout_s=_PING_S).configure(only(machines.task, peer))
    try:
        # Not closed: closing the session would wait for the peer once more.
        tf.Session(machines.target, graph=graph, config=proto).run(nothing)
    except tf.errors.OpError:
        return False
    return True


def _dismiss(machines: Machines, status: int) -> None:
    """Tells the other tasks to exit with a status, and waits a few seconds for them to do so."""
    task = machines.task
    deadline_s = time.monotonic() + _FAREWELL_S
    with tf.Graph().as_default() as graph, tf.device(device(task.chief)):
        words = _words()
        tell, left = words.enqueue_many([[status] * len(task.others)]), words.size()
    with (
        contextlib.suppress(tf.errors.OpError),
        tf.Session(machines.target, graph=graph, config=only(task, task.chief)) as session,
    ):
        session.run(tell)
        # A task that is still connecting gets its status, too. A lost one would never fetch it.
        is_lost = status == LostPeerError.exit_status
        while not is_lost and time.monotonic() < deadline_s and session.run(left):
            time.sleep(POLL_S)
    while time.monotonic() < deadline_s and len(absent(task)) < len(task.others):
        time.sleep(POLL_S)


def _serve(task: Task, config: RunConfig, inform: Inform) -> NoReturn:
    """Serves the chief as one of the other tasks, and ends the process when the chief ends.

    TensorFlow can stop neither a server nor a thread that waits in it, so the process exits without
    cleaning up. Schedulers send a signal to every process of a job, and the chief needs this task
    in order to save, so it keeps serving for a while after the first signal.
    """
    with stop_on_signals() as stop:
        server = _start(task, config, inform)
        heard: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        threading.Thread(
            target=_listen, args=(task, server.target, config, heard), daemon=True
        ).start()
        try:
            with stop.at_once():
                status, line = _heard(task, config, heard)
        except StoppedBySignal as error:
            status, line = error.exit_status, f"stopped by signal {error.signal_number}"
            if answers(task.address(task.chief)):
                inform(
                    f"{task.role} {task.index}: {line}; serves the chief for up to {_GRACE_S:g} s "
                    "more, so that the chief can save"
                )
                with contextlib.suppress(queue.Empty):
                    status, line = heard.get(timeout=_GRACE_S)
    inform(f"{task.role} {task.index}: {line}")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _heard(
    task: Task, config: RunConfig, heard: queue.SimpleQueue[tuple[int, str]]
) -> tuple[int, str]:
    """Returns what `_listen` puts into `heard`, or that the chief's machine no longer answers.

    An open connection does not notice that a machine is gone, so this makes new ones.
    """
    seen_s = None
    while True:
        with contextlib.suppress(queue.Empty):
            # Looks often until the chief has come, so as not to miss one that soon goes again.
            return heard.get(timeout=POLL_S if seen_s is None else _LOOK_S)
        if answers(task.address(task.chief)):
            seen_s = time.monotonic()
        # `_listen` waits for a chief that has not come yet.
        elif seen_s is not None and time.monotonic() - seen_s > config.cluster_timeout:
            return LostPeerError.exit_status, f"{task.named(task.chief)} is gone"


def _listen(
    task: Task, target: str, config: RunConfig, heard: queue.SimpleQueue[tuple[int, str]]
) -> None:
    """Greets the chief and waits for its status; puts the exit status and why into `heard`."""
    chief, lost = task.named(task.chief), LostPeerError.exit_status
    timeout_s = config.cluster_timeout
    began_s = time.monotonic()
    while not answers(task.address(task.chief)):
        if time.monotonic() - began_s > timeout_s:
            heard.put((lost, f"no answer from {chief} within {timeout_s:g} s"))
            return
        time.sleep(POLL_S)
    with tf.Graph().as_default() as graph, tf.device(device(task.chief)):
        word = _words().dequeue()
    try:
        greet(task, target, config)
        with tf.Session(target, graph=graph, config=only(task, task.chief)) as session:
            status = int(session.run(word))
            heard.put((status, f"{chief} ended with {status}"))
    except tf.errors.OpError:
        heard.put((lost, f"{chief} is gone"))


def _start(task: Task, config: RunConfig, inform: Inform) -> Any:
    """Starts this task's server; the thread counts of its ConfigProto apply to the whole process.

    Raises:
      DeviceError: its port cannot be used.
    """
    own = (task.role, task.index)
    port = int(task.address(own).rpartition(":")[2])
    # TensorFlow would not fail, but share the port with another server of the same user.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            # Only binds: if it listened, another task could take this for the server.
            probe.bind(("", port))
        except OSError as error:
            raise DeviceError(
                f"{task.named(own)} cannot listen on port {port}: {error.strerror}; is this task "
                "running already?"
            ) from error
    inform(
        f"{task.named(own)} of {len(task.others) + 1} tasks listens on port {port} of every "
        "interface without authentication, and runs whatever it is sent; use it only in a private "
        "network"
    )
    alone = dataclasses.replace(config, towers=1)
    # The chief reports settings that do not go together.
    with contextlib.suppress(UsageError):
        threads = threads_within_operation(alone.resolved(), usable_cores())
        alone = dataclasses.replace(alone, intra_op_threads=threads)
    with without_chatter():
        proto = config_proto(alone, Device("/CPU:0", ""))
        spec = tf.train.ClusterSpec({role: list(tasks) for role, tasks in task.jobs.items()})
        return tf.train.Server(spec, task.role, task.index, config=proto)


def _set_environment(task: Task) -> None:
    """Sets environment variables of gRPC and TensorFlow's servers, before TensorFlow is loaded."""
    # Makes an address where nobody listens an error at once instead of an endless wait.
    os.environ.setdefault("GRPC_FAIL_FAST", "true")
    # TensorFlow would print more about a lost peer than our one line that reports it.
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "2":
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    # A proxy for downloads does not know these machines.
    every = [address for addresses in task.jobs.values() for address in addresses]
    direct = [address.rpartition(":")[0].strip("[]") for address in every]
    known = os.environ.get(_DIRECT) or os.environ.get("no_proxy") or ""
    names = [*known.split(","), "localhost", "127.0.0.1", *direct]
    os.environ[_DIRECT] = ",".join(dict.fromkeys(filter(None, names)))


def _words() -> Any:
    return tf.FIFOQueue(-1, tf.int32, shapes=[()], shared_name="vanilla_gan_words")
