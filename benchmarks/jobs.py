"""Runs side by side, each in a process of its own."""

from __future__ import annotations

import concurrent.futures
import functools
import itertools
import multiprocessing
import os
import queue
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from vanilla_gan.errors import VanillaGanError

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(work: Callable[[T], R], tasks: Sequence[T], jobs: int) -> Iterator[R]:
    """Yields what `work` returns for each task, in their order.

    With one job, all tasks run in this process; otherwise each runs on one core in a new process,
    which TensorFlow needs.

    Args:
      work: a function at the top level of a module, or a `functools.partial` of one.
      tasks: what it is called with.
      jobs: how many tasks run at a time.
    """
    try:
        yield from map(work, tasks) if jobs == 1 else _in_processes(work, tasks, jobs)
    except VanillaGanError as error:
        # Such as a signal: the runs are saved, and the same command continues them.
        raise SystemExit(str(error)) from None


def _in_processes(work: Callable[[T], R], tasks: Sequence[T], jobs: int) -> Iterator[R]:
    cores: queue.SimpleQueue[int] = queue.SimpleQueue()
    for core in itertools.islice(itertools.cycle(sorted(os.sched_getaffinity(0))), jobs):
        cores.put(core)
    with concurrent.futures.ThreadPoolExecutor(jobs) as threads:
        yield from threads.map(functools.partial(_on_a_core, work, cores), tasks)


def _on_a_core(work: Callable[[T], R], cores: queue.SimpleQueue[int], task: T) -> R:
    """Runs `work` in a new process, on the next core of the queue, and returns its result."""
    core = cores.get()
    try:
        new = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(
            1, new, initializer=os.sched_setaffinity, initargs=(0, {core})
        ) as process:
            return process.submit(work, task).result()
    finally:
        cores.put(core)
