"""The tables of settings of all commands, and values that each setting must refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vanilla_gan.cli.commands import COMMANDS
from vanilla_gan.declare import Setting, Settings, as_word, table_of

CONFIGS: Mapping[str, type[Settings]] = {
    name: command().flags.config for name, command in COMMANDS.items()
}
# The settings without a default, for each command that has some.
NEEDED: Mapping[str, Mapping[str, str]] = {
    "fork": {"source": "out", "out": "new"},
    "import_images": {"source": "pictures", "out": "own/mnist"},
    "import_weights": {"source": "model.ckpt"},
    "sweep": {"seeds": "0:2"},
}
OF_ANOTHER_KIND = {
    int: ["3", 1.0, True, [1]],
    tuple: ["3", 1.0, True, [True, 3], ["3", 4], [], 17 * [3]],
    float: ["0.5", True, [0.5]],
    bool: [0, 1, "true"],
    str: [3, True, ["a"]],
}
WORDS_OF_ANOTHER_KIND = {
    int: ["x", "", "1.5", "1e3", "nan"],
    tuple: ["x", "", "1.5", "3,", ",3", "3,,4", "3;4", "3,x", ",".join(17 * "3")],
    float: ["x", "", "1,5"],
    bool: ["maybe", "2", ""],
    str: [],
}


def settings_of_all() -> list[Any]:
    """Returns `(command, setting)` for every setting of every command, for pytest."""
    return [(command, each) for command in CONFIGS for each in table_of(CONFIGS[command]).values()]


def out_of_range(setting: Setting) -> Iterator[tuple[Any, str]]:
    """Yields each value of the right kind that a setting must refuse, and what it expects."""
    for rule in setting.rules:
        for value in rule.wrong:
            yield value, rule.expected
            if setting.kind is tuple:
                yield (8, value), rule.expected


def wrong_words(setting: Setting) -> list[str]:
    """Returns words that the command line must refuse as the setting's value."""
    ranges = [as_word(value) for value, _ in out_of_range(setting)]
    return list(dict.fromkeys([*WORDS_OF_ANOTHER_KIND[setting.kind], *ranges]))
