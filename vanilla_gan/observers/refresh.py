"""Refresher: makes a result again by the clock, within a given share of the time."""

from __future__ import annotations

import time
from collections.abc import Callable

# Before that, the cost is not known, and there is little to show.
FIRST_S = 10.0


class Refresher:
    """Keeps one derived result fresh: not at each change, but as often as its share allows.

    A result that took c seconds is made again after c * (1 / share - 1) seconds at the earliest. So
    it takes at most `share` of the time, even if its cost grows during the run.
    """

    def __init__(
        self,
        make: Callable[[], object],
        share: float,
        *,
        first_s: float = FIRST_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Makes nothing yet.

        Args:
          make: makes the whole result anew from what is on the disk.
          share: the share of the time that `make` may take, in (0, 1].
          first_s: seconds from now until `poll` may call it for the first time.
          clock: returns seconds since any fixed moment; never goes back.
        """
        self._make = make
        self._share = share
        self._clock = clock
        self._due_s = clock() + first_s
        self._stale = False

    def changed(self) -> None:
        """Notes that the result is no longer up to date; cheap."""
        self._stale = True

    def poll(self) -> None:
        """Calls `finish` if the result is due; otherwise cheap."""
        if self._stale and self._clock() >= self._due_s:
            self.finish()

    def finish(self) -> None:
        """Makes the result again if it is not up to date, whatever the time.

        Raises:
          Whatever `make` raises; the result then stays out of date.
        """
        if not self._stale:
            return
        began_s = self._clock()
        self._make()
        self._stale = False
        ended_s = self._clock()
        self._due_s = ended_s + (ended_s - began_s) * (1 / self._share - 1)
