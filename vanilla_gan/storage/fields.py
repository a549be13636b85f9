"""What the fields of a JSON object must be: a table for each kind of file, and one check for all.

    FIELDS = {"run_id": TEXT, "iteration": COUNT, "files": each(TEXT, fields({"bytes": COUNT}))}
    check_fields(content, FIELDS)

A seal shows that a file is as it was written, not that this program wrote it.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from vanilla_gan.say import shown

_LONGEST = 1000  # characters of a text
_MOST = 1 << 53  # up to here float64 represents every whole number exactly
_SHOWN = 60  # characters of a value in a message

# Takes a value and its field's name; raises a ValueError with that name if the value does not fit.
Kind = Callable[[Any, str], None]


def check_fields(
    content: object, table: Mapping[str, Kind], later: Mapping[str, Kind] | None = None
) -> None:
    """Checks a JSON object: exactly these fields, each of its kind, and perhaps some of `later`.

    Raises:
      ValueError: it is different; one line that names the field, the value and what was expected.
    """
    fields(table, later)(content, "")


def kind(expected: str, holds: Callable[[Any], bool]) -> Kind:
    """Returns the kind of values for which `holds`; an error says what was expected."""

    def check(value: Any, name: str) -> None:
        if not holds(value):
            said = f'"{shown(value, _SHOWN)}"' if isinstance(value, str) else _json_type(value)
            raise ValueError(f"{name or 'it'} is {said}, expected {expected}")

    return check


def whole(least: int = 0, most: int = _MOST) -> Kind:
    """Returns the kind of a whole number in a range, both ends included."""

    def holds(value: Any) -> bool:
        return type(value) is int and least <= value <= most

    upper = f"{least}..{most}" if most < _MOST else f"{least}, {least + 1}, ..."
    return kind(str(least) if least == most else f"a whole number in {upper}", holds)


def fields(table: Mapping[str, Kind], later: Mapping[str, Kind] | None = None) -> Kind:
    """Returns the kind of an object with exactly these fields, and perhaps some of `later`."""
    may_be = later or {}

    def check(value: Any, name: str) -> None:
        _OBJECT(value, name)
        inside = f"{name}." if name else ""
        for field, of in table.items():
            if field not in value:
                raise ValueError(f"{inside}{field} is missing")
            of(value[field], f"{inside}{field}")
        for field in value:
            if field in may_be:
                may_be[field](value[field], f"{inside}{field}")
            elif field not in table:
                raise ValueError(f"{inside}{shown(field, _SHOWN)} is unknown")

    return check


def each(of_key: Kind, of_value: Kind) -> Kind:
    """Returns the kind of an object with any number of keys and values of these kinds."""

    def check(value: Any, name: str) -> None:
        _OBJECT(value, name)
        for key, held in value.items():
            of_key(key, f"a key of {name or 'it'}")
            of_value(held, f"{name}.{shown(key, _SHOWN)}" if name else shown(key, _SHOWN))

    return check


def list_of(of: Kind) -> Kind:
    """Returns the kind of a list whose items are all of one kind."""

    def check(value: Any, name: str) -> None:
        kind("a list", lambda v: isinstance(v, list))(value, name)
        for place, held in enumerate(value):
            of(held, f"{name}[{place}]")

    return check


def matching(pattern: str, expected: str) -> Kind:
    """Returns the kind of a text that matches a regular expression as a whole."""
    return kind(
        expected,
        lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value, re.ASCII)),
    )


def optional(of: Kind) -> Kind:
    """Returns the kind of a value that may also be null."""

    def check(value: Any, name: str) -> None:
        if value is not None:
            of(value, name)

    return check


def _is_path(value: Any) -> bool:
    # Any path of a file system, even if its bytes are not valid text; it may not be printable.
    try:
        return isinstance(value, str) and len(os.fsencode(value)) < 4096 and "\0" not in value
    except UnicodeEncodeError:
        return False


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()


def _is_finite(value: Any) -> bool:
    # NaN compares false. A huge whole number compares exactly; `math.isfinite` would overflow.
    return type(value) in (int, float) and abs(value) <= 1e308


def _is_moment(value: Any) -> bool:
    try:
        datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return re.fullmatch(r"[\d-]{10}T[\d:]{8}\+00:00", value, re.ASCII) is not None


def _json_type(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    return "null" if value is None else shown(str(value).lower(), _SHOWN)


_OBJECT = kind("an object", lambda value: isinstance(value, dict))
COUNT = whole()
TEXT = kind(f"a text of 1 to {_LONGEST} printable characters", _is_text)
NUMBER = kind("a finite number", _is_finite)
PATH = kind("a path", _is_path)
SETTING = kind(
    "the value of a setting",
    lambda value: value is None or isinstance(value, bool) or _is_finite(value) or _is_path(value),
)
SHA256 = matching("[0-9a-f]{64}", "64 hex digits")
MOMENT = kind("a UTC time such as 2026-02-03T04:05:06+00:00", _is_moment)
# Neither may lead out of the folder.
FILE_NAME = matching(r"(?!\.\.?$)[\w.-]{1,255}", "the name of a file, without its folder")
PATH_BELOW = matching(
    r"(?!(.*/)?\.?\.?(/|$))[\w./-]{1,1000}", "the path of a file below this folder"
)
# What a record says about a file. The largest networks take some 20 GB.
FILE_ENTRY = fields({"bytes": whole(0, 1 << 36), "sha256": SHA256})
