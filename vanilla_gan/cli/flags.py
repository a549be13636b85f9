"""The flags of one command: made from its table of settings, parsed without global flags."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from vanilla_gan.declare import KINDS, Setting, Settings, Several, nearest, table_of
from vanilla_gan.errors import UsageError

_COLUMNS = 80
_WRAP: Any = {"subsequent_indent": 6 * " ", "break_on_hyphens": False, "break_long_words": False}
# Names that other programs have for these flags.
_CALLED_ELSEWHERE = {
    **dict.fromkeys(("lr", "rate", "alpha"), "learning_rate"),
    **dict.fromkeys(("steps", "n_iter", "num_iters", "max_iter", "max_iters", "it"), "iters"),
    **dict.fromkeys(("n_epochs", "num_epochs"), "epochs"),
    **dict.fromkeys(("bs", "mb_size", "minibatch", "batch"), "batch_size"),
    **dict.fromkeys(("latent_dim", "nz", "noise_dim"), "z_dim"),
    **dict.fromkeys(("hidden", "units"), "h_dim"),
    **dict.fromkeys(("model", "gan", "arch"), "system"),
    **dict.fromkeys(("output", "outdir", "out_dir", "output_dir", "logdir", "o"), "out"),
    **dict.fromkeys(("dataroot", "data_path"), "data_dir"),
    **dict.fromkeys(("images", "pictures", "img_dir"), "data"),
    **dict.fromkeys(("gpu", "cuda", "cpu"), "device"),
    **dict.fromkeys(("random_seed", "manual_seed", "s"), "seed"),
    **dict.fromkeys(("input", "checkpoint", "run", "ckpt"), "from"),
}
_KIND_SHOWN = {int: "int", float: "float", bool: "bool", str: "string", tuple: "int[,int...]"}


class _SeveralParser(flags.ArgumentParser[Several]):
    """Parses whole numbers with commas between them."""

    def parse(self, argument: str) -> Several:
        """Returns one number, or several.

        Raises:
          ValueError: a part is not a whole number.
        """
        numbers = [flags.IntegerParser().parse(part) for part in argument.split(",")]
        return numbers[0] if len(numbers) == 1 else tuple(numbers)


def _define_several(name: str, default: None, text: str, flag_values: flags.FlagValues) -> None:
    flags.DEFINE(_SeveralParser(), name, default, text, flag_values=flag_values)


class Flags:
    """The flags of one command, their values, and their help.

    Attributes:
      config: the class of its settings.
    """

    def __init__(
        self,
        config: type[Settings],
        shown: Mapping[str, str] | None = None,
        of_systems: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Makes the flags of a class of settings.

        Args:
          config: the class.
          shown: defaults by name that the help shows in place of those in the table.
          of_systems: the defaults of each system, for the help.
        """
        self.config = config
        self._shown = shown or {}
        self._of_systems = of_systems or {}
        self._settings = {entry.flag: entry for entry in table_of(config).values()}
        self._word = next((entry for entry in self._settings.values() if entry.word), None)
        self._values = flags.FlagValues()
        define: Mapping[type, Any] = {
            int: flags.DEFINE_integer,
            float: flags.DEFINE_float,
            bool: flags.DEFINE_boolean,
            str: flags.DEFINE_string,
            tuple: _define_several,
        }
        for name, entry in self._settings.items():
            if entry.choices and entry.others is None:
                flags.DEFINE_enum(name, None, list(entry.choices), "", flag_values=self._values)
            elif entry.repeats:
                flags.DEFINE_multi_string(name, None, "", flag_values=self._values)
            else:
                define[entry.kind](name, None, "", flag_values=self._values)

    def parse(self, words: Sequence[str]) -> dict[str, Any]:
        """Parses the words of a command.

        Returns:
          The value of each setting that was given.

        Raises:
          UsageError: a flag is unknown, a value has the wrong type, or a word is not a flag.
        """
        try:
            rest = self._values(["command", *words])[1:]
        except flags.UnrecognizedFlagError as error:
            raise UsageError(
                f"unknown flag --{error.flagname}{self._meant(error.flagname)}"
            ) from error
        except flags.IllegalFlagValueError as error:
            # absl's message is "flag --iters=x: " followed by that of Python's own conversion.
            shown, _, _ = str(error).removeprefix("flag ").partition(": ")
            name, _, value = shown.removeprefix("--").partition("=")
            if name not in self._settings:  # absl's own --flagfile
                raise UsageError(" ".join(str(error).split())) from error
            entry = self._settings[name]
            expected = entry.rules[0].expected if entry.choices else KINDS[entry.kind]
            raise UsageError(f"{shown}: expected {expected}{entry.meant(value)}") from error
        # absl raises a ValueError for a value after --noflag.
        except (flags.Error, ValueError) as error:
            raise UsageError(" ".join(str(error).split())) from error
        if rest and self._word is not None and not self._values[self._word.flag].present:
            self._values[self._word.flag].parse(rest.pop(0))
        if rest:
            only = f"one {self._word.word} and flags" if self._word else "flags"
            raise UsageError(f"{' '.join(rest)!r}: expected {only} only")
        values = {entry.name: self._values[flag].value for flag, entry in self._settings.items()}
        values |= {name: " ".join(of) for name, of in values.items() if isinstance(of, list)}
        # No shell expands a ~ after --out=, and nobody wants a folder of that name.
        return {
            name: os.path.expanduser(value) if isinstance(value, str) else value
            for name, value in values.items()
            if value is not None
        }

    def _meant(self, unknown: str) -> str:
        """Returns a suggestion of the flag that was perhaps meant, or an empty string."""
        meant = _CALLED_ELSEWHERE.get(unknown.lower())
        return nearest(meant if meant in self._settings else unknown, self._settings)

    def usage(self) -> str:
        """Returns what may follow the name of the command."""
        return f"{self._word.word} [--flag=value ...]" if self._word else "[--flag=value ...]"

    @property
    def has_common(self) -> bool:
        """Whether some flags are marked as common, so that a short help can list only these."""
        return any(entry.common for entry in self._settings.values())

    def help(self, *, common: bool = False) -> str:
        """Returns the flags with their kind, use and default, in lines of at most 80 columns.

        Args:
          common: whether to list only the common flags; otherwise all of them, group by group.
        """
        lines: list[str] = ["Common flags:"] if common else []
        for flag, entry in self._settings.items():
            if common and not entry.common:
                continue
            if entry.group and not common:
                lines += ["", f"{entry.group}:"] if lines else [f"{entry.group}:"]
            lines += self._lines(flag, entry)
        return "\n".join(lines)

    def _lines(self, flag: str, entry: Setting) -> list[str]:
        first = f"  --{flag} {'|'.join(entry.choices) or _KIND_SHOWN[entry.kind]}"
        text = entry.text
        if len(first) > _COLUMNS:
            first = f"  --{flag} word"
            text += f"; {entry.rules[0].expected}"
        default = self._default(entry)
        text += f" (default {default})" if default else ""
        indent = 6 * " "
        return [first, *textwrap.wrap(text, _COLUMNS, **_WRAP, initial_indent=indent)]

    def _default(self, entry: Setting) -> str:
        """Returns the default for the help, followed by the systems that have another one."""
        shown = self._shown.get(entry.name, entry.shown).strip()
        own = {
            system: str(defaults.get(entry.name, shown))
            for system, defaults in self._of_systems.items()
        }
        having = [value for value in own.values() if value]
        if not having:
            return shown
        # The first system's default needs no name if all systems have one, or most have this one.
        first = next(iter(own.values()))
        usual = len(having) == len(own) or 2 * having.count(first) > len(own)
        base = shown or (first if usual else "")
        groups: dict[str, list[str]] = {}
        for system, value in own.items():
            if value != base and (value or base):
                groups.setdefault(value or "none", []).append(system)
        parts = [base] if base else []
        parts += [f"{', '.join(systems)}: {value}" for value, systems in groups.items()]
        return "; ".join(parts)
