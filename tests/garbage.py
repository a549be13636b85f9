"""Keeps Python's garbage collector from scanning all loaded objects again and again."""

from __future__ import annotations

import gc


def pass_over_what_is_loaded() -> None:
    """Makes the collector ignore all existing objects, and run less often.

    A graph has many small objects in cycles: collections took a sixth of the time to build one.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
