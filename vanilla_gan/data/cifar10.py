"""The data set `cifar10`: the published binary files of 32x32 colour pictures in ten classes.

Source: https://www.cs.toronto.edu/~kriz/cifar.html, "CIFAR-10 binary version": a picture is a byte
for its class and 1,024 bytes each of red, green and blue, row by row. The archive's size and sum
are those of TensorFlow Datasets (`url_checksums/cifar10.txt`).
"""

from __future__ import annotations

import os
import pathlib
import tarfile
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.download.archive import Archive, verified
from vanilla_gan.data.folder import RawData, raw_data
from vanilla_gan.errors import DataError
from vanilla_gan.storage.reading import open_file, read_file, reason_of

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ARCHIVE = Archive(
    dataset="cifar10",
    name="cifar-10-binary.tar.gz",
    size=170_052_171,
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    mirrors=("https://www.cs.toronto.edu/~kriz/",),
)
FOLDER = "cifar-10-batches-bin"
_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_TEST = ("test_batch.bin",)
_SIDE = 32
_RECORD = 1 + 3 * _SIDE * _SIDE
_MAX_BATCH = 50_000 * _RECORD  # bytes; a published one has 10,000 pictures


def load(data_dir: str | os.PathLike[str], allow_unverified: bool = False) -> RawData:
    """Reads the pictures, uint8 [N, 32, 32, 3], out of the archive in `<data_dir>/cifar10/`.

    Args:
      data_dir: the folder of all data sets.
      allow_unverified: read plain `.bin` files there instead, or in its folder
        `cifar-10-batches-bin`, whatever pictures they hold; nothing is downloaded.

    Raises:
      DataError: a file is missing, or not of that format.
      DownloadError: the archive is missing, and could not be downloaded or stored.
    """
    if allow_unverified:
        home = pathlib.Path(data_dir, ARCHIVE.dataset)
        home = home / FOLDER if (home / FOLDER).is_dir() else home
        contents = {name: _content(home / name) for name in (*_TRAIN, *_TEST)}
    else:
        home = verified(ARCHIVE, data_dir)
        contents = _unpacked(home)
    train, test = (_read(home, contents, names) for names in (_TRAIN, _TEST))
    return raw_data(*train, *test)


def _content(path: pathlib.Path) -> bytes:
    try:
        return read_file(path, _MAX_BATCH)
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot read {path}: {reason_of(error)}; expected the unpacked binary version, "
            f"{', '.join((*_TRAIN, *_TEST))}; put these files there, name another folder with "
            "--data_dir, or leave out --allow_unverified_data"
        ) from error


def _unpacked(path: pathlib.Path) -> dict[str, bytes]:
    """Returns the files of a verified archive by name."""
    contents = {}
    with open_file(path) as stream, tarfile.open(fileobj=stream, mode="r:gz") as archive:
        for member in archive:
            name = pathlib.PurePosixPath(member.name).name
            if name in (*_TRAIN, *_TEST):
                held = archive.extractfile(member)
                assert held is not None
                contents[name] = held.read(_MAX_BATCH)
    return contents


def _read(
    home: pathlib.Path, contents: dict[str, bytes], names: Iterable[str]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Returns the pictures and labels of some files, one after the other."""
    for name in names:
        size = len(contents[name])
        if not size or size % _RECORD:
            raise DataError(
                f"{home / name} has {size} bytes, expected a multiple of {_RECORD}, the size of "
                "one label and its picture; copy it again"
            )
    content = b"".join(contents[name] for name in names)
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    labels = records[:, 0].copy()
    if labels.max() >= len(NAMES):
        raise DataError(f"{home} has the label {labels.max()}; expected 0..9; replace the files")
    pictures = records[:, 1:].reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pictures), labels
