"""`./run.sh import_images`: a folder of pictures -> the four IDX files of a data set of one's own.

On the disk, all of it or nothing:

    OUT/train-images-idx3-ubyte.gz   train-labels-idx1-ubyte.gz
        t10k-images-idx3-ubyte.gz    t10k-labels-idx1-ubyte.gz
        classes.json                 the class of each label, the counts, the settings
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import shlex
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.dataset import VALIDATION_SIZE
from vanilla_gan.data.download import catalog
from vanilla_gan.data.idx import write_idx
from vanilla_gan.data.pictures.picture import SIDE_PX, read_picture
from vanilla_gan.data.pictures.picture_folder import Found, empty_class, find_pictures
from vanilla_gan.data.pictures.settings import ImportConfig
from vanilla_gan.data.streams import seeded
from vanilla_gan.errors import DataError, UsageError
from vanilla_gan.storage.files import unwritable
from vanilla_gan.storage.whole import whole_path, write_whole

CLASSES_JSON = "classes.json"
# The largest batch that a system brings; a batch must not be larger than what it is taken from.
_USUAL_BATCH = 128
_BLOCK = 256  # pictures under way at a time

Inform = Callable[[str], None]
Progress = Callable[[int, int], None]


class Imported(NamedTuple):
    """What an import has made.

    Attributes:
      out: the folder of the data set.
      classes: the name of each class, by label.
      train, test: how many different pictures either split has.
      skipped: a line for each file that was left out.
    """

    out: pathlib.Path
    classes: list[str]
    train: int
    test: int
    skipped: list[str]


def import_images(
    config: ImportConfig,
    inform: Inform,
    progress: Progress = lambda done, total: None,
) -> Imported:
    """Makes the four IDX files of a data set from a folder of pictures.

    The same pictures, names and settings give the same bytes. Memory: twice 784 bytes a picture,
    and one decoded picture for each processor.

    Args:
      config: the settings.
      inform: called with each line for the user.
      progress: called as `progress(done, total)`, counted in pictures.

    Raises:
      UsageError: the folder of pictures does not exist, has too many subfolders; or `out` exists.
      DataError: there are too few pictures, a class is empty, or a file cannot be read.
      OutputError: the data set cannot be written.
    """
    found = find_pictures(config.source)
    _check_free(config)
    _check_enough(config, len(found.paths))
    # Made before the work begins: a place that cannot be written to is known at once.
    _make_parents(config.out_dir)
    with whole_path(config.out_dir, lambda: _check_free(config)) as folder:
        folder.mkdir()
        images, is_good, unreadable = _read_all(config, found, progress)
        bad = found.bad + unreadable
        for line in bad:
            inform(line)
        if bad and not config.skip_bad:
            raise DataError(
                f"{config.source}: {len(bad)} of {len(found.paths) + len(found.bad)} files cannot "
                "be imported, listed above; mend or remove them, or leave them out with --skip_bad"
            )
        labels = found.labels[is_good].astype(np.uint8)
        _check_enough(config, len(images))
        counts = np.bincount(labels, minlength=len(found.classes)).tolist()
        if 0 in counts:
            raise empty_class(config.source, found.classes[counts.index(0)])
        train, test = _split(config, len(images))
        # Over and over: wherever it begins, what is trained on has each row once.
        order = np.resize(train, VALIDATION_SIZE + len(train)) if config.repeat else train
        for name, array in zip(
            catalog.FILE_NAMES,
            (images[order], labels[order], images[test], labels[test]),
            strict=True,
        ):
            write_idx(folder / f"{name}.gz", array)
        _write_classes(folder, config, found.classes, counts, (len(train), len(test)), bad)
    for label, (name, count) in enumerate(zip(found.classes, counts, strict=True)):
        inform(f"class {label}: {name}, {count} pictures")
    validation = (
        f"and {VALIDATION_SIZE} copies" if config.repeat else f"the first {VALIDATION_SIZE}"
    )
    left_out = f"; {len(bad)} files were left out" if bad else ""
    inform(
        f"wrote {config.out}: {len(train)} training images ({validation} for validation), "
        f"{len(test)} test images{left_out}"
    )
    trained_on = len(order) - VALIDATION_SIZE
    smaller = f" --batch_size {trained_on}" if trained_on < _USUAL_BATCH else ""
    data_dir = shlex.quote(str(config.out_dir.parent))
    inform(
        f"train with --dataset {config.out_dir.name} --data_dir {data_dir} "
        f"--allow_unverified_data{smaller}"
    )
    return Imported(config.out_dir, found.classes, len(train), len(test), bad)


def _read_all(
    config: ImportConfig, found: Found, progress: Progress
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_], list[str]]:
    """Returns the images that can be read, uint8 [N, 28, 28]; which those are; why not the rest."""

    def read(path: pathlib.Path) -> npt.NDArray[np.uint8] | DataError:
        try:
            return read_picture(
                path, fit=config.fit, background=config.grey_background, invert=config.invert
            )
        except DataError as error:
            return error

    total = len(found.paths)
    images = np.empty((total, SIDE_PX, SIDE_PX), np.uint8)
    is_good = np.zeros(total, np.bool_)
    unreadable: list[str] = []
    # Pillow releases the GIL while it decodes and scales. It warns of oddities that it copes with,
    # and of pictures so large that they might be meant to fill the memory; it refuses those that
    # are twice as large.
    with (
        warnings.catch_warnings(),
        concurrent.futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool,
    ):
        warnings.simplefilter("ignore")
        for start in range(0, total, _BLOCK):
            block = found.paths[start : start + _BLOCK]
            for index, result in enumerate(pool.map(read, block), start):
                if isinstance(result, DataError):
                    unreadable.append(str(result))
                else:
                    images[index] = result
                    is_good[index] = True
            progress(start + len(block), total)
    return images if is_good.all() else images[is_good], is_good, unreadable


def _split(config: ImportConfig, n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Returns the rows of the training and of the test images, each at least one, shuffled."""
    order = seeded(config.seed).permutation(n)
    tests = _tests(config, n)
    return order[tests:], order[:tests]


def _tests(config: ImportConfig, n: int) -> int:
    return min(max(1, round(n * config.test_share)), n - 1)


def _check_free(config: ImportConfig) -> None:
    out = config.out_dir
    try:
        is_empty_folder = out.is_dir() and not out.is_symlink() and not any(out.iterdir())
    except OSError as error:
        raise unwritable(out, error) from error
    if os.path.lexists(out) and not is_empty_folder:
        raise UsageError(
            f"--out={config.out}: it exists already; expected a name that is still free; remove "
            "it, or choose another folder"
        )


def _check_enough(config: ImportConfig, n: int) -> None:
    if n < 2:
        raise DataError(
            f"{config.source}: {n} pictures; expected at least 2, one to train on and one to test"
        )
    train = n - _tests(config, n)
    if not config.repeat and train <= VALIDATION_SIZE:
        raise DataError(
            f"{config.source}: {n} pictures, of which {train} are left for training; expected at "
            f"least {VALIDATION_SIZE + 1}, because the first {VALIDATION_SIZE} are set apart for "
            "validation; add pictures, lower --test_share, or give --repeat, which fills the "
            "validation split with copies"
        )


def _write_classes(
    folder: pathlib.Path,
    config: ImportConfig,
    classes: list[str],
    counts: list[int],
    train_test: tuple[int, int],
    skipped: list[str],
) -> None:
    content: dict[str, Any] = {
        "classes": {
            str(label): {"name": name, "pictures": count}
            for label, (name, count) in enumerate(zip(classes, counts, strict=True))
        },
        "train": train_test[0],
        "test": train_test[1],
        "settings": config.to_json(),
        "skipped": skipped,
    }
    write_whole(folder / CLASSES_JSON, (json.dumps(content, indent=2) + "\n").encode())


def _make_parents(out: pathlib.Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from error
