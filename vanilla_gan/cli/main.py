"""The command line: finds the command, parses its flags, runs it, returns the exit status."""

from __future__ import annotations

import os
import pathlib
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
from vanilla_gan.plugins.loading import load_plugin
from vanilla_gan.say import say
from vanilla_gan.storage.files import unwritable
from vanilla_gan.storage.streams import (
    discard,
    discard_blocked,
    flush_or_discard,
    open_missing_streams,
)

_COLUMNS = 80
_DEFAULT_COMMAND = "train"
_PLUGIN_HELP = """\
For every command:
  --plugin string
      your own Python file that registers losses, penalties or systems; may be
      given several times"""
_HELP = {"--help", "-h", "-help", "--helpfull"}


def _program() -> str:
    """Returns how this program was called, for its messages."""
    if os.path.basename(sys.argv[0]) == "vanilla-gan":
        return "vanilla-gan"
    beside = pathlib.Path(__file__).resolve().parents[2] / "run.sh"
    return "run.sh" if beside.exists() else "python -m vanilla_gan"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
      argv: the words after the program's name; by default those of the process.

    Returns:
      The exit status: 0 done, 1 failed, 2 wrong usage, 3 not judged, 138 a task of the cluster is
      lost, 141 the reader of the output is gone, 128 + N stopped by signal N.
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
    """Runs one command and returns the exit status; prints failures."""
    try:
        check_names(words)
        _run(words)
    except VanillaGanError as error:
        say(f"{_program()}: {error}")
        return error.exit_status
    except BrokenPipeError:
        # The reader of the output has closed it, as `head` does.
        discard(sys.stdout)
        return 141
    except FileNotFoundError as error:
        # The error has no file name only if it is about the current folder.
        if error.filename is not None:
            raise
        say(
            f"{_program()}: the current folder does not exist any more; give this command in "
            "another one"
        )
        return 2
    except OSError as error:
        # Without a file name it is about standard output: other failures have become our errors.
        if error.filename is not None:
            raise
        discard(sys.stdout)
        say(f"{_program()}: {unwritable('standard output', error)}")
        return 1
    except MemoryError as error:
        # NumPy's message says how much memory was asked for.
        said = f": {error}" if str(error) else ""
        say(f"{_program()}: there is not enough memory{said}; free some, or ask for less at once")
        return 1
    except KeyboardInterrupt:
        discard_blocked()
        say(f"{_program()}: interrupted; each file is either complete or as it was before")
        return 130
    return 0


def _run(words: list[str]) -> None:
    name = words.pop(0) if words and not words[0].startswith("-") else _DEFAULT_COMMAND
    if name == "help":
        name = words.pop(0) if words and not words[0].startswith("-") else _DEFAULT_COMMAND
        words.append("--help")
    if name not in (*COMMANDS, "version"):
        raise UsageError(
            f"unknown command {name!r}{nearest(name, COMMANDS)}; expected {', '.join(COMMANDS)}"
        )
    if name == "version" or "--version" in words:
        print(f"vanilla_gan {__version__}", flush=True)
        return
    # Before the flags are made, because plug-ins add to their choices.
    for path in _plugins(words):
        load_plugin(path)
    command = COMMANDS[name]()
    if _HELP.intersection(words):
        print(_help(name, command, whole="--helpfull" in words), flush=True)
        return
    try:
        given = command.flags.parse(words)
    except UsageError as error:
        raise UsageError(f"{error}; see {_program()} {name} --help") from error
    config = command.flags.config(**given)
    check_temporary_folder()
    command.run(config)


def _plugins(words: list[str]) -> list[str]:
    """Takes `--plugin FILE` out of the words of any command, and returns the files.

    Raises:
      UsageError: no file follows it.
    """
    found: list[str] = []
    for at in reversed(range(len(words))):
        flag, equals, path = words[at].partition("=")
        if flag not in ("--plugin", "-plugin"):
            continue
        if not equals:
            path = words.pop(at + 1) if at + 1 < len(words) else ""
        if not path:
            raise UsageError("--plugin: expected a Python file after it, see docs/plugins.md")
        del words[at]
        found.insert(0, os.path.expanduser(path))
    return found


def _help(name: str, command: Command, *, whole: bool) -> str:
    shown = f"[{name}]" if name == _DEFAULT_COMMAND else name
    others = [other for other in COMMANDS if other != name]
    program = _program()
    if program == "run.sh":
        program = "./run.sh"
        others.append("test")
    common = command.flags.has_common and not whole
    about = [command.summary, f"Other commands: {', '.join(others)}; each has its own --help."]
    parts = [
        f"usage: {program} {shown} {command.flags.usage()}",
        "\n".join(textwrap.fill(line, _COLUMNS) for line in about),
        f"Example:\n  {program} {command.example}",
        command.flags.help(common=common),
    ]
    parts.append(f"All flags: {program} {name} --helpfull" if common else _PLUGIN_HELP)
    return "\n\n".join(parts)
