"""Finds the files of a published data set under the names and in the folders that others use.

Names and folders only say where to look. A file counts if it has the published SHA-256: that of its
decompressed bytes, or of the gzipped file if only that is published.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator

from vanilla_gan.data.download.catalog import CATALOG, DataFile, DataSetEntry
from vanilla_gan.data.idx import read_idx
from vanilla_gan.errors import DataError
from vanilla_gan.storage.files import file_entry

_LARGEST = max(file.size for entry in CATALOG.values() for file in entry.files)
# Tried besides the folder of `--dataset`. "": flat, the layout of TensorFlow 1's read_data_sets.
_FOLDERS = (
    "",
    *CATALOG,
    *("MNIST", "MNIST/raw", "mnist/raw", "fashion-mnist", "FashionMNIST", "FashionMNIST/raw"),
    *("KMNIST", "KMNIST/raw"),
)


def find(folder: str | os.PathLike[str], name: str, *, packed: bool = False) -> pathlib.Path | None:
    """Returns the path of `name` in `folder`, plain before gzipped; None if it is not there.

    With `packed`, gzipped files come first, because the known sum is theirs. Unpacked archives have
    a dot in the name: `train-images.idx3-ubyte`. Images with channels may be called
    `train-images-idx4-ubyte`.
    """
    four = name.replace("-idx3", "-idx4")
    names = [name, f"{name}.gz", name.replace("-idx", ".idx"), four, f"{four}.gz"]
    for candidate in sorted(names, key=lambda n: packed and not n.endswith(".gz")):
        path = pathlib.Path(folder, candidate)
        # Some archives unpack each file into a folder of the same name.
        if os.path.exists(path) and not os.path.isdir(path):
            return path
    return None


def find_elsewhere(
    entry: DataSetEntry, data_dir: pathlib.Path, inform: Callable[[str], None]
) -> dict[str, pathlib.Path]:
    """Returns the files of a data set found in other folders below `data_dir`, by name.

    Args:
      entry: the data set.
      data_dir: the folder of all data sets.
      inform: called with a line for each file that is found, and for each that is rejected.
    """
    found: dict[str, pathlib.Path] = {}
    for name, path in _candidates(entry, data_dir):
        if name in found:
            continue
        file = next(file for file in entry.files if file.name == name)
        digest = sum_of(file, path)
        if digest == file.sha256:
            inform(f"found {entry.title}'s {name} at {path}")
            found[name] = path
        else:
            what = owner_of(path) or "an unknown or damaged file"
            inform(f"passed over {path}: it is not {entry.title}'s {name} but {what}")
    return found


def owner_of(path: pathlib.Path) -> str | None:
    """Returns the title and flag of the data set that a file belongs to, found by its sums."""
    sums = {sha256_of(path), _sum_of_file(path)}
    for entry in CATALOG.values():
        if any(file.sha256 in sums for file in entry.files):
            return f"{entry.title}'s (--dataset {entry.name})"
    return None


def sum_of(file: DataFile, path: pathlib.Path) -> str | None:
    """Returns the sum to compare with the catalog's: of the decompressed bytes, or of the file."""
    return _sum_of_file(path) if file.packed else sha256_of(path)


def _sum_of_file(path: pathlib.Path) -> str | None:
    try:
        return str(file_entry(path, _LARGEST)["sha256"])
    except (OSError, ValueError):
        return None


def sha256_of(path: pathlib.Path) -> str | None:
    """Returns the sum of an IDX file's decompressed bytes; None if it is not one."""
    try:
        dimensions = 1 if "labels" in path.name else 3
        return read_idx(path, dimensions=dimensions, max_bytes=_LARGEST).sha256
    except DataError:
        return None


def _candidates(entry: DataSetEntry, data_dir: pathlib.Path) -> Iterator[tuple[str, pathlib.Path]]:
    seen = {os.path.realpath(data_dir / entry.name)}
    for folder in _FOLDERS:
        place = os.path.realpath(data_dir / folder)
        if place in seen:
            continue  # Also if the file system ignores case: mnist and MNIST.
        seen.add(place)
        for file in entry.files:
            path = find(data_dir / folder, file.name, packed=file.packed)
            if path is not None:
                yield file.name, path
