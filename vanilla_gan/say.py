"""What is printed for people: nothing in it that a terminal would obey."""

from __future__ import annotations

import contextlib
import sys


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


def show(text: str) -> None:
    """Prints the lines of a result on stdout.

    Raises:
      OSError: nobody reads them, or the disk is full.
    """
    lines = text.removesuffix("\n").split("\n")
    print("".join(printable(line) + "\n" for line in lines), end="", flush=True)
