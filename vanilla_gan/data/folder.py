"""A data set on disk: a folder of four IDX files -> four verified arrays."""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.dataset import VALIDATION_SIZE
from vanilla_gan.data.download import catalog
from vanilla_gan.data.download.download import fetch as fetch_file
from vanilla_gan.data.finding import find, find_elsewhere, owner_of, sum_of
from vanilla_gan.data.idx import CONVERT, read_images, read_labels, sha256_of_idx
from vanilla_gan.data.own_split import read_split, usual_split
from vanilla_gan.data.shape import ImageShape, shape_of
from vanilla_gan.errors import DataError, DownloadError
from vanilla_gan.storage.files import no_empty_folders


class RawData(NamedTuple):
    """The arrays of the four files, all read-only.

    Attributes:
      train_images: uint8 [N, H, W] or [N, H, W, C] in 0..255; 60,000 for MNIST.
      train_labels: uint8 [N].
      test_images: uint8 [M, H, W] or [M, H, W, C] in 0..255; 10,000 for MNIST.
      test_labels: uint8 [M].
      checksum: identifies the data: SHA-256 of the four sums below, as hex digits joined in the
        order of `catalog.FILE_NAMES`; 64 hex digits.
      files: for each file's name, without `.gz`, the SHA-256 of its decompressed bytes.
      validation: how many of the first training images are set apart, fewer than N.
    """

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.uint8]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.uint8]
    checksum: str
    files: dict[str, str]
    validation: int = VALIDATION_SIZE


def raw_data(
    train_images: npt.NDArray[np.uint8],
    train_labels: npt.NDArray[np.uint8],
    test_images: npt.NDArray[np.uint8],
    test_labels: npt.NDArray[np.uint8],
) -> RawData:
    """Returns arrays that are not from IDX files, with the sums that their files would have."""
    arrays = (train_images, train_labels, test_images, test_labels)
    for array in arrays:
        array.setflags(write=False)
    sums = {
        name: sha256_of_idx(array) for name, array in zip(catalog.FILE_NAMES, arrays, strict=True)
    }
    validation = usual_split(len(train_images))
    return RawData(*arrays, checksum=_checksum(sums), files=sums, validation=validation)


def _checksum(sums: Mapping[str, str]) -> str:
    return hashlib.sha256("".join(sums.values()).encode("ascii")).hexdigest()


def load_entry(
    entry: catalog.DataSetEntry,
    data_dir: str | os.PathLike[str],
    *,
    allow_unverified: bool = False,
    fetch: Callable[..., Any] = fetch_file,
    inform: Callable[[str], None] = lambda line: None,
) -> RawData:
    """Loads `entry` from its folder, looks in others for what is missing, and downloads the rest.

    Args:
      entry: the data set.
      data_dir: the folder that has, or gets, one folder for each data set.
      allow_unverified: accept images other than the entry's. Then nothing is downloaded either: a
        user's own images must not be completed with files of another data set.
      fetch: called as `download.fetch` for each missing file.
      inform: called with a line for each file in another folder.

    Raises:
      DataError: a file is missing, damaged, or not the entry's.
      DownloadError: a file is missing, and could not be downloaded or stored.
    """
    folder = pathlib.Path(data_dir, entry.name)
    if allow_unverified:
        return read_folder(folder)
    there = {file.name: find(folder, file.name, packed=file.packed) for file in entry.files}
    paths = {name: path for name, path in there.items() if path is not None}
    if len(paths) < len(entry.files):
        paths = {**find_elsewhere(entry, pathlib.Path(data_dir), inform), **paths}
    missing = [file for file in entry.files if file.name not in paths]
    if missing:
        with no_empty_folders(folder):
            for number, file in enumerate(missing):
                try:
                    paths[file.name] = fetch(
                        file.name,
                        folder,
                        mirrors=entry.mirrors,
                        sha256=file.sha256,
                        size=file.size,
                        packed=file.packed,
                    )
                except DownloadError as error:
                    raise _with_the_others(error, missing[number + 1 :]) from error
    return read_files(folder, paths, published=entry.files)


def _with_the_others(error: DownloadError, others: Sequence[catalog.DataFile]) -> DownloadError:
    """Returns the error with the files not yet tried, so that the user can fetch all at once."""
    if not others:
        return error
    names = ", ".join(f"{file.name}.gz" for file in others)
    return DownloadError(f"{error}; also missing: {names}")


def read_folder(folder: str | os.PathLike[str]) -> RawData:
    """Reads the four files of a data set from one folder; see `read_files`."""
    paths = {name: path for name in catalog.FILE_NAMES if (path := find(folder, name)) is not None}
    return read_files(folder, paths)


def read_files(
    folder: str | os.PathLike[str],
    paths: Mapping[str, pathlib.Path],
    *,
    published: Sequence[catalog.DataFile] = (),
) -> RawData:
    """Reads the four files of a data set in parallel: gzip and SHA-256 release the GIL.

    Args:
      folder: where the files should be; named in errors, and the place of `split.json`.
      paths: where the files are, by name, each plain or gzipped.
      published: what the files must be; empty for data outside the catalog.

    Raises:
      DataError: a file is missing, is damaged or has another sum; training and test images differ
        in shape; images and labels differ in number; or no image is left to train on after the
        validation split.
    """
    _check_all_there(folder, paths)
    sizes = {file.name: file.size for file in published if not file.packed}
    with concurrent.futures.ThreadPoolExecutor(len(catalog.FILE_NAMES)) as pool:
        pending = {}
        for name in catalog.FILE_NAMES:
            read = read_images if "images" in name else read_labels
            pending[name] = pool.submit(read, paths[name], max_bytes=sizes.get(name))
    files = {name: future.result() for name, future in pending.items()}
    for file in published:
        path = paths[file.name]
        got = sum_of(file, path) if file.packed else files[file.name].sha256
        if got != file.sha256:
            raise _not_published(path, file, got)
    train, train_labels, test, test_labels = (files[name].array for name in catalog.FILE_NAMES)
    _check_counts(paths[catalog.TRAIN_IMAGES], len(train), len(train_labels))
    _check_counts(paths[catalog.TEST_IMAGES], len(test), len(test_labels))
    _check_shapes(paths[catalog.TEST_IMAGES], shape_of(test.shape), shape_of(train.shape))
    validation = VALIDATION_SIZE if published else read_split(folder, len(train))
    sums = {name: file.sha256 for name, file in files.items()}
    arrays = (train, train_labels, test, test_labels)
    return RawData(*arrays, checksum=_checksum(sums), files=sums, validation=validation)


def _check_all_there(folder: str | os.PathLike[str], paths: Mapping[str, pathlib.Path]) -> None:
    missing = [name for name in catalog.FILE_NAMES if name not in paths]
    if missing:
        raise DataError(
            f"{os.fspath(folder)} lacks {', '.join(missing)}; put each of them there, plain or "
            f"with .gz, or name another folder with --data_dir; {CONVERT}"
        )


def _not_published(path: pathlib.Path, file: catalog.DataFile, got: str | None) -> DataError:
    if other := owner_of(path):
        return DataError(
            f"{path} is not the published file but {other}; move it to the folder of that data "
            "set, or name another folder with --data_dir"
        )
    what = "gzipped file" if file.packed else "decompressed bytes"
    return DataError(
        f"{path} is not the published file: expected SHA-256 {file.sha256} of the {what}, got "
        f"{got}; delete it to have it downloaded again, or give --allow_unverified_data if these "
        "are images of your own"
    )


def _check_shapes(path: pathlib.Path, got: ImageShape, expected: ImageShape) -> None:
    if got != expected:
        raise DataError(
            f"{path} holds images of {got} pixels; expected {expected}, like the training "
            "images; scale them"
        )


def _check_counts(images_path: pathlib.Path, images: int, labels: int) -> None:
    if images != labels:
        raise DataError(
            f"{images_path} holds {images} images, but its file of labels holds {labels} labels; "
            "expected one label for each image; replace one of the two files"
        )
