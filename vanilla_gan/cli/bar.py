"""A bar on stderr that says how many pictures are read."""

from __future__ import annotations

from typing import Any

from vanilla_gan.say import say


class Bar:
    """A bar if stderr is a terminal; it makes way for lines."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Shows that so many of all pictures are done."""
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit="pictures", leave=False, disable=None)
        self._bar.update(done - self._bar.n)

    def inform(self, line: str) -> None:
        """Prints a line on stderr, and takes the bar away before."""
        self.close()
        say(line)

    def close(self) -> None:
        """Takes the bar off the terminal."""
        if self._bar is not None:
            self._bar.close()
