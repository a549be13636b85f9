"""The data set `emnist_letters`: handwritten letters in MNIST's format, 26 classes.

Source: Cohen et al. 2017, EMNIST (https://arxiv.org/abs/1702.05373). The archive's size and sum are
those of TensorFlow Datasets (`url_checksums/emnist.txt`). EMNIST stores its images transposed and
its labels as 1 to 26; here the images are upright, and A is 0.
"""

from __future__ import annotations

import gzip
import math
import os
import pathlib
import struct
import zipfile

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.download.archive import Archive, verified
from vanilla_gan.data.finding import find
from vanilla_gan.data.folder import RawData, raw_data
from vanilla_gan.data.idx import read_images, read_labels
from vanilla_gan.errors import DataError
from vanilla_gan.storage.reading import open_file

NAMES = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
ARCHIVE = Archive(
    dataset="emnist_letters",
    name="gzip.zip",
    size=561_753_746,
    sha256="fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
    mirrors=(
        "https://biometrics.nist.gov/cs_links/EMNIST/",
        "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
    ),
)
FILES = tuple(
    f"emnist-letters-{part}-{kind}-ubyte"
    for part in ("train", "test")
    for kind in ("images-idx3", "labels-idx1")
)


def load(data_dir: str | os.PathLike[str], allow_unverified: bool = False) -> RawData:
    """Reads the letters, uint8 [N, 28, 28], out of the archive in `<data_dir>/emnist_letters/`.

    Args:
      data_dir: the folder of all data sets.
      allow_unverified: read the four files `emnist-letters-...` there instead, plain or gzipped;
        nothing is downloaded.

    Raises:
      DataError: a file is missing, or not of that format.
      DownloadError: the archive is missing, and could not be downloaded or stored.
    """
    if allow_unverified:
        arrays = _in_folder(pathlib.Path(data_dir, ARCHIVE.dataset))
    else:
        arrays = _in_archive(verified(ARCHIVE, data_dir))
    for images, labels in (arrays[:2], arrays[2:]):
        if len(images) != len(labels) or not 1 <= labels.min() <= labels.max() <= len(NAMES):
            raise DataError(
                f"{os.path.join(data_dir, ARCHIVE.dataset)}: expected one label, 1 to 26, for "
                "each image; put EMNIST's own files there"
            )
    train, train_labels, test, test_labels = arrays
    return raw_data(_upright(train), train_labels - 1, _upright(test), test_labels - 1)


def _upright(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(images.swapaxes(1, 2))


def _in_folder(home: pathlib.Path) -> list[npt.NDArray[np.uint8]]:
    paths = {name: find(home, name) for name in FILES}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        raise DataError(
            f"{home} lacks {', '.join(missing)}; put each of them there, plain or with .gz, name "
            "another folder with --data_dir, or leave out --allow_unverified_data"
        )
    return [
        (read_images(path) if "images" in name else read_labels(path)).array
        for name, path in paths.items()
        if path is not None
    ]


def _in_archive(path: pathlib.Path) -> list[npt.NDArray[np.uint8]]:
    """Returns the four arrays of a verified archive."""
    with open_file(path) as stream, zipfile.ZipFile(stream) as archive:
        contents = [gzip.decompress(archive.read(f"gzip/{name}.gz")) for name in FILES]
    arrays = []
    for content in contents:
        dimensions = content[3]
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
        offset = 4 + 4 * dimensions
        arrays.append(np.frombuffer(content, np.uint8, math.prod(shape), offset).reshape(shape))
    return arrays
