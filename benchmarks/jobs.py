"""Runs side by side, each in a process of its own."""

from __future__ import annotations

import concurrent.futures
import functools
import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(work: Callable[[T], R], tasks: Sequence[T], jobs: int) -> Iterator[R]:
    """Yields what `work` returns for each task, in their order.

    With one job all of it is done in this process; otherwise each task has a new process, which
    TensorFlow needs, and keeps to one core.

    Args:
      work: a function at the top level of a module, or a partial one of it.
      tasks: what it is called with.
      jobs: how many at a time.
    """
    if jobs == 1:
        yield from map(work, tasks)
        return
    cores = itertools.cycle(sorted(os.sched_getaffinity(0)))
    new = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, new, max_tasks_per_child=1) as pool:
        yield from pool.map(functools.partial(_on_a_core, work), tasks, cores)


def _on_a_core(work: Callable[[T], R], task: T, core: int) -> R:
    os.sched_setaffinity(0, {core})
    return work(task)
