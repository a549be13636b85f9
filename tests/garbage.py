"""How the tests keep Python's garbage collector from looking at everything again and again."""

from __future__ import annotations

import gc


def pass_over_what_is_loaded() -> None:
    """Lets the collector pass over what exists already, and start more rarely.

    A graph is made of many small objects in cycles: a sixth of its building went into collections.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
