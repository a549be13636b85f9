"""A data set on disk: a folder of four IDX files -> four verified arrays."""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.dataset import VALIDATION_SIZE
from vanilla_gan.data.download import catalog
from vanilla_gan.data.download.download import fetch as fetch_file
from vanilla_gan.data.idx import IdxFile, read_images, read_labels
from vanilla_gan.errors import DataError

IMAGE_SHAPE = (28, 28)


class RawData(NamedTuple):
    """The arrays of the four files, all read-only.

    Attributes:
      train_images: uint8 [N, 28, 28] in 0..255, N > 5000; 60,000 for MNIST.
      train_labels: uint8 [N] in 0..9.
      test_images: uint8 [M, 28, 28] in 0..255; 10,000 for MNIST.
      test_labels: uint8 [M] in 0..9.
      checksum: SHA-256 over the four sums below, as hex digits, one after the other in the order of
        `catalog.FILE_NAMES`; 64 hex digits that name these data.
      files: for each file's name, without `.gz`, the SHA-256 of its decompressed bytes.
    """

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.uint8]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.uint8]
    checksum: str
    files: dict[str, str]


def load(
    name: str,
    data_dir: str | os.PathLike[str],
    *,
    allow_unverified: bool = False,
    download: bool = True,
) -> RawData:
    """Loads a data set of the catalog from `<data_dir>/<name>/`; see `load_entry`."""
    return load_entry(
        catalog.CATALOG[name], data_dir, allow_unverified=allow_unverified, download=download
    )


def load_entry(
    entry: catalog.DataSetEntry,
    data_dir: str | os.PathLike[str],
    *,
    allow_unverified: bool = False,
    download: bool = True,
    fetch: Callable[..., Any] = fetch_file,
) -> RawData:
    """Loads `entry` from its folder, and downloads what is missing there.

    Args:
      entry: the data set.
      data_dir: the folder that has, or gets, one folder for each data set.
      allow_unverified: accept other images than the entry's. Then nothing is downloaded either: a
        folder of somebody's own images is not to be completed with files of another data set.
      download: whether missing files may be downloaded.
      fetch: called as `download.fetch` for each missing file.

    Raises:
      DataError: a file is missing, damaged, or not the one of the entry.
      DownloadError: a file is missing, and could not be downloaded or stored.
    """
    folder = pathlib.Path(data_dir, entry.name)
    if download and not allow_unverified:
        for file in entry.files:
            if find(folder, file.name) is None:
                fetch(file.name, folder, mirrors=entry.mirrors, sha256=file.sha256, size=file.size)
    sums = None if allow_unverified else {file.name: file.sha256 for file in entry.files}
    return read_folder(folder, sha256=sums)


def find(folder: str | os.PathLike[str], name: str) -> pathlib.Path | None:
    """Returns where `name` stands in `folder`, plain before gzipped; None if it does not."""
    for candidate in (name, f"{name}.gz"):
        path = pathlib.Path(folder, candidate)
        if os.path.exists(path):
            return path
    return None


def read_folder(
    folder: str | os.PathLike[str], *, sha256: Mapping[str, str] | None = None
) -> RawData:
    """Reads the four files of a data set, at the same time: gzip and SHA-256 release the GIL.

    Args:
      folder: where they stand, each of them plain or gzipped.
      sha256: for each file's name the sum that its decompressed bytes must have; None for data
        that no catalog knows.

    Raises:
      DataError: a file is missing or damaged or has another sum; images are not 28x28; there are
        not as many labels as images; or too few images are left after the validation split.
    """
    paths = _find_all(folder)
    readers: dict[str, Callable[[pathlib.Path], IdxFile]] = {
        catalog.TRAIN_IMAGES: read_images,
        catalog.TRAIN_LABELS: read_labels,
        catalog.TEST_IMAGES: read_images,
        catalog.TEST_LABELS: read_labels,
    }
    with concurrent.futures.ThreadPoolExecutor(len(readers)) as pool:
        pending = {name: pool.submit(read, paths[name]) for name, read in readers.items()}
    files = {name: future.result() for name, future in pending.items()}
    if sha256 is not None:
        for name, file in files.items():
            _check_sum(paths[name], sha256[name], file.sha256)
    for images, labels in (
        (catalog.TRAIN_IMAGES, catalog.TRAIN_LABELS),
        (catalog.TEST_IMAGES, catalog.TEST_LABELS),
    ):
        _check_images(paths[images], files[images].array)
        _check_counts(paths[images], len(files[images].array), len(files[labels].array))
    train_size = len(files[catalog.TRAIN_IMAGES].array)
    if train_size <= VALIDATION_SIZE:
        raise DataError(
            f"{paths[catalog.TRAIN_IMAGES]} holds {train_size} images; expected at least "
            f"{VALIDATION_SIZE + 1}, because the first {VALIDATION_SIZE} are set apart for "
            "validation; add images"
        )
    sums = {name: file.sha256 for name, file in files.items()}
    return RawData(
        files[catalog.TRAIN_IMAGES].array,
        files[catalog.TRAIN_LABELS].array,
        files[catalog.TEST_IMAGES].array,
        files[catalog.TEST_LABELS].array,
        checksum=hashlib.sha256("".join(sums.values()).encode("ascii")).hexdigest(),
        files=sums,
    )


def _find_all(folder: str | os.PathLike[str]) -> dict[str, pathlib.Path]:
    """Returns where each of the four files stands.

    Raises:
      DataError: some do not; the line has all of them.
    """
    paths = {}
    missing = []
    for name in catalog.FILE_NAMES:
        path = find(folder, name)
        if path is None:
            missing.append(name)
        else:
            paths[name] = path
    if missing:
        raise DataError(
            f"{os.fspath(folder)} lacks {', '.join(missing)}; expected each of them there, plain "
            "or with .gz; put them there, or name another folder with --data_dir"
        )
    return paths


def _check_sum(path: pathlib.Path, expected: str, got: str) -> None:
    if got != expected:
        raise DataError(
            f"{path} is not the published file: expected SHA-256 {expected} of the decompressed "
            f"bytes, got {got}; delete it, and it is downloaded anew, or give "
            "--allow_unverified_data if these are images of your own"
        )


def _check_images(path: pathlib.Path, images: npt.NDArray[np.uint8]) -> None:
    if images.shape[1:] != IMAGE_SHAPE:
        rows, columns = images.shape[1:]
        raise DataError(
            f"{path} holds images of {rows} x {columns} pixels; expected 28 x 28; scale them"
        )


def _check_counts(images_path: pathlib.Path, images: int, labels: int) -> None:
    if images != labels:
        raise DataError(
            f"{images_path} holds {images} images, but the labels beside it are {labels}; "
            "expected one label for each image; replace one of the two files"
        )
