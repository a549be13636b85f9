"""Keeps a trained classifier: two files with checksums, in the user's own cache.

    classifier-0123456789abcdef.npz    the weights, by variable name
    classifier-0123456789abcdef.json   sealed: the data's and weights' checksums, the version, ...

The digits are the first 16 of the data's checksum. The JSON is written last.
"""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from vanilla_gan.errors import OutputError, WeightsError
from vanilla_gan.graph.weights import Weights, read_weights
from vanilla_gan.quality.classifier import VERSION
from vanilla_gan.storage.fields import COUNT, SHA256, Kind, check_fields, kind
from vanilla_gan.storage.files import file_entry, writing
from vanilla_gan.storage.npz import write_npz
from vanilla_gan.storage.reading import reason_of
from vanilla_gan.storage.sealed_json import read_sealed, write_sealed

FORMAT = 1
_HEADERS = 1 << 16  # bytes of everything in a file of weights except the numbers
_FIELDS: Mapping[str, Kind] = {
    "format": COUNT,
    "classifier": COUNT,
    "data": SHA256,
    "test_accuracy": kind("a share", lambda value: type(value) is float and 0 <= value <= 1),
    "weights_sha256": SHA256,
}

Inform = Callable[[str], None]


class KeptClassifier(NamedTuple):
    """A trained classifier.

    Attributes:
      weights: by variable name.
      test_accuracy: share of the data set's test images that it named right when it was trained.
    """

    weights: Weights
    test_accuracy: float


class ClassifierStore:
    """Where the classifier of one data set is kept: in the user's own cache, see `cache_folder`."""

    def __init__(self, checksum: str) -> None:
        """Makes the store of the data with a checksum, 64 hex digits; reads and writes nothing."""
        self._checksum = checksum
        self.folder = cache_folder()

    def read(self, shapes: Mapping[str, tuple[int, ...]], inform: Inform) -> KeptClassifier | None:
        """Returns the classifier that is kept, or None if there is none that can be used.

        Args:
          shapes: of the weights, by name.
          inform: called with a line if it is damaged, or if others may have written it.
        """
        try:
            return self._read(shapes)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, WeightsError) as error:
            self.pass_over(reason_of(error), inform)
            return None

    def pass_over(self, reason: str, inform: Inform) -> None:
        """Says why the classifier that is kept is not used."""
        inform(f"{self._path('json')} is passed over: {reason}")

    def write(self, kept: KeptClassifier) -> pathlib.Path:
        """Keeps a classifier, and returns the folder.

        Raises:
          OutputError: it cannot be kept there.
        """
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            # An older version with a careless umask let the user's group write there.
            self.folder.chmod(0o700)
            self._check_private(self.folder)
        path = self._path("npz")
        write_npz(path, kept.weights)
        try:
            weights_sha256 = file_entry(path)["sha256"]
        except OSError as error:
            raise OutputError(f"cannot read back {path}: {error.strerror or error}") from error
        record = {
            **self._identity(),
            "test_accuracy": kept.test_accuracy,
            "weights_sha256": weights_sha256,
        }
        write_sealed(self._path("json"), record)
        return self.folder

    def _path(self, ending: str) -> pathlib.Path:
        return self.folder / f"classifier-{self._checksum[:16]}.{ending}"

    def _read(self, shapes: Mapping[str, tuple[int, ...]]) -> KeptClassifier:
        path = self._path("npz")
        self._path("json").stat()
        # Whoever may write to the folder could replace either file.
        self._check_private(self.folder)
        record = read_sealed(self._path("json"))
        check_fields(record, _FIELDS)
        if {name: record[name] for name in self._identity()} != self._identity():
            raise ValueError("it is of other data or another version of the classifier")
        most = _HEADERS + sum(4 * math.prod(shape) for shape in shapes.values())
        if file_entry(path, most)["sha256"] != record["weights_sha256"]:
            raise ValueError(f"{path.name} is not what was written beside it")
        return KeptClassifier(read_weights(path, shapes), float(record["test_accuracy"]))

    def _check_private(self, path: pathlib.Path) -> None:
        """Checks that a folder is the user's, and that nobody else can change what is in it.

        Raises:
          OSError: the folder is not private, or its status cannot be read.
        """
        status = path.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise OSError(f"others may write to {path}; expected a folder of your own, chmod 700")

    def _identity(self) -> dict[str, object]:
        return {"format": FORMAT, "classifier": VERSION, "data": self._checksum}


def cache_folder() -> pathlib.Path:
    """Returns the user's own cache of this program.

    A data folder will not do: it may be shared with others, or come from them, and whoever chooses
    the features in which samples are compared chooses the result.
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(home, "vanilla_gan")
