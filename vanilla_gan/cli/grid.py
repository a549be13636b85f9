"""`--grid` of a sweep: the flags of train that it names, and the values of each."""

from __future__ import annotations

from typing import Any

from vanilla_gan.cli.flags import Flags
from vanilla_gan.declare import Setting, nearest, table_of
from vanilla_gan.errors import UsageError
from vanilla_gan.settings import RunConfig


def grid_of(text: str | None) -> dict[str, list[Any]]:
    """Returns the values of `--grid`, by the name of their setting.

    Args:
      text: `NAME=VALUE,VALUE`, several of them separated by spaces; None for no grid.

    Raises:
      UsageError: a name is not a flag that runs may differ in, or a flag does not allow its value.
    """
    grid: dict[str, list[Any]] = {}
    entries = {entry.flag: entry for entry in table_of(RunConfig).values() if _may_differ(entry)}
    for part in (text or "").split():
        flag, _, words = part.partition("=")
        if flag not in entries:
            raise UsageError(
                f"--grid={part}: expected a flag of train that changes the results and takes "
                f"numbers or one of several words{nearest(flag, entries)}; see run.sh train --help"
            )
        name = entries[flag].name
        values = [Flags(RunConfig).parse([f"--{flag}={word}"])[name] for word in words.split(",")]
        if name in grid or len({*values}) < len(values):
            raise UsageError(f"--grid={part}: a flag or a value occurs twice; name each once")
        for value in values:
            entries[flag].check(value)
        grid[name] = values
    return grid


def _may_differ(entry: Setting) -> bool:
    """Returns whether runs may differ in a setting, and be named by its short, plain values."""
    is_plain = entry.kind is not str or bool(entry.choices)
    is_of_all = entry.name in ("seed", "tune") or entry.effect in ("keeping", "data", "rows")
    return is_plain and not is_of_all
