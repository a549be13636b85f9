"""Progress on stderr: a bar on a terminal or in a notebook, else a plain line now and then."""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import tqdm

from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.observers.cell import in_notebook

LINE_EVERY_S = 60.0


class Progress:
    """Shows how far a run is, how fast it goes, how long it will take, and both losses."""

    def __init__(self, start: int, iters: int, inform: Callable[[str], None]) -> None:
        """Begins to show progress from iteration `start` to `iters`.

        Args:
          start, iters: the iteration that comes next, and where the run ends.
          inform: called with a plain line each minute where stderr is no terminal.
        """
        self._start = start
        self._iters = iters
        self._inform = inform
        self._began_s = self._line_s = time.monotonic()
        self._bar: Any = None
        if in_notebook() or (sys.stderr is not None and sys.stderr.isatty()):
            self._bar = _tqdm()(
                total=iters,
                initial=start,
                unit="it",
                dynamic_ncols=True,
                leave=False,
                smoothing=0.1,
                # Otherwise a thread of tqdm writes, too, which nothing can call off a full pipe.
                miniters=1,
            )

    def advance(self, block: LossBlock) -> None:
        """Shows that the iterations of `block`, at least one, are done."""
        done = len(block.D_loss)
        if self._bar is not None:
            # A terminal that was closed is no reason to stop: a signal tells of that.
            with contextlib.suppress(OSError):
                losses = f"D loss {block.D_loss[-1]:.4}, G_loss {block.G_loss[-1]:.4}"
                self._bar.set_postfix_str(losses, refresh=False)
                self._bar.update(done)
            return
        now_s = time.monotonic()
        if now_s - self._line_s >= LINE_EVERY_S:
            self._line_s = now_s
            self._inform(self._line(block.first + done, now_s, block))

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Takes the bar off the terminal during the block, so that other lines stay whole."""
        if self._bar is None:
            yield
            return
        with self._bar.external_write_mode(file=sys.stdout):
            yield

    def close(self) -> None:
        """Takes the bar off the terminal for good."""
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.close()

    def _line(self, it: int, now_s: float, block: LossBlock) -> str:
        per_s = (it - self._start) / (now_s - self._began_s)
        left_s = round((self._iters - it) / per_s)
        return (
            f"iteration {it} of {self._iters}, {per_s:.0f} a second, "
            f"{left_s // 3600}:{left_s // 60 % 60:02d}:{left_s % 60:02d} left, "
            f"D loss {block.D_loss[-1]:.4}, G_loss {block.G_loss[-1]:.4}"
        )


def _tqdm() -> Any:
    """Returns the bar for where this runs: a notebook's has a widget, if widgets are installed."""
    with warnings.catch_warnings():
        # That they are not, which is no fault.
        warnings.simplefilter("ignore", tqdm.TqdmWarning)
        from tqdm.auto import tqdm as bar
    return bar
