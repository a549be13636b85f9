"""`read_data_sets`: from the name of a data set to the three splits that a run trains on."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data import folder
from vanilla_gan.data.classes import read_class_names
from vanilla_gan.data.dataset import Datasets, split
from vanilla_gan.data.known import KNOWN, Request, digits_to_stack
from vanilla_gan.data.own_split import validation_then
from vanilla_gan.data.streams import unread
from vanilla_gan.declare import nearest
from vanilla_gan.errors import DataError, DownloadError, UsageError


class DataSource(NamedTuple):
    """The data of a run.

    Attributes:
      splits: train, validation and test.
      name: one of `KNOWN`, or the name of a user's own data; never `auto`.
      checksum: SHA-256 that identifies the images and labels, 64 hex digits.
      class_names: by label; empty if the classes have no names.
    """

    splits: Datasets
    name: str
    checksum: str
    class_names: Mapping[int, str] = {}


def read_data_sets(
    dataset: str,
    data_dir: str | os.PathLike[str],
    random_stream: np.random.RandomState,
    *,
    pixels: npt.NDArray[np.float32] | None = None,
    allow_unverified: bool = False,
    num_classes: int | None = None,
    train_examples: int | None = None,
    checksum: str | None = None,
    inform: Callable[[str], None] = lambda line: None,
) -> DataSource:
    """Reads a data set from `<data_dir>/<dataset>/`; downloads or draws it first if necessary.

    Args:
      dataset: one of `KNOWN`; or the name of a user's own folder in `data_dir`; or `auto`, which is
        MNIST, or `digits` if MNIST is missing and cannot be downloaded.
      data_dir: the folder of all data sets.
      random_stream: the source of the order of the batches.
      pixels: float32 [256], what each grey value becomes; see `DataSet`.
      allow_unverified: accept files other than the published ones.
      num_classes: how many classes the data have, as recorded by a run; None to tell from the
        labels.
      train_examples: how many images an earlier run trained on, to keep its split.
      checksum: of an earlier run's data; it tells which digits `stacked_mnist` was drawn from.
      inform: called with lines for the user: warnings, and what takes a while.

    Raises:
      UsageError: there is no data set of that name.
      DataError, DownloadError, OutputError: the files are damaged, unavailable, or cannot be
        stored; or the data of an earlier run are gone.

    Source: `read_data_sets` of TensorFlow 1.15's `contrib.learn` (see `dataset`).
    """
    name = dataset
    request = Request(data_dir, allow_unverified, inform, checksum)
    if dataset == "auto":
        name = "mnist"
        try:
            raw = KNOWN[name].load(request)
        except DownloadError as error:
            name = "digits"
            for line in _FALLBACK.format(error=error).splitlines():
                inform(line)
            raw = KNOWN[name].load(request)
    elif name in KNOWN:
        raw = KNOWN[name].load(request)
    else:
        home = pathlib.Path(data_dir, name)
        if not os.path.isdir(home) and train_examples is None:
            raise UsageError(
                f"--dataset={name}: there is no folder {home}; expected one that import_images or "
                f"--data made in --data_dir, or one of {', '.join(KNOWN)}{nearest(name, KNOWN)}"
            )
        if not os.path.isdir(home):
            raise DataError(
                f"there is no folder {home} with the data; name the folder that contains it with "
                "--data_dir"
            )
        raw = folder.read_folder(home)
    validation = raw.validation
    if train_examples is not None:
        validation = validation_then(len(raw.train_images), validation, train_examples)
    splits = split(*raw[:4], random_stream, pixels, validation, num_classes)
    names = read_class_names(pathlib.Path(data_dir, name), inform)
    if not names and not allow_unverified and name in KNOWN:
        names = dict(enumerate(KNOWN[name].names))
    return DataSource(splits, name, raw.checksum, names)


def read_digits_to_stack(
    data_dir: str | os.PathLike[str],
    *,
    allow_unverified: bool = False,
    checksum: str | None = None,
    inform: Callable[[str], None] = lambda line: None,
) -> DataSource:
    """Reads the digits that `stacked_mnist` is drawn from; see `read_data_sets`."""
    name, raw, _ = digits_to_stack(Request(data_dir, allow_unverified, inform, checksum))
    splits = split(*raw[:4], unread(), validation_size=raw.validation)
    return DataSource(splits, name, raw.checksum)


_FALLBACK = """\
*******************************************************************************
WARNING: this run does NOT train on MNIST but on the built-in digits.
{error}
The results cannot be compared with published ones.
*******************************************************************************"""
