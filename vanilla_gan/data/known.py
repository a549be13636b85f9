"""The table of the built-in data sets: how to load each, and the names of its classes."""

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


class Request(NamedTuple):
    """What a run asks for.

    Attributes:
      data_dir: the folder of all data sets.
      allow_unverified: whether to accept files other than the published ones.
      inform: called with lines for the user.
      checksum: of the data that the run has trained on before; None for a new run.
    """

    data_dir: str | os.PathLike[str]
    allow_unverified: bool
    inform: Callable[[str], None]
    checksum: str | None = None


class Known(NamedTuple):
    """How to load a data set, and the names of its classes; empty if they go by their numbers."""

    load: Callable[[Request], folder.RawData]
    names: Sequence[str] = ()


def _digits(request: Request) -> folder.RawData:
    """Reads the built-in digits; draws them first if they are missing."""
    # Imported here because it needs matplotlib, while the settings need only this table's names.
    from vanilla_gan.data.digits import digits

    home = pathlib.Path(request.data_dir, "digits")
    begun = False

    def progress(done: int, total: int) -> None:
        nonlocal begun
        if not begun:
            request.inform(
                f"drawing {total} built-in digits into {home}; this takes some seconds, once"
            )
        begun = True

    digits.ensure(home, progress=progress)
    return folder.read_folder(home)


def digits_to_stack(request: Request) -> tuple[str, folder.RawData, folder.RawData]:
    """Returns the name of `stacked_mnist`'s digits, the digits, and the images drawn from them.

    The digits are MNIST. They are the built-in ones if MNIST cannot be downloaded, or if images
    drawn from it would not have the requested checksum.
    """
    try:
        found = _published("mnist", request)
        drawn = stack(found)
        if request.checksum in (None, drawn.checksum):
            return "mnist", found, drawn
    except DownloadError as error:
        request.inform(
            f"warning: stacked_mnist is drawn from the built-in digits, not from MNIST: {error}"
        )
    found = _digits(request)
    return "digits", found, stack(found)


def _published(name: str, request: Request) -> folder.RawData:
    return folder.load_entry(
        CATALOG[name],
        request.data_dir,
        allow_unverified=request.allow_unverified,
        inform=request.inform,
    )


def _points(name: str, _: Request) -> folder.RawData:
    return points.draw(name)


_KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

KNOWN: dict[str, Known] = {
    **{name: Known(functools.partial(_published, name)) for name in CATALOG},
    "kmnist": Known(functools.partial(_published, "kmnist"), _KUZUSHIJI),
    "digits": Known(_digits),
    "emnist_letters": Known(lambda r: emnist.load(r.data_dir, r.allow_unverified), emnist.NAMES),
    "cifar10": Known(lambda r: cifar10.load(r.data_dir, r.allow_unverified), cifar10.NAMES),
    "stacked_mnist": Known(lambda request: digits_to_stack(request)[2]),
    **{name: Known(functools.partial(_points, name)) for name in points.MIXTURES},
}


def is_own_name(name: str) -> bool:
    """Returns whether a user's data may have this name: valid, no spelling of a built-in one."""
    is_known = name.lower().replace("-", "_") in ("auto", *KNOWN)
    return re.fullmatch(r"[^\W_][\w.-]{0,63}", name) is not None and not is_known


OWN_NAME = Rule(
    "the name of your own folder in --data_dir (letters, digits, . _ -)",
    is_own_name,
    ("", "a/b", "..", "-x", "MNIST", "fashion-mnist", 65 * "x"),
)
