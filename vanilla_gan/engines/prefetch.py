"""Runs an iterator ahead in a thread of its own, a few items at most."""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_END = object()


@contextlib.contextmanager
def prefetched(items: Iterator[T], ahead: int = 2) -> Iterator[Iterator[T]]:
    """Draws `items` in a thread while they are worked on, at most `ahead` of them in advance.

    The order is that of `items`, and an error while drawing is raised in place of its item. When
    the block has ended, in whatever way, so has the thread.

    Yields:
      An iterator over the same items.
    """
    thread = ThreadPoolExecutor(1, "draws")
    coming = collections.deque(thread.submit(next, items, _END) for _ in range(ahead))

    def take() -> Iterator[T]:
        while (item := coming.popleft().result()) is not _END:
            coming.append(thread.submit(next, items, _END))
            yield item  # type: ignore[misc]

    try:
        yield take()
    finally:
        thread.shutdown(cancel_futures=True)
