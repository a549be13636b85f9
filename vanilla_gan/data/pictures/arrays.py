"""`import_arrays`: images in an array, of any shape -> a data set of your own."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from vanilla_gan.data.classes import CLASSES_JSON
from vanilla_gan.data.download.catalog import FILE_NAMES
from vanilla_gan.data.idx import write_packed
from vanilla_gan.data.own_split import validation_of, write_split
from vanilla_gan.data.pictures.import_images import check_free, make_parents, split_rows
from vanilla_gan.data.pictures.settings import ImportConfig
from vanilla_gan.data.shape import MAX_CLASSES
from vanilla_gan.errors import UsageError
from vanilla_gan.storage.whole import whole_path, write_whole


def import_arrays(
    images: Any,
    labels: Any = None,
    *,
    out: str | os.PathLike[str],
    classes: Sequence[str] = (),
    test_share: float = 1 / 7,
    seed: int = 0,
) -> pathlib.Path:
    """Makes a data set from images in memory; returns its folder.

    Unlike `import_images` it does not change the images. To train on them, give the folder's name
    as `dataset` and its parent folder as `data_dir`.

    Args:
      images: uint8 [N, H, W] or [N, H, W, C] in 0..255, N at least 2.
      labels: whole numbers [N] in 0..255; all are 0 by default.
      out: the folder to make, such as `data/birds`.
      classes: the names of the labels 0, 1, ..., up to the largest; by default they have none.
      test_share: the share of the images to test on, in (0, 1).
      seed: of the images' order, and so of the split.

    Raises:
      UsageError: an argument is not as described; `out` exists, or its name is not valid.
      OutputError: the data set cannot be written.
    """
    config = ImportConfig(source="arrays", out=os.fspath(out), test_share=test_share, seed=seed)
    try:
        images = np.asarray(images)
    except ValueError as error:
        raise UsageError(
            "images have several shapes; expected uint8 [N, H, W] or [N, H, W, C] in 0..255; "
            "scale them to one size"
        ) from error
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or len(images) < 2 or not images.size:
        raise UsageError(
            f"images are {images.dtype} {list(images.shape)}; expected uint8 [N, H, W] or "
            "[N, H, W, C] in 0..255, two images or more; scale and convert them"
        )
    labels = np.zeros(len(images), np.uint8) if labels is None else np.asarray(labels)
    is_whole = labels.shape == (len(images),) and labels.dtype.kind in "iu"
    if not is_whole or labels.min() < 0 or labels.max() >= MAX_CLASSES:
        raise UsageError(
            f"labels are {labels.dtype} {list(labels.shape)}; expected whole numbers 0 to "
            f"{MAX_CLASSES - 1}, one for each of {len(images)} images"
        )
    names = [str(name) for name in classes]
    if len({*names} - {""}) < len(names):
        raise UsageError(
            f"classes are {', '.join(names[:12])}; expected a different, non-empty name for each"
        )
    if names and labels.max() >= len(names):
        raise UsageError(
            f"there are {len(names)} names of classes, but the largest label is {labels.max()}; "
            "expected a name for each label from 0 on"
        )
    check_free(config)
    make_parents(config.out_dir)
    with whole_path(config.out_dir, lambda: check_free(config)) as folder:
        folder.mkdir()
        train, test = split_rows(config, len(images))
        labels = labels.astype(np.uint8)
        arrays = (images[train], labels[train], images[test], labels[test])
        for name, array in zip(FILE_NAMES, arrays, strict=True):
            write_packed(folder, name, array)
        write_split(folder, validation_of(len(train)))
        if names:
            named = {str(label): {"name": name} for label, name in enumerate(names)}
            write_whole(folder / CLASSES_JSON, (json.dumps({"classes": named}) + "\n").encode())
    return config.out_dir
