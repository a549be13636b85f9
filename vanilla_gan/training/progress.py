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
from vanilla_gan.training.pace import Pace, clock_time, short_speed, speed

LINE_EVERY_S = 60.0


class Progress:
    """Shows how far a run is, how fast it goes, how long it will take, and both losses."""

    def __init__(
        self, start: int, iters: int, inform: Callable[[str], None], evaluate_every: int = 0
    ) -> None:
        """Begins to show progress from iteration `start` to `iters`; see `Pace`.

        `inform` gets a plain line each minute if stderr is neither a terminal nor a notebook's.
        """
        self._iters = iters
        self._inform = inform
        self._pace = Pace(start, iters, evaluate_every)
        self._line_s = time.monotonic()
        self._bar: Any = None
        if in_notebook() or (sys.stderr is not None and sys.stderr.isatty()):
            self._bar = _tqdm()(
                total=iters,
                initial=start,
                dynamic_ncols=True,
                leave=False,
                bar_format=self._format(start),
                # Otherwise a tqdm thread writes too, and nothing can interrupt it at a full pipe.
                miniters=1,
            )

    def picture(self, it: int) -> contextlib.AbstractContextManager[None]:
        """Returns a context for the picture of iteration `it`; see `Pace.picture`."""
        return self._pace.picture(it)

    def advance(self, block: LossBlock) -> None:
        """Shows that the iterations of `block`, at least one, are done."""
        done = len(block.D_loss)
        self._pace.advance(block.first + done)
        if self._bar is not None:
            # A closed terminal is no error here: the run gets a signal for that.
            with contextlib.suppress(OSError):
                self._bar.bar_format = self._format(block.first + done, block)
                self._bar.update(done)
            return
        now_s = time.monotonic()
        if now_s - self._line_s >= LINE_EVERY_S:
            self._line_s = now_s
            self._inform(self._line(block.first + done, block))

    def inform(self, line: str) -> None:
        """Shows a line to the user, above the bar."""
        with self.paused():
            self._inform(line)

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

    def _format(self, it: int, block: LossBlock | None = None) -> str:
        """Returns tqdm's format for a line, in which `{bar}` takes the rest of the width.

        The text beside the bar keeps its width, so that the bar does not jump.
        """
        decimals = 0 if self._iters < 1000 else 1 if self._iters < 100_000 else 2
        share = f"{100 * it / self._iters:{4 + decimals}.{decimals}f}%"
        count = f"{it:>{len(str(self._iters))}}/{self._iters}"
        words = (
            f"{count} {clock_time(self._pace.left_s):>8} left {short_speed(self._pace.per_s):>6}"
        )
        if block is not None:
            words += f" D {block.D_loss[-1]:<8.3g} G {block.G_loss[-1]:<8.3g}"
        return f"{share}|{{bar}}| {words}"

    def _line(self, it: int, block: LossBlock) -> str:
        return (
            f"iteration {it} of {self._iters}, {speed(self._pace.per_s)}, "
            f"{clock_time(self._pace.left_s)} left, "
            f"D loss {block.D_loss[-1]:.4}, G_loss {block.G_loss[-1]:.4}"
        )


def _tqdm() -> Any:
    """Returns the class of the bar: in a notebook that of a widget, if widgets are installed."""
    with warnings.catch_warnings():
        # tqdm warns if they are not installed, which is no fault.
        warnings.simplefilter("ignore", tqdm.TqdmWarning)
        from tqdm.auto import tqdm as bar
    return bar
