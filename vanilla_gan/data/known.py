"""The table of the built-in data sets: how each comes to its arrays, and what its classes are."""

from __future__ import annotations

import functools
import os
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vanilla_gan.data import cifar10, emnist, folder, points
from vanilla_gan.data.download.catalog import CATALOG
from vanilla_gan.data.stacked import stack
from vanilla_gan.declare import Rule
from vanilla_gan.errors import DownloadError

Inform = Callable[[str], None]
# From the folder of all data sets and whether other data than the published ones may be there.
Load = Callable[[str | os.PathLike[str], bool, Inform], folder.RawData]


class Known(NamedTuple):
    """A data set; `names` are those of its classes, none where digits say it all."""

    load: Load
    names: Sequence[str] = ()


def digits_in(
    data_dir: str | os.PathLike[str], allow_unverified: bool, inform: Inform
) -> folder.RawData:
    """Reads the built-in digits; draws them first where they are missing."""
    # matplotlib, whose fonts they are: the settings take nothing but the names from this table.
    from vanilla_gan.data.digits import digits

    del allow_unverified
    home = pathlib.Path(data_dir, "digits")
    begun = False

    def progress(done: int, total: int) -> None:
        nonlocal begun
        if not begun:
            inform(f"drawing the built-in digits into {home}, once: {total} images, some seconds")
        begun = True

    digits.ensure(home, progress=progress)
    return folder.read_folder(home)


def digits_to_stack(
    data_dir: str | os.PathLike[str],
    allow_unverified: bool,
    inform: Inform,
    checksum: str | None = None,
) -> tuple[str, folder.RawData, folder.RawData]:
    """Returns the digits that `stacked_mnist` is drawn from, their name first, and what is drawn.

    They are MNIST, or the built-in digits where it is not to be had, or where a run that has begun
    with those has data of this `checksum`.
    """
    try:
        found = _published("mnist", data_dir, allow_unverified, inform)
        drawn = stack(found)
        if checksum in (None, drawn.checksum):
            return "mnist", found, drawn
    except DownloadError as error:
        inform(f"warning: stacked_mnist is drawn from the built-in digits, not from MNIST: {error}")
    found = digits_in(data_dir, False, inform)
    return "digits", found, stack(found)


def _published(
    name: str, data_dir: str | os.PathLike[str], allow_unverified: bool, inform: Inform
) -> folder.RawData:
    return folder.load_entry(
        CATALOG[name], data_dir, allow_unverified=allow_unverified, inform=inform
    )


_KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

KNOWN: dict[str, Known] = {
    **{name: Known(functools.partial(_published, name)) for name in CATALOG},
    "kmnist": Known(functools.partial(_published, "kmnist"), _KUZUSHIJI),
    "digits": Known(digits_in),
    "emnist_letters": Known(lambda place, other, _: emnist.load(place, other), emnist.NAMES),
    "cifar10": Known(lambda place, other, _: cifar10.load(place, other), cifar10.NAMES),
    "stacked_mnist": Known(lambda *request: digits_to_stack(*request)[2]),
    **{name: Known(lambda *request, name=name: points.draw(name)) for name in points.MIXTURES},
}


def is_own_name(name: str) -> bool:
    """Returns whether somebody's own data may have this name: no other spelling of a known one."""
    is_known = name.lower().replace("-", "_") in ("auto", *KNOWN)
    return re.fullmatch(r"[^\W_][\w.-]{0,63}", name) is not None and not is_known


OWN_NAME = Rule(
    "the name of your own folder in --data_dir (letters, digits, . _ -)",
    is_own_name,
    ("", "a/b", "..", "-x", "MNIST", "fashion-mnist", 65 * "x"),
)
