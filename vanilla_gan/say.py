"""What is printed for people: nothing in it that a terminal would obey."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any


def printable(text: str) -> str:
    r"""Returns a text as one line for a terminal.

    A name or a value out of somebody else's file may hold line breaks, escape sequences, marks that
    turn the direction of writing, or bytes that are no text. Each is shown as its code: `\x1b`.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(text: str, most: int = 200) -> str:
    """Returns a text out of a file as it can stand in a message: printable, and no longer."""
    text = printable(text)
    return text if len(text) <= most else f"{text[:most]}..."


def say(line: str) -> None:
    """Prints a line on stderr; a terminal that was closed is no reason to give up the work."""
    with contextlib.suppress(OSError):
        print(printable(line), file=sys.stderr, flush=True)


@contextlib.contextmanager
def phase(name: str, every_s: float = 1.0) -> Iterator[Callable[[str], None]]:
    """Shows on a terminal what goes on during the block, and for how many seconds it has.

    The line appears after `every_s` and is taken away behind the block. Elsewhere nothing is shown.
    The block gets a function that takes what to show from then on in place of `name`.

    Side effects: a thread, which writes on stderr as that was in the beginning: TensorFlow's own
    words may be kept from it during the block.
    """
    with contextlib.ExitStack() as opened:
        try:
            # One that is dumb would show the escape sequences.
            moves = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
            terminal = os.dup(sys.stderr.fileno()) if moves else None
        except (AttributeError, OSError, ValueError):
            terminal = None
        said = [name]

        def rename(text: str) -> None:
            said[0] = text

        if terminal is None:
            yield rename
            return
        opened.callback(os.close, terminal)
        is_over = threading.Event()

        def write(text: str) -> None:
            # Past Python's own buffer, whose lock must not be held when the process ends.
            with contextlib.suppress(OSError):
                os.write(terminal, text.encode(errors="replace"))

        def tell() -> None:
            began_s = time.monotonic()
            while not is_over.wait(every_s):
                text = f"{printable(said[0])}, {time.monotonic() - began_s:.0f} s"
                # A longer line would break, and its first part would stay.
                with contextlib.suppress(OSError):
                    text = cut(text, max(os.get_terminal_size(terminal).columns - 1, 1))
                write(f"\r{text}\x1b[K")

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield rename
        finally:
            is_over.set()
            teller.join(1.0)
            # It may hang on a terminal that takes nothing; nobody waits for that.
            if teller.is_alive():
                opened.pop_all()
            else:
                write("\r\x1b[K")


def cut(text: str, columns: int) -> str:
    """Returns as much of a text as fits into columns of a terminal; some letters take two."""
    for at, letter in enumerate(text):
        columns -= 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if columns < 0:
            return text[:at]
    return text


def without_nan(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values by name, None for each NaN and infinity, which JSON does not have."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def json_text(content: Any) -> str:
    """Returns a result as JSON text; a number that is not finite is a ValueError."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def show(text: str) -> None:
    """Prints the lines of a result on stdout.

    Raises:
      OSError: nobody reads them, or the disk is full.
    """
    lines = text.removesuffix("\n").split("\n")
    print("".join(printable(line) + "\n" for line in lines), end="", flush=True)
