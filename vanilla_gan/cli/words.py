"""Settings as the words of a command line: the other way round of `flags`."""

from __future__ import annotations

import os
import sys

from vanilla_gan.declare import Settings, as_word, table_of


def words_of(config: Settings) -> list[str]:
    """Returns a flag for each setting that somebody gave, in the order of the table."""
    return [
        f"--{entry.flag}={as_word(getattr(config, name))}"
        for name, entry in table_of(type(config)).items()
        if name in config.given
    ]


def this_program() -> list[str]:
    """Returns the words that start this program again, with this Python in its present mode."""
    isolated = ["-I"] if sys.flags.isolated else []
    utf8 = ["-X", "utf8"] if sys.flags.utf8_mode else []
    script = os.path.abspath(sys.argv[0])
    if os.path.basename(script) == "vanilla-gan" and os.path.isfile(script):
        # With -m Python would take modules from the current folder, which this one does not.
        return [sys.executable, *isolated, *utf8, script]
    return [sys.executable, *isolated, *utf8, "-m", "vanilla_gan"]
