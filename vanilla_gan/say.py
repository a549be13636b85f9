"""Output for people, free of anything that would control the terminal."""

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

    A name or value from somebody else's file may contain line breaks, escape sequences, marks that
    reverse the writing direction, or bytes that are not text. Each is shown as its code: `\x1b`.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(text: str, most: int = 200) -> str:
    """Returns a text from a file for use in a message: printable, cut after `most` characters."""
    text = printable(text)
    return text if len(text) <= most else f"{text[:most]}..."


def say(line: str) -> None:
    """Prints a line on stderr; ignores errors, because a closed terminal must not stop the work."""
    with contextlib.suppress(OSError):
        print(printable(line), file=sys.stderr, flush=True)


@contextlib.contextmanager
def phase(name: str, every_s: float = 1.0) -> Iterator[Callable[[str], None]]:
    """Shows on a terminal what the block does, and how many seconds it has taken so far.

    The line appears after `every_s` and is removed after the block. Without a terminal, or on a
    dumb one, nothing is shown. The block gets a function that takes a text to show for `name`.

    Side effects: starts a thread that writes to stderr as it was before the block, which may
    redirect it to hide TensorFlow's messages.
    """
    with contextlib.ExitStack() as opened:
        try:
            # A dumb terminal would show the escape sequences.
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
            # Bypasses Python's buffer, whose lock must not be held when the process ends.
            with contextlib.suppress(OSError):
                os.write(terminal, text.encode(errors="replace"))

        def tell() -> None:
            began_s = time.monotonic()
            while not is_over.wait(every_s):
                text = f"{printable(said[0])}, {time.monotonic() - began_s:.0f} s"
                # A longer line would wrap, and its first part would not be erased.
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
            # The thread may hang on a blocked terminal; then its descriptor must remain open.
            if teller.is_alive():
                opened.pop_all()
            else:
                write("\r\x1b[K")


def cut(text: str, columns: int) -> str:
    """Returns the start of a text that fits into `columns` of a terminal; some letters take two."""
    for at, letter in enumerate(text):
        columns -= 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if columns < 0:
            return text[:at]
    return text


def without_nan(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values by name, with None for NaN and infinity, which JSON does not have."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def json_text(content: Any) -> str:
    """Returns a result as JSON text; raises a ValueError for a number that is not finite."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def show(text: str) -> None:
    """Prints the lines of a result on stdout.

    Raises:
      OSError: the reader of stdout is gone, or the disk is full.
    """
    lines = text.removesuffix("\n").split("\n")
    print("".join(printable(line) + "\n" for line in lines), end="", flush=True)
