"""Host: what started a run, a command line or somebody's Python program."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

from vanilla_gan.observers.observer import Observer
from vanilla_gan.say import say


@dataclasses.dataclass(frozen=True, kw_only=True)
class Host:
    """How a run speaks to whoever started it, and who watches it for them.

    Attributes:
      stdout: where the published program's lines go; by default `sys.stdout` when this is made.
      inform: called with each line for the user; prints to stderr by default.
      observers: called after the run's own observers; an exception from one ends the run. If the
        run is rewound, they are closed, and then called again from an earlier iteration on.
      second_signal_exits, raises_late: see `stop_on_signals`.
      overwrote: whether the command has already moved an earlier run aside.
    """

    stdout: TextIO = dataclasses.field(default_factory=lambda: sys.stdout)
    inform: Callable[[str], None] = say
    observers: Sequence[Observer] = ()
    second_signal_exits: bool = True
    raises_late: bool = False
    overwrote: bool = False
