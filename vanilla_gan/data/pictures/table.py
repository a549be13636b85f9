"""Pictures in one file of numbers (.npy, .npz, .csv or IDX) -> images and labels."""

from __future__ import annotations

import contextlib
import io
import math
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.pictures.any_idx import MAX_BYTES, is_idx, labels_beside, read_any_idx
from vanilla_gan.data.pictures.picture import Fitting, fitted_values, narrowed
from vanilla_gan.data.shape import MAX_CLASSES
from vanilla_gan.errors import DataError
from vanilla_gan.storage.arrays import DAMAGE
from vanilla_gan.storage.reading import open_file, reason_of

ENDINGS = (".npy", ".npz", ".csv")
# Names of images and their labels in archives; the first pair is Keras', in two parts.
_PAIRS = (
    (("x_train", "x_test"), ("y_train", "y_test")),
    (("x",), ("y",)),
    (("X",), ("y",)),
    (("X",), ("Y",)),
    (("images",), ("labels",)),
    (("data",), ("labels",)),
    (("arr_0",), ("arr_1",)),
)
# Names of labels beside images whose usual partner is missing; scikit-learn says `target`.
_LABELS = ("y", "Y", "labels", "label", "targets", "target")
_MAGIC = (b"\x93NUMPY", b"PK\3\4", b"PK\5\6")  # of .npy, of .npz, of an .npz without arrays

# What a .csv file may call its column of labels.
_LABEL_COLUMNS = ("label", "labels", "class", "target")

Array = npt.NDArray[Any]


class Table(NamedTuple):
    """The content of a file: images, uint8 [N, *Fitting.shape], and labels, int [N] in 0..255."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.intp]


def is_table(source: str | os.PathLike[str]) -> bool:
    """Returns whether a path is that of a .npy, .npz, .csv or IDX file."""
    path = pathlib.Path(source)
    return (path.suffix.lower() in ENDINGS or is_idx(path)) and os.path.isfile(source)


def read_table(source: str | os.PathLike[str], fitting: Fitting) -> Table:
    """Reads images `[N, H, W]`, `[N, H, W, 1 or 3]`, or `[N, H * H]`, and labels `[N]`.

    A .npy file holds only images. A .npz file holds `x` and `y`, `images` and `labels`, Keras'
    `x_train`, `y_train`, `x_test` and `y_test`, or another of `_PAIRS`. A row of a .csv file holds
    the label and H * H values, or only the values; the first line may name or number the columns.
    If it calls the last column `label`, `class` or `target`, that one has the labels.
    The labels for an IDX file `...images...` are in `...labels...` beside it; if they are rows of
    numbers, as in QMNIST, the first one counts. Without labels all images have the label 0.

    Raises:
      DataError: it cannot be read, or holds something else; the line begins with the path.
    """
    path = pathlib.Path(source)
    try:
        if is_idx(path):
            values, labels = _read_idx(path)
        elif path.suffix.lower() == ".csv":
            values, labels = _read_csv(path)
        else:
            values, labels = _read_arrays(path)
        grey = narrowed(_as_pictures(values), fitting.white)
        images = np.array([fitted_values(each, fitting) for each in grey], np.uint8)
        return Table(images.reshape(-1, *fitting.shape), _checked_labels(labels, len(grey)))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except (*DAMAGE, TypeError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: {reason or type(error).__name__}") from error


def _read_arrays(path: pathlib.Path) -> tuple[Array, Array | None]:
    with contextlib.ExitStack() as opened:
        stream = opened.enter_context(open_file(path))
        if not stream.peek(6).startswith(_MAGIC):
            # NumPy would take it for a pickle, and advise to trust it.
            raise ValueError("it is neither a .npy nor a .npz file")
        archive = np.load(stream, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            return archive, None
        opened.enter_context(archive)
        most = max(MAX_BYTES, 2 * os.path.getsize(path))  # arrays that are not packed may be larger
        if sum(each.file_size for each in archive.zip.infolist()) > most:
            raise ValueError(f"its arrays take more than {most} bytes")
        # Pairs whose labels are there come first.
        for images, labels in sorted(_PAIRS, key=lambda pair: pair[1][0] not in archive):
            if images[0] in archive:
                usual = [labels, *((name,) for name in _LABELS)]
                found = next((names for names in usual if names[0] in archive), None)
                of_them = None if found is None else _joined(archive, found)
                return _joined(archive, images), of_them
        raise ValueError(
            f"it holds {', '.join(archive.files) or 'nothing'}; expected x and y, or images and "
            "labels, or x_train, y_train, x_test and y_test"
        )


def _joined(archive: Any, names: tuple[str, ...]) -> Array:
    joined: Array = np.concatenate([archive[name] for name in names if name in archive])
    return joined


def _read_idx(path: pathlib.Path) -> tuple[Array, Array | None]:
    beside = labels_beside(path)
    try:
        labels = None if beside is None else read_any_idx(beside)
    except (*DAMAGE, MemoryError) as error:
        # The caller's line begins with the file of images, which may be whole.
        raise ValueError(f"its file of labels, {beside}: {reason_of(error)}") from error
    if labels is not None and labels.ndim == 2:
        labels = labels[:, 0]
    return read_any_idx(path), labels


def _read_csv(path: pathlib.Path) -> tuple[Array, Array | None]:
    with open_file(path) as stream:
        text = stream.read().decode("utf-8-sig")
    first, _, rest = text.partition("\n")
    try:
        cells = [float(cell) for cell in first.split(",")]
    except ValueError:
        cells = []
    # pandas, for example, numbers columns that have no names: 0, 1, 2, ...
    if not cells or (len(cells) > 5 and cells == [*range(len(cells))]):
        text = rest
    if not text.strip():
        raise ValueError("it has no rows of numbers")
    rows = np.loadtxt(io.StringIO(text), np.float32, delimiter=",", ndmin=2)
    columns = rows.shape[1]
    has_labels = math.isqrt(columns - 1) ** 2 == columns - 1 and columns > 1
    if not has_labels and math.isqrt(columns) ** 2 != columns:
        raise ValueError(
            f"it has rows of {columns} numbers; expected a label and H * H values, such as 785 "
            "numbers for 28x28"
        )
    names = [cell.strip(" \r\"'").lower() for cell in first.split(",")]
    if has_labels and names[-1] in _LABEL_COLUMNS and names[0] not in _LABEL_COLUMNS:
        rows = np.roll(rows, 1, axis=1)  # as in OpenML's mnist_784
    values, labels = (rows[:, 1:], rows[:, 0]) if has_labels else (rows, None)
    # Whole numbers are grey values, not shares of white.
    is_whole = (np.abs(values) < 1 << 31).all() and not (values % 1).any()  # not NaN, not infinite
    return (values.astype(np.int64) if is_whole else values), labels


def _as_pictures(values: Array) -> Array:
    """Returns images as [N, H, W] or [N, H, W, 3]."""
    if values.dtype.kind not in "buif":
        raise ValueError(f"its images are {values.dtype}, expected numbers")
    side = math.isqrt(values.shape[1]) if values.ndim == 2 else 0
    if side and side**2 == values.shape[1]:
        values = values.reshape(-1, side, side)
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if not (values.ndim == 3 or (values.ndim == 4 and values.shape[3] == 3)) or not values.size:
        raise ValueError(
            f"its images have the shape {list(values.shape)}, expected [N, H, W], [N, H, W, 1 or "
            "3], or [N, H * H]"
        )
    return values


def _checked_labels(labels: Array | None, n: int) -> npt.NDArray[np.intp]:
    if labels is None:
        return np.zeros(n, np.intp)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]  # as in Keras' CIFAR
    if labels.shape != (n,):
        raise ValueError(f"its labels have the shape {list(labels.shape)}, expected [{n}]")
    if labels.dtype.kind not in "biuf" or not np.isin(labels, np.arange(MAX_CLASSES)).all():
        found = ", ".join(str(each) for each in np.unique(labels)[:12])
        raise ValueError(f"its labels are {found}; expected whole numbers 0 to {MAX_CLASSES - 1}")
    return labels.astype(np.intp)
