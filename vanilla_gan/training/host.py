"""Host: what a run is trained within, a command line or somebody's Python program."""

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
      stdout: where the published lines go; standard output as it is then.
      inform: called with each line for the user; prints to stderr.
      observers: told of the run behind its own observers; what they raise ends it. They are told
        again from an earlier iteration where the run is rewound, and are closed before that.
      second_signal_exits, raises_late: see `stop_on_signals`.
      overwrote: whether the command has moved an earlier run aside before.
    """

    stdout: TextIO = dataclasses.field(default_factory=lambda: sys.stdout)
    inform: Callable[[str], None] = say
    observers: Sequence[Observer] = ()
    second_signal_exits: bool = True
    raises_late: bool = False
    overwrote: bool = False
