"""matplotlib's style during a block; its settings belong to the process, not to a thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import matplotlib.style

# Two threads in such blocks at once would overwrite each other's settings.
_IN_STYLE = threading.RLock()


@contextlib.contextmanager
def drawn_in(style: Any) -> Iterator[None]:
    """Sets a style during the block; waits while another thread is in such a block.

    Args:
      style: what `matplotlib.style.context` takes.
    """
    with _IN_STYLE, matplotlib.style.context(style):
        yield
