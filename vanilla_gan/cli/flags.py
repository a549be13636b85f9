"""Flags of one command: defined on absl, parsed without touching anybody's global flags."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from absl import flags

from vanilla_gan.errors import UsageError

_FROM_DEFAULTS = object()


class Flags:
    """The flags of one command, their values, and their help."""

    def __init__(
        self, defaults: object, of_systems: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        """Makes an empty set of flags.

        Args:
          defaults: has an attribute with the default value for each flag that names no other.
          of_systems: for each system the defaults that come with it, for the help.
        """
        self._values = flags.FlagValues()
        self._defaults = defaults
        self._of_systems = of_systems or {}
        self._word: tuple[str, str] | None = None

    def integer(self, name: str, text: str, default: Any = _FROM_DEFAULTS) -> None:
        """Defines a whole-number flag."""
        flags.DEFINE_integer(name, self._default(name, default), text, flag_values=self._values)

    def number(self, name: str, text: str, default: Any = _FROM_DEFAULTS) -> None:
        """Defines a flag that takes any number."""
        flags.DEFINE_float(name, self._default(name, default), text, flag_values=self._values)

    def boolean(self, name: str, text: str, default: Any = _FROM_DEFAULTS) -> None:
        """Defines a flag that is set as `--name` and unset as `--noname`."""
        flags.DEFINE_boolean(name, self._default(name, default), text, flag_values=self._values)

    def string(self, name: str, text: str, default: Any = _FROM_DEFAULTS) -> None:
        """Defines a flag that takes any text."""
        flags.DEFINE_string(name, self._default(name, default), text, flag_values=self._values)

    def enum(
        self, name: str, choices: Sequence[str], text: str, default: Any = _FROM_DEFAULTS
    ) -> None:
        """Defines a flag that takes one of `choices`."""
        value = self._default(name, default)
        flags.DEFINE_enum(name, value, list(choices), text, flag_values=self._values)

    def word(self, name: str, shown: str) -> None:
        """Lets the value of flag `name` stand as a plain word, which the help shows as `shown`."""
        self._word = name, shown

    def parse(self, words: Sequence[str]) -> tuple[dict[str, Any], set[str]]:
        """Parses the words of a command.

        Returns:
          The value of each flag, and the names of those that were given.

        Raises:
          UsageError: an unknown flag, a value of the wrong type, or a word that is no flag.
        """
        try:
            rest = self._values(["command", *words])[1:]
        except flags.UnrecognizedFlagError as error:
            raise UsageError(
                f"unknown flag --{error.flagname}{nearest(error.flagname, self._values)}"
            ) from error
        except flags.IllegalFlagValueError as error:
            # absl: "flag --iters=x: " and what Python's own conversion says.
            shown, _, _ = str(error).removeprefix("flag ").partition(": ")
            name = shown.removeprefix("--").partition("=")[0]
            raise UsageError(f"{shown}: expected {self._expected(name)}") from error
        except flags.Error as error:
            raise UsageError(" ".join(str(error).split())) from error
        if rest and self._word is not None and not self._values[self._word[0]].present:
            self._values[self._word[0]].parse(rest.pop(0))
        if rest:
            only = f"one {self._word[1]} and flags" if self._word else "flags"
            raise UsageError(f"{' '.join(rest)!r}: expected {only} only")
        names = list(self._values)
        given: Collection[str] = {name for name in names if self._values[name].present}
        return {name: self._values[name].value for name in names}, set(given)

    def usage(self) -> str:
        """Returns what may stand behind the name of the command."""
        return f"{self._word[1]} [--flag=value ...]" if self._word else "[--flag=value ...]"

    def help(self) -> str:
        """Returns two lines for each flag: its name, kind and default; what it is for."""
        lines = []
        for name in self._values:
            flag = self._values[name]
            choices = getattr(flag.parser, "enum_values", None)
            kind = "|".join(choices) if choices else flag.flag_type()
            lines.append(f"  --{name} {kind}{self._shown_default(name, flag.default)}")
            # absl puts the choices before the text; they stand above already.
            lines.append(f"      {flag.help.removeprefix(f'<{kind}>: ')}")
        return "\n".join(lines)

    def _expected(self, name: str) -> str:
        parser: Any = self._values[name].parser
        if getattr(parser, "enum_values", None):
            return f"one of {', '.join(parser.enum_values)}"
        kinds = {"int": "a whole number", "float": "a number", "bool": "true or false"}
        return kinds.get(parser.flag_type(), f"a {parser.flag_type()}")

    def _default(self, name: str, default: Any) -> Any:
        return getattr(self._defaults, name) if default is _FROM_DEFAULTS else default

    def _shown_default(self, name: str, default: object) -> str:
        if default is not None:
            return f" (default {default})"
        shown = [f"{system} {d[name]}" for system, d in self._of_systems.items() if name in d]
        return f" (default {', '.join(shown)})" if shown else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns ` (did you mean ...?)` for the known word that is most like `word`, or nothing."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {found[0]!r}?)" if found else ""
