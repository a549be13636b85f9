"""A progress bar on stderr for pictures that are being read."""

from __future__ import annotations

from typing import Any

from vanilla_gan.say import say


class Bar:
    """A progress bar, if stderr is a terminal; it is removed before a line is printed."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Shows that `done` of `total` pictures are done."""
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit="pictures", leave=False, disable=None)
        self._bar.update(done - self._bar.n)

    def inform(self, line: str) -> None:
        """Removes the bar, then prints a line on stderr."""
        self.close()
        say(line)

    def close(self) -> None:
        """Removes the bar from the terminal."""
        if self._bar is not None:
            self._bar.close()
