"""Settings as the words of a command line: the reverse of `flags`."""

from __future__ import annotations

import os
import sys

from vanilla_gan.declare import Settings, as_word, table_of


def words_of(config: Settings) -> list[str]:
    """Returns a flag for each setting that was given, in the order of the table."""
    return [
        f"--{entry.flag}={as_word(getattr(config, name))}"
        for name, entry in table_of(type(config)).items()
        if name in config.given
    ]


def this_program() -> list[str]:
    """Returns the words that start this program again, with the same Python in the same mode."""
    isolated = ["-I"] if sys.flags.isolated else []
    utf8 = ["-X", "utf8"] if sys.flags.utf8_mode else []
    script = os.path.abspath(sys.argv[0])
    if os.path.basename(script) == "vanilla-gan" and os.path.isfile(script):
        # With -m, Python would look for modules in the current folder; the script does not do that.
        return [sys.executable, *isolated, *utf8, script]
    return [sys.executable, *isolated, *utf8, "-m", "vanilla_gan"]
