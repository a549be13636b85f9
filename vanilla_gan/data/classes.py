"""The classes of a data set: how many, which have images to train on, and their names.

`import_images` writes the names beside the data. You can also write them by hand:

    {"classes": {"0": {"name": "cat"}, "1": {"name": "dog"}}}
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from vanilla_gan.data.shape import MAX_CLASSES, PUBLISHED_CLASSES
from vanilla_gan.say import printable
from vanilla_gan.storage.fields import COUNT, check_fields, each, fields, kind, matching
from vanilla_gan.storage.reading import MAX_JSON, read_file, reason_of

CLASSES_JSON = "classes.json"
# The most classes that a message lists.
_LISTED = 12

_NAME = kind("a name", lambda value: isinstance(value, str) and 0 < len(value) <= 1000)
_LABEL = matching("[0-9]{1,3}", f"a label, 0 to {MAX_CLASSES - 1}")
# Other fields, not checked here: they are for people, and `from` is read by `pictures.origin`.
_REST = ("train", "test", "settings", "skipped", "from")


class Classes(NamedTuple):
    """The classes of a data set.

    Attributes:
      total: how many labels there are, 0..total-1.
      trained: the labels that have a training image, ascending.
      names: the name of every label; empty if the classes have no names.
    """

    total: int
    trained: Sequence[int]
    names: Sequence[str] = ()

    def label(self, said: str) -> int | None:
        """Returns the label for a number or a name; None if no training image has it.

        A number is always a label, whatever the classes are called. A name may be written in any of
        Unicode's ways: a folder's name from a Mac has other codes than the same name when typed.
        """
        if re.fullmatch("0|[1-9][0-9]{0,6}", said):
            return int(said) if int(said) in self.trained else None
        asked = _comparable(said)
        found = (k for k in self.trained if self.names and _comparable(self.names[k]) == asked)
        return next(found, None)

    def named(self, label: int) -> str:
        """Returns a label for people, with its name if it has one: `0 (cat)`."""
        return f"{label} ({self.names[label]})" if self.names else str(label)

    def listed(self, shown: Callable[[str], str] = str) -> str:
        """Returns the labels that have training images, for people: `0 to 9`, `3 (cat), 8 (dog)`.

        Only the first 12 are listed, each as `shown` returns it, and the rest are counted.
        """
        if len(self.trained) == self.total and not self.names:
            return f"0 to {self.total - 1}"
        more = len(self.trained) - _LISTED
        words = ", ".join(shown(self.named(label)) for label in self.trained[:_LISTED])
        return f"{words} and {more} more" if more > 0 else words


def _comparable(name: str) -> str:
    """Returns a name, printable or not, in the form in which two spellings of it are equal."""
    return unicodedata.normalize("NFC", printable(name))


def all_classes(count: int) -> Classes:
    """Returns `count` classes without names, each with training images."""
    return Classes(count, range(count))


PUBLISHED = all_classes(PUBLISHED_CLASSES)


def read_class_names(
    folder: str | os.PathLike[str], inform: Callable[[str], None]
) -> dict[int, str]:
    """Reads the names of classes, by label, from the file beside the data; empty if there is none.

    Training does not depend on them. So a file that cannot be used is ignored, and `inform` is
    called with a line for the user.
    """
    path = pathlib.Path(folder, CLASSES_JSON)
    if not os.path.lexists(path):
        return {}
    try:
        return _names_in(read_file(path, MAX_JSON))
    except (OSError, ValueError) as error:
        inform(
            f"warning: {path} cannot be used: {reason_of(error)}; the classes are shown by number"
        )
        return {}


def _names_in(text: bytes) -> dict[int, str]:
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    entry = fields({"name": _NAME}, {"pictures": COUNT})
    rest: Mapping[str, Any] = dict.fromkeys(_REST, lambda value, name: None)
    check_fields(content, {"classes": each(_LABEL, entry)}, rest)
    names = {int(label): printable(held["name"]) for label, held in content["classes"].items()}
    if len(set(names.values())) < len(content["classes"]):
        raise ValueError("two classes have the same name or label")
    return names
