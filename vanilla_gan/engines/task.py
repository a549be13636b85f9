"""Task: which process of a cluster this one is, read and checked without loading TensorFlow."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vanilla_gan.errors import UsageError
from vanilla_gan.storage.reading import read_file, reason_of

CHIEF, WORKER, PS = "chief", "worker", "ps"
ROLES = {"chief": CHIEF, "master": CHIEF, "worker": WORKER, "ps": PS}
_ADDRESS = re.compile(r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.%a-z]+\]):([0-9]{1,5})", re.ASCII)
_MAX_FILE = 1 << 20  # bytes
_EXAMPLE = (
    '{"cluster": {"chief": ["a:2222"], "worker": ["b:2222"]}, '
    '"task": {"type": "chief", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Task:
    """One process of a cluster of at least two.

    Attributes:
      jobs: the addresses, `host:port`, of all tasks by role: chief, worker, ps.
      role, index: which of them this process is.
    """

    jobs: Mapping[str, tuple[str, ...]]
    role: str
    index: int

    @property
    def towers(self) -> list[tuple[str, int]]:
        """The tasks that train, the chief first."""
        return [(role, k) for role in (CHIEF, WORKER) for k in range(len(self.jobs.get(role, ())))]

    @property
    def chief(self) -> tuple[str, int]:
        """The task in charge of the run: the first worker if no task is called chief."""
        return self.towers[0]

    @property
    def is_chief(self) -> bool:
        """Whether this process is the chief."""
        return (self.role, self.index) == self.chief

    @property
    def others(self) -> list[tuple[str, int]]:
        """All tasks but the chief."""
        tasks = [(role, k) for role, addresses in self.jobs.items() for k in range(len(addresses))]
        return [task for task in tasks if task != self.chief]

    def address(self, task: tuple[str, int]) -> str:
        """Returns `host:port` of a task."""
        return self.jobs[task[0]][task[1]]

    def named(self, task: tuple[str, int]) -> str:
        """Returns the name of a task in messages."""
        return f"{task[0]} {task[1]} at {self.address(task)}"


def task_of(environment: Mapping[str, str]) -> Task | None:
    """Returns which task this process is according to `TF_CONFIG`; None if it is alone.

    Raises:
      UsageError: it describes no cluster that can train, or no task of it.
    """
    text = environment.get("TF_CONFIG", "").strip()
    if not text:
        return None
    with _told_by("TF_CONFIG", "unset it to train on this machine alone"):
        found = _object(text)
        return _task(found["cluster"], found.get("task")) if found.get("cluster") else None


def task_in_file(path: str, job: str | None, index: int | None) -> Task | None:
    """Returns which task this process is according to a file; None if it is alone.

    Args:
      path: a file like `TF_CONFIG`, with or without a task in it, or just the cluster.
      job, index: the role of this task and its number in that role; None if the file says it.

    Raises:
      UsageError: it describes no cluster that can train, or no task of it.
    """
    with _told_by(f"--cluster={path}", "leave it out to train on this machine alone"):
        try:
            found = _object(read_file(path, _MAX_FILE).decode())
        except (OSError, ValueError) as error:
            raise _Wrong(f"it cannot be read: {reason_of(error)}; expected {_EXAMPLE}") from error
        cluster = found.get("cluster", found)
        task = found.get("task") if "cluster" in found else None
        if (job is None) != (index is None):
            raise _Wrong("--job and --task together say which task this is; give both")
        if job is not None:
            task = {"type": job, "index": index}
        elif task is None:
            raise _Wrong("it does not say which task this is; give --job and --task")
        return _task(cluster, task)


def task_of_hosts(
    hosts: Sequence[tuple[str, int]], port: int, index: int, source: str
) -> Task | None:
    """Returns which task a process is of those started on some machines; None if it is alone.

    All are workers, and the first is the chief; those on one machine have consecutive ports.

    Args:
      hosts: for each machine, its name and how many processes it has.
      port: that of the first process on each machine.
      index: the number of this process, counted from 0 in the order of the machines.
      source: where this description comes from, for error messages.

    Raises:
      UsageError: that is no cluster that can train, or no task of it.
    """
    with _told_by(source, "leave it out to train on this machine alone"):
        addresses = [f"{host}:{port + k}" for host, count in hosts for k in range(count)]
        return _task({WORKER: addresses}, {"type": WORKER, "index": index})


class _Wrong(Exception):
    """What is wrong with a description of a cluster."""


@contextlib.contextmanager
def _told_by(source: str, instead: str) -> Iterator[None]:
    """Turns a `_Wrong` from the block into an error that says where to look, and what to do.

    Raises:
      UsageError: something was wrong.
    """
    try:
        yield
    except _Wrong as error:
        raise UsageError(f"{source}: {error}; correct it, or {instead}") from error


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _Wrong(f"it is not JSON of the form {_EXAMPLE}: {text[:100]}")
    return found


def _task(cluster: Any, task: Any) -> Task | None:
    """Returns the task, checked; None if it is alone.

    TensorFlow turns a port that is too large into another one, waits forever for an address that
    two tasks share, and aborts at a role with a blank in it. So all of this is checked here.
    """
    jobs = _jobs(cluster)
    own = _own(task, jobs)
    return None if sum(map(len, jobs.values())) == 1 else Task(jobs, *own)


def _jobs(cluster: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(cluster, dict):
        raise _Wrong(f"expected roles with addresses under 'cluster', such as {_EXAMPLE}")
    jobs: dict[str, tuple[str, ...]] = {}
    for name, addresses in cluster.items():
        if name not in ROLES:
            known = ", ".join(ROLES)
            raise _Wrong(f"it has tasks of the role {name!r}; expected {known}")
        if isinstance(addresses, dict):
            raise _Wrong(
                f"the addresses of {name} are an object (a sparse cluster); expected a list"
            )
        if not isinstance(addresses, list):
            raise _Wrong(f"expected a list of addresses for {name}")
        for address in addresses:
            match = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
            if match is None or not 1 <= int(match[1]) <= 65535:
                raise _Wrong(f"{name} has the address {address!r}; expected host:port, 1 to 65535")
        if addresses:
            jobs[ROLES[name]] = (*jobs.get(ROLES[name], ()), *addresses)
    every = [address for addresses in jobs.values() for address in addresses]
    for address in every:
        if every.count(address) > 1:
            raise _Wrong(f"two tasks have the address {address}; expected different ones")
    if len(jobs.get(CHIEF, ())) > 1:
        raise _Wrong("it has more than one chief (a master is a chief, too)")
    if CHIEF not in jobs and WORKER not in jobs:
        raise _Wrong("it has neither a chief nor a worker, so nothing trains")
    return jobs


def _own(task: Any, jobs: Mapping[str, tuple[str, ...]]) -> tuple[str, int]:
    name = task.get("type") if isinstance(task, dict) else None
    index = task.get("index", 0) if isinstance(task, dict) else None
    if isinstance(index, str) and re.fullmatch("[0-9]{1,6}", index, re.ASCII):
        index = int(index)
    if not isinstance(name, str) or not isinstance(index, int) or isinstance(index, bool):
        raise _Wrong(f"it does not say which task this is; expected 'task' as in {_EXAMPLE}")
    if name == "evaluator":
        raise _Wrong("no evaluator is needed: with --evaluate_every the chief evaluates")
    role = ROLES.get(name, "")
    if not 0 <= index < len(jobs.get(role, ())):
        there = ", ".join(f"{len(addresses)} {role}" for role, addresses in jobs.items())
        raise _Wrong(f"this task is {name!r} {index}, and the cluster has {there}")
    return role, index
