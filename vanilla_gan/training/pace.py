"""How fast a run goes, and how long it will take, evaluations included."""

from __future__ import annotations

import collections
import contextlib
import time
from collections.abc import Callable, Iterator

# The rate is measured over about this many of the last seconds of training.
WINDOW_S = 20.0


class Pace:
    """The clock of a run, which times training and evaluations separately."""

    def __init__(
        self,
        start: int,
        iters: int,
        evaluate_every: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts the clock at iteration `start`.

        Args:
          start, iters: the iteration that comes next, and where the run ends.
          evaluate_every: iterations between two evaluations; 0 for no evaluations.
          clock: returns seconds since any fixed moment; never goes back.
        """
        self._iters = iters
        self._every = evaluate_every
        self._clock = clock
        self._began_s = clock()
        self._aside_s = self._evaluation_s = 0.0
        self._it = start
        # Seconds of training, without evaluations, and the iteration that came next.
        self._marks = collections.deque([(0.0, start)])

    @contextlib.contextmanager
    def picture(self, it: int) -> Iterator[None]:
        """Counts the block as evaluation, not training, if the picture of `it` is evaluated."""
        began_s = self._clock()
        yield
        if self._every and it % self._every == 0:
            self._evaluation_s = self._clock() - began_s
            self._aside_s += self._evaluation_s

    def advance(self, it: int) -> None:
        """Notes that iteration `it` comes next."""
        self._it = it
        trained_s = self._clock() - self._began_s - self._aside_s
        self._marks.append((trained_s, it))
        while len(self._marks) > 2 and trained_s - self._marks[1][0] >= WINDOW_S:
            self._marks.popleft()

    @property
    def per_s(self) -> float:
        """Iterations per second of training; 0 if nothing is known yet."""
        (first_s, first), (last_s, last) = self._marks[0], self._marks[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0

    @property
    def left_s(self) -> float:
        """Seconds until the run ends; infinite if nothing is known yet."""
        evaluations = 0
        if self._every:
            # At each multiple, and at the end.
            evaluations = -(-self._iters // self._every) - -(-self._it // self._every) + 1
        training_s = (self._iters - self._it) / self.per_s if self.per_s else float("inf")
        return training_s + evaluations * self._evaluation_s


def speed(per_s: float) -> str:
    """Returns a rate as text; a slow one as seconds per iteration."""
    if per_s >= 1 or not per_s:
        return f"{per_s:.{1 if per_s < 10 else 0}f} a second"
    return f"{1 / per_s:.1f} s an iteration"


def short_speed(per_s: float) -> str:
    """Returns a rate in up to six characters, such as 104/s or 4.2 s; an empty text for 0."""
    if not per_s:
        return ""
    many, unit = (per_s, "/s") if per_s >= 1 else (1 / per_s, " s")
    if many >= 10_000:
        many, unit = many / 1000, f"k{unit.strip()}"
    return f"{many:.{1 if many < 10 else 0}f}{unit}"


def clock_time(seconds: float) -> str:
    """Returns a duration as 2:05:09, as 12 d from 100 hours on, or as -:--:-- if infinite."""
    if seconds == float("inf"):
        return "-:--:--"
    whole = round(seconds)
    if whole >= 100 * 3600:
        return f"{whole // 86400} d"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
