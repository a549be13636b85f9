"""Keeps a trained classifier: two files whose checksums hold, beside the data or in a cache.

    classifier-0123456789abcdef.npz    the weights, by variable name
    classifier-0123456789abcdef.json   sealed: of which data, by which classifier, the weights' sum

The digits are those of the data's checksum. The JSON is written last.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from vanilla_gan.errors import OutputError, WeightsError
from vanilla_gan.graph.weights import Weights, read_weights
from vanilla_gan.quality.classifier import VERSION
from vanilla_gan.storage.files import file_entry, unwritable
from vanilla_gan.storage.npz import write_npz
from vanilla_gan.storage.sealed_json import read_sealed, write_sealed

FORMAT = 1

Inform = Callable[[str], None]


class KeptClassifier(NamedTuple):
    """A trained classifier.

    Attributes:
      weights: by variable name.
      test_accuracy: share of the data set's test images that it names right.
    """

    weights: Weights
    test_accuracy: float


class ClassifierStore:
    """Where the classifier of one data set is kept."""

    def __init__(self, data_folder: pathlib.Path, checksum: str) -> None:
        """Makes the store; reads and writes nothing.

        Args:
          data_folder: the folder of the data set's files, the first choice.
          checksum: of the data, 64 hex digits.
        """
        self._checksum = checksum
        self._folders = (data_folder, cache_folder())

    def read(self, shapes: Mapping[str, tuple[int, ...]], inform: Inform) -> KeptClassifier | None:
        """Returns the classifier that is kept, or None where none is, or none that is whole.

        Args:
          shapes: of the weights, by name.
          inform: called with a line for each that is damaged.
        """
        for folder in self._folders:
            try:
                return self._read(folder, shapes)
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, WeightsError) as error:
                inform(f"{self._path(folder, 'json')} is passed over: {error}")
        return None

    def write(self, kept: KeptClassifier) -> pathlib.Path:
        """Keeps a classifier, and returns the folder: the first one that can be written to.

        Raises:
          OutputError: none can.
        """
        data_folder, cache = self._folders
        if _takes_files(data_folder):
            self._write(data_folder, kept)
            return data_folder
        try:
            cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(cache, error) from error
        self._write(cache, kept)
        return cache

    def _path(self, folder: pathlib.Path, ending: str) -> pathlib.Path:
        return folder / f"classifier-{self._checksum[:16]}.{ending}"

    def _read(self, folder: pathlib.Path, shapes: Mapping[str, tuple[int, ...]]) -> KeptClassifier:
        record = read_sealed(self._path(folder, "json"))
        then = {name: record[name] for name in ("format", "classifier", "data")}
        if then != self._identity():
            raise ValueError("it is of other data or another version of the classifier")
        path = self._path(folder, "npz")
        if file_entry(path)["sha256"] != record["weights_sha256"]:
            raise ValueError(f"{path.name} is not what was written beside it")
        return KeptClassifier(read_weights(path, shapes), float(record["test_accuracy"]))

    def _write(self, folder: pathlib.Path, kept: KeptClassifier) -> None:
        path = self._path(folder, "npz")
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
        write_sealed(self._path(folder, "json"), record)

    def _identity(self) -> dict[str, object]:
        return {"format": FORMAT, "classifier": VERSION, "data": self._checksum}


def cache_folder() -> pathlib.Path:
    """Returns where it is kept when the data's folder takes no files: the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(home, "vanilla_gan")


def _takes_files(folder: pathlib.Path) -> bool:
    """Returns whether files may be made in a folder.

    Root may make them anywhere; a folder that is marked as nobody's to write to is left alone.
    """
    try:
        return bool(folder.stat().st_mode & 0o222) and os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return False
