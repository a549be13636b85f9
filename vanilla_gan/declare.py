"""How settings are declared: one entry a setting, from which checks, flags, help and tests come.

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class SampleConfig(Settings):
        n: int | None = setting(None, "how many images", at_least(1))

The annotation says the kind, and whether None may stand for "left out".
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
import math
import os
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, NewType, TypeVar

from vanilla_gan.errors import UsageError

MOST_SEVERAL = 16
# Of a setting that has one number, or several in their order.
Several = int | tuple[int, ...]
KINDS: Mapping[type, str] = {
    int: "a whole number",
    tuple: f"a whole number, or 2 to {MOST_SEVERAL} of them with commas between",
    float: "a number",
    bool: "true or false",
    str: "a text",
}

# What depends on a setting: the run's numbers; which variables it has; what these begin with; how
# far it goes; where its data are looked for; what happens when it diverges; which of its numbers
# are written; what is kept and shown, and where; the time and memory that it takes; which parts of
# the machine compute it, and with that at most the last digits.
Effect = Literal[
    "numbers",
    "variables",
    "beginning",
    "length",
    "data",
    "rescue",
    "rows",
    "keeping",
    "speed",
    "machine",
]
_FIXED: tuple[Effect, ...] = ("numbers", "variables", "beginning")

# The name of what a plug-in registers, which no list for type checkers can have.
Registered = NewType("Registered", str)

T = TypeVar("T")
S = TypeVar("S", bound="Settings")


class Rule(NamedTuple):
    """What a value must be.

    Attributes:
      expected: what an error says of it.
      holds: whether a value of the right kind is that.
      wrong: some that are not, for the tests: the nearest on either side among them.
    """

    expected: str
    holds: Callable[[Any], bool]
    wrong: tuple[Any, ...]


def at_least(least: int) -> Rule:
    """Returns the rule of a count."""
    what = f"a whole number of at least {least}"
    return Rule(what, lambda value: value >= least, (least - 1, least - 10**6))


def at_most(most: int) -> Rule:
    """Returns the rule of what must not be larger."""
    return Rule(f"at most {most}", lambda value: value <= most, (most + 1,))


def within(first: int, last: int, what: str = "a whole number") -> Rule:
    """Returns the rule of a number from `first` to `last`, both included."""
    expected = f"{what} in {first}..{last}"
    return Rule(expected, lambda value: first <= value <= last, (first - 1, last + 1))


def one_of(choices: Sequence[str], others: Rule | None = None) -> Rule:
    """Returns the rule of a word out of some, or of one that follows another rule."""
    expected = f"one of {', '.join(choices)}"
    if others is not None:
        either = f"{expected}, or {others.expected}"
        return Rule(either, lambda value: value in choices or others.holds(value), others.wrong)
    wrong = ("", "nonsense", choices[0].upper(), "|".join(choices))
    return Rule(expected, lambda value: value in choices, wrong)


def some_of(choices: Sequence[str]) -> Rule:
    """Returns the rule of none, or of words out of some with commas between."""
    wrong = ("", "nonsense", f"{choices[0]},", f"none,{choices[0]}", " ".join(choices))
    return Rule(
        f"none, or some of {', '.join(choices)}, with commas between",
        lambda value: value == "none" or {*value.split(",")} <= {*choices},
        wrong,
    )


_LARGEST = 2**63 - 1  # of what other programs take for a whole number
_NAN, _INF = math.nan, math.inf
ABOVE_0 = Rule("a number above 0", lambda value: 0 < value < _INF, (0.0, -1e-3, _INF, _NAN))


def _is_path(value: str) -> bool:
    # What a file says may be a text that no path can be.
    try:
        return bool(value) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


PATH = Rule("a path", _is_path, ("",))
SEED = within(0, 2**32 - 1)
# More than any machine has cores: all threads of a session start at once, and each takes memory.
THREADS = (at_least(0), at_most(1024))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """One entry of a table of settings.

    Attributes:
      name: of the field.
      flag: how the command line calls it.
      kind: int, float, bool or str; tuple for `Several`.
      optional: whether None is a value: it is left out, and something else decides.
      default: the value where none is given.
      shown: the default as the help shows it.
      text: what it is for, in a line.
      group: the heading of this setting and the ones behind it.
      choices: the words that it may be; empty where there is no list of them.
      others: the rule of words beside `choices`; None where there are none.
      rules: what a value must be.
      effect: what depends on it.
      missing: what to give; empty where it may be left out.
      word: how the help calls it where it may also stand without its flag.
      repeats: whether the flag may be given several times; the value has blanks between them.
      common: whether it is among the few that a first look at the help shows.
    """

    name: str
    flag: str
    kind: type
    optional: bool
    default: Any
    shown: str
    text: str
    group: str
    choices: tuple[str, ...]
    others: Rule | None
    rules: tuple[Rule, ...]
    effect: Effect
    missing: str
    word: str
    repeats: bool
    common: bool

    @property
    def is_free(self) -> bool:
        """Whether a run may be continued with another value, because no number depends on it."""
        return self.effect not in _FIXED

    def check(self, value: object) -> None:
        """Checks a value.

        Raises:
          UsageError: it is of another kind or out of range; naming flag, value and expectation.
        """
        if value is None and self.optional:
            return
        kinds: Any = {float: (int, float), tuple: int}.get(self.kind, self.kind)
        values = value if self.kind is tuple and isinstance(value, tuple) else (value,)
        for one in values:
            # A bool is an int to Python.
            if not isinstance(one, kinds) or (isinstance(one, bool) and self.kind is not bool):
                raise bad_value(self.flag, repr(value), KINDS[self.kind])
            if isinstance(one, int) and abs(one) > _LARGEST:
                raise bad_value(self.flag, "a longer number", f"at most {_LARGEST}")
        if not 1 <= len(values) <= MOST_SEVERAL:
            raise bad_value(self.flag, repr(value), KINDS[self.kind])
        if self.missing and not value:
            raise UsageError(f"--{self.flag} is missing: {self.missing}")
        for rule in self.rules:
            if not all(map(rule.holds, values)):
                raise bad_value(self.flag, value, rule.expected + self.meant(value))

    def meant(self, value: object) -> str:
        """Returns the suggestion of `nearest` among the choices; nothing where there are none."""
        return nearest(str(value), self.choices)


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns ` (did you mean ...?)` for the known word that is most like `word`, or nothing."""
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return f" (did you mean {found[0]!r}?)" if found else ""


def several(value: Several) -> tuple[int, ...]:
    """Returns the numbers of a setting that has one or several."""
    return value if isinstance(value, tuple) else (value,)


def as_word(value: object) -> str:
    """Returns a value as the command line takes it behind its flag."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def bad_value(flag: str, value: object, expected: str) -> UsageError:
    """Returns the error of a value that cannot be."""
    said = repr("") if value == "" else as_word(value)
    return UsageError(f"--{flag}={said}: expected {expected}")


def setting(
    default: T,
    text: str,
    *rules: Rule,
    choices: Collection[str] = (),
    others: Rule | None = None,
    effect: Effect = "numbers",
    group: str = "",
    flag: str = "",
    shown: str = "",
    missing: str = "",
    word: str = "",
    repeats: bool = False,
    common: bool = False,
) -> T:
    """Declares a field of a class of settings; `Setting` describes the arguments.

    `choices` may be a collection that grows; `choices_changed` tells of it.
    """
    entry: dict[str, Any] = {"text": text, "rules": rules, "choices": choices, "others": others}
    entry |= {"effect": effect, "group": group, "flag": flag, "shown": shown}
    entry |= {"missing": missing, "word": word, "repeats": repeats, "common": common}
    return dataclasses.field(default=default, metadata={"setting": entry})


def table_of(config: type[Settings]) -> Mapping[str, Setting]:
    """Returns the settings of a class by name, in their order."""
    key: Any = config  # mypy takes the hash of the class for that of its instances.
    return _table_of(key)


def choices_changed() -> None:
    """Lets the tables of settings have the choices that there are now."""
    _table_of.cache_clear()


def group_of(config: type[Settings], heading: str) -> list[Setting]:
    """Returns the settings of a class under a heading, in their order."""
    found = itertools.dropwhile(lambda entry: entry.group != heading, table_of(config).values())
    return [next(found), *itertools.takewhile(lambda entry: not entry.group, found)]


def _kind_of(hints: Sequence[Any]) -> type:
    """Returns the kind that a field's annotation says; `Several` is a number or a tuple."""
    kinds = [typing.get_origin(hint) or hint for hint in hints if hint is not types.NoneType]
    return tuple if tuple in kinds else str if Literal in kinds else kinds[0]


@functools.cache
def _table_of(config: Any) -> Mapping[str, Setting]:
    hints = typing.get_type_hints(config)
    table = {}
    for field in dataclasses.fields(config):
        if "setting" not in field.metadata:
            continue
        hint = hints[field.name]
        kinds = (hint,) if typing.get_origin(hint) is Literal else typing.get_args(hint) or (hint,)
        entry = dict(field.metadata["setting"])
        shown = "" if field.default is None else str(field.default)
        choices = tuple(entry.pop("choices"))
        rules = entry.pop("rules")
        if choices:
            rules = (one_of(choices, entry["others"]), *rules)
        table[field.name] = Setting(
            name=field.name,
            flag=entry.pop("flag") or field.name,
            kind=_kind_of(kinds),
            optional=types.NoneType in kinds,
            default=field.default,
            shown=entry.pop("shown") or shown,
            choices=choices,
            rules=rules,
            **entry,
        )
    return table


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings that are checked when they are made.

    Attributes:
      given: the names of those that somebody asked for. To leave a setting out and to give it the
        value that is its default are different things; to give None is to leave it out. It has no
        part in whether two are equal. `dataclasses.replace` adds the names of its changes.
    """

    # The first field: `dataclasses.replace` hands on its changes, then all other fields in order.
    given: frozenset[str] = dataclasses.field(default=frozenset(), compare=False, repr=False)

    def __new__(cls: type[S], **values: object) -> S:
        """Notes which settings the call names, for `__post_init__`."""
        config = super().__new__(cls)
        object.__setattr__(config, "_named", tuple(values))
        return config

    def __post_init__(self) -> None:
        """Checks every setting by itself.

        Raises:
          UsageError: naming the setting as its flag, the value, and what was expected.
        """
        named = self.__dict__.pop("_named")
        changed = set(named[: named.index("given")] if "given" in named else named)
        asked = {name for name in changed if getattr(self, name) is not None}
        object.__setattr__(self, "given", frozenset((self.given - changed) | asked))
        for name, entry in table_of(type(self)).items():
            value = getattr(self, name)
            if entry.kind is tuple and isinstance(value, (list, tuple)):
                # JSON has lists; and one number alone is that number.
                value = value[0] if len(value) == 1 else tuple(value)
                object.__setattr__(self, name, value)
            entry.check(value)

    def filled(self: S, values: Mapping[str, Any]) -> S:
        """Returns these settings with other values that nobody asked for."""
        return dataclasses.replace(self, given=self.given, **values)

    def to_json(self) -> dict[str, Any]:
        """Returns the settings by name, as files record them."""
        return {name: getattr(self, name) for name in table_of(type(self))}
