"""Keeps a trained classifier: its weights and its accuracy, in one file in the user's own cache.

    classifier-1-0123456789abcdef....npz

The file's name has the version of the classifier and the checksum of the data.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from vanilla_gan.errors import WeightsError
from vanilla_gan.graph.weights import Weights, read_weights
from vanilla_gan.quality.classifier import VERSION
from vanilla_gan.storage.files import writing
from vanilla_gan.storage.npz import write_npz
from vanilla_gan.storage.reading import reason_of

_ACCURACY = "test_accuracy"

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
        self.folder = cache_folder()
        self._path = self.folder / f"classifier-{VERSION}-{checksum}.npz"

    def read(self, shapes: Mapping[str, tuple[int, ...]], inform: Inform) -> KeptClassifier | None:
        """Returns the classifier that is kept, or None if there is none that can be used.

        Args:
          shapes: of the weights, by name.
          inform: called with a line if it is damaged, or if others may have written it.
        """
        try:
            self._path.stat()
            self._check_private()
            found = read_weights(self._path, {**shapes, _ACCURACY: ()})
        except FileNotFoundError:
            return None
        except (OSError, WeightsError) as error:
            self.pass_over(reason_of(error), inform)
            return None
        accuracy = float(found.pop(_ACCURACY))
        return KeptClassifier(found, accuracy)

    def pass_over(self, reason: str, inform: Inform) -> None:
        """Says why the classifier that is kept is not used."""
        inform(f"{self._path} is passed over: {reason}")

    def write(self, kept: KeptClassifier) -> pathlib.Path:
        """Keeps a classifier, and returns the folder.

        Raises:
          OutputError: it cannot be kept there.
        """
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            # An older version with a careless umask let the user's group write there.
            self.folder.chmod(0o700)
            self._check_private()
        write_npz(self._path, {**kept.weights, _ACCURACY: np.array(kept.test_accuracy)})
        return self.folder

    def _check_private(self) -> None:
        """Checks that the folder is the user's, and that nobody else can change what is in it.

        Raises:
          OSError: the folder is not private, or its status cannot be read.
        """
        status = self.folder.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise OSError(
                f"others may write to {self.folder}; expected a folder of your own, chmod 700"
            )


def cache_folder() -> pathlib.Path:
    """Returns the user's own cache of this program.

    A data folder will not do: it may be shared with others, or come from them, and whoever chooses
    the features in which samples are compared chooses the result.
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(home, "vanilla_gan")
