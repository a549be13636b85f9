"""How settings are declared: one entry each, from which checks, flags, help and tests are made.

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class SampleConfig(Settings):
        n: int | None = setting(None, "how many images", at_least(1))

The annotation gives the kind, and says whether the value may be None, which means "not given".
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
# The value of a setting that takes one number, or several in order.
Several = int | tuple[int, ...]
KINDS: Mapping[type, str] = {
    int: "a whole number",
    tuple: f"a whole number, or 2 to {MOST_SEVERAL} of them with commas between",
    float: "a number",
    bool: "true or false",
    str: "a text",
}

# What depends on a setting.
Effect = Literal[
    "numbers",  # the numbers that the run computes
    "variables",  # which variables the run has
    "beginning",  # the initial values of the variables
    "length",  # how many iterations the run has
    "data",  # where the data are found
    "rescue",  # what happens if the run diverges or shows a disease
    "rows",  # which of the run's numbers are written
    "keeping",  # what is kept and shown, and where
    "speed",  # the time and the memory that the run takes
    "machine",  # which parts of the machine compute the run; changes the last digits at most
]
_FIXED: tuple[Effect, ...] = ("numbers", "variables", "beginning")

# The name of something that a plug-in registers, which no `Literal` can list.
Registered = NewType("Registered", str)

T = TypeVar("T")
S = TypeVar("S", bound="Settings")


class Rule(NamedTuple):
    """What a value must be.

    Attributes:
      expected: the requirement in words, for error messages.
      holds: whether a value of the right kind meets the requirement.
      wrong: values that do not meet it, for the tests, including the nearest on either side.
    """

    expected: str
    holds: Callable[[Any], bool]
    wrong: tuple[Any, ...]


def at_least(least: int) -> Rule:
    """Returns the rule that a value is a whole number of at least `least`."""
    what = f"a whole number of at least {least}"
    return Rule(what, lambda value: value >= least, (least - 1, least - 10**6))


def at_most(most: int) -> Rule:
    """Returns the rule that a value is at most `most`."""
    return Rule(f"at most {most}", lambda value: value <= most, (most + 1,))


def within(first: int, last: int, what: str = "a whole number") -> Rule:
    """Returns the rule that a number is in `first`..`last`, both included."""
    expected = f"{what} in {first}..{last}"
    return Rule(expected, lambda value: first <= value <= last, (first - 1, last + 1))


def one_of(choices: Sequence[str], others: Rule | None = None) -> Rule:
    """Returns the rule that a word is one of `choices`, or follows the rule `others`."""
    expected = f"one of {', '.join(choices)}"
    if others is not None:
        either = f"{expected}, or {others.expected}"
        return Rule(either, lambda value: value in choices or others.holds(value), others.wrong)
    wrong = ("", "nonsense", choices[0].upper(), "|".join(choices))
    return Rule(expected, lambda value: value in choices, wrong)


def some_of(choices: Sequence[str]) -> Rule:
    """Returns the rule that a value is `none`, or some of `choices` separated by commas."""
    wrong = ("", "nonsense", f"{choices[0]},", f"none,{choices[0]}", " ".join(choices))
    return Rule(
        f"none, or some of {', '.join(choices)}, with commas between",
        lambda value: value == "none" or {*value.split(",")} <= {*choices},
        wrong,
    )


_LARGEST = 2**63 - 1  # the largest integer that other programs accept
_NAN, _INF = math.nan, math.inf
ABOVE_0 = Rule("a number above 0", lambda value: 0 < value < _INF, (0.0, -1e-3, _INF, _NAN))


def _is_path(value: str) -> bool:
    # A text from a file may be one that cannot be a path.
    try:
        return bool(value) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


PATH = Rule("a path", _is_path, ("",))
SEED = within(0, 2**32 - 1)
# The limit exceeds any number of cores. A session starts all threads at once; each takes memory.
THREADS = (at_least(0), at_most(1024))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """One entry of a table of settings.

    Attributes:
      name: the name of the field.
      flag: the name on the command line.
      kind: int, float, bool or str; tuple for `Several`.
      optional: whether it may be None, which means that it is not given and something else decides.
      default: the value if none is given.
      shown: the default as the help shows it.
      text: what it is for, in one line.
      group: the heading above this setting and those that follow it.
      choices: the words that it may be; empty if there is no list of them.
      others: the rule for words that are not in `choices`; None if no others are allowed.
      rules: what a value must be.
      effect: what depends on it.
      missing: what the error for a missing value tells the user to give; empty if it is optional.
      word: its name in the help if it may also be given without its flag.
      repeats: whether the flag may be given several times; the value joins them with spaces.
      common: whether the short help lists it.
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
          UsageError: it is of another kind or out of range; names flag, value and expectation.
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
        """Returns the suggestion of `nearest` among the choices; empty if there are none."""
        return nearest(str(value), self.choices)


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns ` (did you mean ...?)` with the known word most like `word`, or an empty string."""
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return f" (did you mean {found[0]!r}?)" if found else ""


def several(value: Several) -> tuple[int, ...]:
    """Returns the value of a setting that takes one number or several, as a tuple."""
    return value if isinstance(value, tuple) else (value,)


def as_word(value: object) -> str:
    """Returns a value as it is written after its flag on the command line."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def bad_value(flag: str, value: object, expected: str) -> UsageError:
    """Returns the error for a value that is not allowed."""
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

    `choices` may be a collection that grows; call `choices_changed` when it does.
    """
    entry: dict[str, Any] = {"text": text, "rules": rules, "choices": choices, "others": others}
    entry |= {"effect": effect, "group": group, "flag": flag, "shown": shown}
    entry |= {"missing": missing, "word": word, "repeats": repeats, "common": common}
    return dataclasses.field(default=default, metadata={"setting": entry})


def table_of(config: type[Settings]) -> Mapping[str, Setting]:
    """Returns the settings of a class by name, in the order of their fields."""
    key: Any = config  # mypy mistakes the hash of the class for that of its instances.
    return _table_of(key)


def choices_changed() -> None:
    """Makes the tables of settings pick up the current choices."""
    _table_of.cache_clear()


def group_of(config: type[Settings], heading: str) -> list[Setting]:
    """Returns the settings of a class under a heading, in the order of their fields."""
    found = itertools.dropwhile(lambda entry: entry.group != heading, table_of(config).values())
    return [next(found), *itertools.takewhile(lambda entry: not entry.group, found)]


def _kind_of(hints: Sequence[Any]) -> type:
    """Returns the kind that a field's annotation gives; tuple for `Several`."""
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
    """Settings that are checked when they are created.

    Attributes:
      given: the names of the settings that were given. A setting that is given its default value
        counts as given; one that is given None does not. It does not matter when two objects are
        compared. `dataclasses.replace` updates it with the names of its changes.
    """

    # Must be first: `dataclasses.replace` passes its changes, then all other fields in order.
    given: frozenset[str] = dataclasses.field(default=frozenset(), compare=False, repr=False)

    def __new__(cls: type[S], **values: object) -> S:
        """Notes which settings the call names, in their order, for `__post_init__`."""
        config = super().__new__(cls)
        object.__setattr__(config, "_named", tuple(values))
        return config

    def __post_init__(self) -> None:
        """Checks every setting on its own.

        Raises:
          UsageError: a value is not allowed; names the flag, the value, and what was expected.
        """
        named = self.__dict__.pop("_named")
        changed = set(named[: named.index("given")] if "given" in named else named)
        asked = {name for name in changed if getattr(self, name) is not None}
        object.__setattr__(self, "given", frozenset((self.given - changed) | asked))
        for name, entry in table_of(type(self)).items():
            value = getattr(self, name)
            if entry.kind is tuple and isinstance(value, (list, tuple)):
                # JSON has lists instead of tuples; a single number is stored as a number.
                value = value[0] if len(value) == 1 else tuple(value)
                object.__setattr__(self, name, value)
            entry.check(value)

    def filled(self: S, values: Mapping[str, Any]) -> S:
        """Returns these settings with other values, which do not count as given."""
        return dataclasses.replace(self, given=self.given, **values)

    def to_json(self) -> dict[str, Any]:
        """Returns the settings by name, as files record them."""
        return {name: getattr(self, name) for name in table_of(type(self))}
