"""Saver: saves a checkpoint when one is due, by count or by clock, if all weights are finite.

By default checkpoints go by the clock: as often as costs under 1% of the time, but at least once a
minute. When a run saves and where it stops never affects its numbers.
"""

from __future__ import annotations

import time

from vanilla_gan.engines.stream import State
from vanilla_gan.errors import DivergedError
from vanilla_gan.training.chief import Chief
from vanilla_gan.training.recorder import Recorder

MIN_CHECKPOINT_S = 10.0
MAX_CHECKPOINT_S = 60.0
# How many of the variables that are not finite an error names; a deep network has a hundred.
_NAMED = 8


class Saver:
    """Saves checkpoints while a run trains.

    Attributes:
      saved_at: the iteration of the newest checkpoint, or the one that the run started from.
    """

    def __init__(self, chief: Chief, recorder: Recorder, start: int) -> None:
        """Saves nothing yet; iteration `start` comes next."""
        self._chief = chief
        self._recorder = recorder
        self._last_s = time.monotonic()
        self._interval_s = MIN_CHECKPOINT_S
        self.saved_at = start

    def due(self, it: int) -> bool:
        """Returns whether a checkpoint is due before iteration `it`.

        One is always due where the run ends, and where an evaluation may find it the best.
        """
        config = self._chief.config
        if it == config.iters:
            return True
        if config.keep_best != "none" and it % config.evaluate_every == 0:
            return True
        if config.checkpoint_every:
            return it % config.checkpoint_every == 0
        return time.monotonic() - self._last_s >= self._interval_s

    def save(self, it: int, stream: State) -> None:
        """Saves a checkpoint before iteration `it`, with `stream` as the state of the stream.

        Raises:
          DivergedError: a weight is not finite; nothing is saved.
          OutputError: it could not be written.
        """
        began_s = time.monotonic()
        # A loss is fetched before its update: the update itself may have broken the weights.
        broken = self._chief.worker.model.broken_variables()
        if broken:
            more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
            listed = ", ".join(broken[:_NAMED]) + more
            raise DivergedError(it, f"iteration {it}: {listed} not finite")
        self._chief.save(it, stream, self._recorder.mark())
        self.saved_at = it
        self._last_s = time.monotonic()
        cost_s = self._last_s - began_s
        self._interval_s = min(MAX_CHECKPOINT_S, max(MIN_CHECKPOINT_S, 100 * cost_s))
