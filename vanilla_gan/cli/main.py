"""The command line: finds the command, parses its flags, runs it, returns the exit status."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence

from vanilla_gan import __version__
from vanilla_gan.cli.commands import COMMANDS, Command
from vanilla_gan.cli.environment import (
    accept_every_character,
    check_names,
    check_temporary_folder,
    set_environment,
)
from vanilla_gan.declare import nearest
from vanilla_gan.errors import UsageError, VanillaGanError
from vanilla_gan.say import say
from vanilla_gan.storage.files import unwritable
from vanilla_gan.storage.streams import (
    discard,
    discard_blocked,
    flush_or_discard,
    open_missing_streams,
)

_PROGRAM = "run.sh"
_COLUMNS = 80
_DEFAULT_COMMAND = "train"
_HELP = {"--help", "-h", "-help", "--helpfull"}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
      argv: the words behind the program's name; those of the process unless given.

    Returns:
      The exit status: 0 done, 1 failed, 2 wrong usage, 3 not judged, 128 + N stopped by signal N.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    open_missing_streams()
    set_environment()
    accept_every_character()
    try:
        return _status(words)
    finally:
        flush_or_discard(sys.stderr)


def _status(words: list[str]) -> int:
    """Runs one command and returns the exit status; failures are told."""
    try:
        check_names(words)
        _run(words)
    except VanillaGanError as error:
        say(f"{_PROGRAM}: {error}")
        return error.exit_status
    except BrokenPipeError:
        # Whoever read the help or the like has seen enough.
        discard(sys.stdout)
        return 141
    except OSError as error:
        # What has no name is standard output: whatever else fails is an error with a line by now.
        if error.filename is not None:
            raise
        discard(sys.stdout)
        say(f"{_PROGRAM}: {unwritable('standard output', error)}")
        return 1
    except KeyboardInterrupt:
        discard_blocked()
        say(f"{_PROGRAM}: interrupted; no file is half-written: each is as before, or finished")
        return 130
    return 0


def _run(words: list[str]) -> None:
    name = words.pop(0) if words and not words[0].startswith("-") else _DEFAULT_COMMAND
    if name not in COMMANDS:
        raise UsageError(
            f"unknown command {name!r}{nearest(name, COMMANDS)}; expected {', '.join(COMMANDS)}"
        )
    if "--version" in words:
        print(f"vanilla_gan {__version__}", flush=True)
        return
    command = COMMANDS[name]()
    if _HELP.intersection(words):
        print(_help(name, command), flush=True)
        return
    try:
        given = command.flags.parse(words)
    except UsageError as error:
        raise UsageError(f"{error}; see {_PROGRAM} {name} --help") from error
    config = command.flags.config(**given)
    check_temporary_folder()
    command.run(config)


def _help(name: str, command: Command) -> str:
    shown = f"[{name}]" if name == _DEFAULT_COMMAND else name
    others = ", ".join(other for other in COMMANDS if other != name)
    about = [
        command.summary,
        f"Other commands: {others}, test; each has a --help of its own.",
    ]
    filled = "\n".join(textwrap.fill(line, _COLUMNS) for line in about)
    return (
        f"usage: ./{_PROGRAM} {shown} {command.flags.usage()}\n\n{filled}\n\n{command.flags.help()}"
    )
