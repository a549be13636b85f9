"""Runs an iterator ahead in a thread of its own, a few items at most."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
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
    done = threading.Event()
    ready: queue.Queue[object] = queue.Queue()
    places = threading.Semaphore(ahead)

    def draw() -> None:
        end: object = _END
        try:
            while places.acquire() and not done.is_set():
                item = next(items, _END)
                if item is _END:
                    break
                ready.put(item)
        except BaseException as error:  # delivered to the consumer, who raises it
            end = error
        ready.put(end)

    def take() -> Iterator[T]:
        while (item := ready.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            places.release()
            yield item  # type: ignore[misc]

    thread = threading.Thread(target=draw, name="draws", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        done.set()
        places.release()
        thread.join()
