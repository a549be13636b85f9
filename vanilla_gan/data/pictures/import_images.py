"""`./run.sh import_images`: pictures -> the four IDX files of a data set of your own.

On disk, either all of this or nothing:

    OUT/train-images-idx3-ubyte.gz   train-labels-idx1-ubyte.gz
        t10k-images-idx3-ubyte.gz    t10k-labels-idx1-ubyte.gz
        classes.json                 the class of each label, the counts, the settings
        split.json                   how many training images are set apart for validation
        import_preview.png           some images of each class, as imported
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import shlex
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.classes import CLASSES_JSON
from vanilla_gan.data.dataset import VALIDATION_SIZE
from vanilla_gan.data.download import catalog
from vanilla_gan.data.idx import write_packed
from vanilla_gan.data.own_split import validation_of, write_split
from vanilla_gan.data.pictures.origin import origin_of
from vanilla_gan.data.pictures.picture import Fitted, read_picture
from vanilla_gan.data.pictures.picture_folder import Found, empty_class, find_pictures, is_among
from vanilla_gan.data.pictures.preview import contact_sheet
from vanilla_gan.data.pictures.settings import ImportConfig
from vanilla_gan.data.pictures.table import is_table, read_table
from vanilla_gan.data.streams import seeded
from vanilla_gan.errors import DataError, UsageError
from vanilla_gan.storage.files import writing
from vanilla_gan.storage.whole import whole_path, write_whole

PREVIEW = "import_preview.png"
# The brightest pixel that a picture can have and still be called almost black.
_ALMOST_BLACK = 25
# The largest default batch of any system; a batch must not be larger than the training split.
_USUAL_BATCH = 128
_BLOCK = 256  # files that are read at a time
_MOST_SKIPPED = 1000  # lines in `classes.json`, which is not read back if it is huge

Inform = Callable[[str], None]
Progress = Callable[[int, int], None]


class _Pictures(NamedTuple):
    """What was read.

    Attributes:
      images: uint8 [N, H, W] or [N, H, W, 3].
      labels: int [N].
      classes: the name of each class by label.
      bad: a line for each file that cannot be imported.
      notes: a line for each thing that was not imported as it is.
      files: how many files there were.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.intp]
    classes: dict[int, str]
    bad: list[str]
    notes: list[str]
    files: int


def import_images(
    config: ImportConfig,
    inform: Inform,
    progress: Progress = lambda done, total: None,
    *,
    next_step: bool = True,
) -> None:
    """Makes the four IDX files of a data set from a folder of pictures, or a file of them.

    The same pictures, names and settings give the same bytes. Memory: two bytes for each value of
    the images, and one decoded picture for each processor, at most 8.

    Args:
      config: the settings.
      inform: called with each line for the user.
      progress: called as `progress(done, total)`, in files.
      next_step: whether to say which flags train on the data set.

    Raises:
      UsageError: the pictures do not exist, or have too many subfolders; or `out` exists, or is in
        their folder.
      DataError: there are too few pictures, a class is empty, or a file cannot be read.
      OutputError: the data set cannot be written.
    """
    found = None
    # Before the pictures are read, so that a later change to them is noticed at the next start.
    origin = origin_of(config.source)
    if not is_table(config.source):
        found = find_pictures(config.source, skip_empty=config.skip_bad)
    if found is not None and is_among(config.out, config.source):
        raise UsageError(
            f"--out={config.out}: it is in --from={config.source}, where each folder is a class of "
            "pictures; name a folder outside of it"
        )
    check_free(config)
    if found is not None and found.beside > len(found.paths):
        raise DataError(
            f"{config.source}: {found.beside} files are beside its subfolders, which hold only "
            f"{len(found.paths)}; expected all pictures in the folder itself, or each in the "
            "subfolder of its class; move them"
        )
    if found is not None and not config.all_frames:
        _check_enough(config, len(found.paths))
    # Made before the work begins, so that a place that is not writable is reported at once.
    make_parents(config.out_dir)
    with whole_path(config.out_dir, lambda: check_free(config)) as folder:
        folder.mkdir()
        read = _of_table(config) if found is None else _read_all(config, found, progress)
        if config.skip_bad:
            read = _without_empty_classes(read, config.source)
        images, bad = read.images, read.bad
        if config.transpose:
            images = images.swapaxes(1, 2)
        for line in bad:
            inform(line)
        if bad and not config.skip_bad:
            raise DataError(
                f"{config.source}: {len(bad)} of {read.files} files cannot be imported; the lines "
                "above say why; repair or remove them, or leave them out with --skip_bad"
            )
        labels = read.labels.astype(np.uint8)
        _check_enough(config, len(images))
        counts = {label: int((labels == label).sum()) for label in read.classes}
        for label, count in counts.items():
            if not count:
                raise empty_class(config.source, read.classes[label])
        for line in (*read.notes, *_doubts(images)):
            inform(line)
        train, test = split_rows(config, len(images))
        # Repeated in a cycle: the last len(train) rows, which are trained on, have each row once.
        order = np.resize(train, VALIDATION_SIZE + len(train)) if config.repeat else train
        arrays = (images[order], labels[order], images[test], labels[test])
        for name, array in zip(catalog.FILE_NAMES, arrays, strict=True):
            write_packed(folder, name, array)
        validation = VALIDATION_SIZE if config.repeat else validation_of(len(train))
        write_split(folder, validation)
        _write_classes(folder, config, read.classes, counts, (len(train), len(test)), bad, origin)
        write_whole(folder / PREVIEW, contact_sheet(images, read.labels))
    for label, name in read.classes.items():
        inform(f"class {label}: {name}, {counts[label]} pictures")
    apart = f"and {validation} copies" if config.repeat else f"the first {validation}"
    left_out = f"; left out: {len(bad)} of {read.files} files" if bad else ""
    inform(
        f"wrote {config.out}: {len(train)} training images ({apart} for validation), "
        f"{len(test)} test images{left_out}"
    )
    inform(f"{config.out_dir / PREVIEW} shows some of the images, as imported")
    if next_step:
        trained_on = len(order) - validation
        smaller = f" --batch_size {trained_on}" if trained_on < _USUAL_BATCH else ""
        data_dir, name = shlex.quote(str(config.out_dir.parent)), config.out_dir.name
        unverified = " --allow_unverified_data" if name in catalog.CATALOG else ""
        inform(f"train with --dataset {name} --data_dir {data_dir}{unverified}{smaller}")


def _of_table(config: ImportConfig) -> _Pictures:
    table = read_table(config.source, config.fitting)
    classes = {int(label): str(label) for label in np.unique(table.labels)}
    return _Pictures(table.images, table.labels, classes, [], [], 1)


def _without_empty_classes(read: _Pictures, source: str) -> _Pictures:
    """Leaves out classes without a readable picture, adds them to `bad`, renumbers the rest."""
    names = {label: name for label, name in read.classes.items() if (read.labels == label).any()}
    empty = [name for label, name in read.classes.items() if label not in names]
    if not empty or not names:  # If there is no picture at all, the caller says so.
        return read
    are_digits = set(names.values()) <= set("0123456789")
    new = {
        label: int(name) if are_digits else number
        for number, (label, name) in enumerate(names.items())
    }
    return read._replace(
        labels=np.array([new[label] for label in read.labels.tolist()], np.intp),
        classes={new[label]: name for label, name in names.items()},
        bad=[*read.bad, *(str(empty_class(source, name)) for name in empty)],
        files=read.files + len(empty),
    )


def _doubts(images: npt.NDArray[np.uint8]) -> Iterator[str]:
    """Yields a warning for pictures that show nothing, which is rarely intended."""
    pixels = images.reshape(len(images), images.shape[1] * images.shape[2], -1)
    darkest, lightest = pixels.min(axis=1), pixels.max(axis=1)
    flat = (darkest == lightest).all(axis=1)
    dark = (lightest <= _ALMOST_BLACK).all(axis=1) & ~flat
    for count, what, remedy in (
        (flat.sum(), "of one colour only", "look at them, or set import_images --background"),
        (dark.sum(), "almost black", "set the value of white with import_images --white"),
    ):
        if count:
            yield f"warning: {count} of {len(images)} pictures are {what}; {remedy}"


def _read_all(config: ImportConfig, found: Found, progress: Progress) -> _Pictures:
    """Reads every picture that can be read; `bad` says why the others cannot."""
    fitting = config.fitting

    def read(path: pathlib.Path) -> Fitted | DataError:
        try:
            return read_picture(path, fitting)
        except DataError as error:
            return error

    total = len(found.paths)
    blocks: list[npt.NDArray[np.uint8]] = [np.empty((0, *fitting.shape), np.uint8)]
    frames = np.zeros(total, np.intp)
    unreadable: list[str] = []
    turned = 0
    # Pillow releases the GIL while it decodes and scales. It warns of oddities that it can handle,
    # and of huge pictures, which may be an attack on memory; it refuses those of twice that size.
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
                    blocks.append(result.images)
                    frames[index] = len(result.images)
                    turned += result.turned
            progress(start + len(block), total)
    images = np.concatenate(blocks)
    notes = found.notes
    if turned:
        grey = 255 - fitting.background
        notes = [
            *notes,
            f"warning: {turned} of {len(images)} pictures have transparent parts and would not "
            f"show on the background; they were put on grey {grey} instead; import_images "
            f"--background {grey} does so for all pictures"
            + ("" if config.invert else "; its --invert makes them light on dark"),
        ]
    return _Pictures(
        images,
        np.repeat(found.labels, frames),
        found.classes,
        found.bad + unreadable,
        notes,
        len(found.paths) + len(found.bad),
    )


def split_rows(config: ImportConfig, n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Returns the shuffled rows of the training and of the test images, at least one of each."""
    order = seeded(config.seed).permutation(n)
    tests = min(max(1, round(n * config.test_share)), n - 1)
    return order[tests:], order[:tests]


def check_free(config: ImportConfig) -> None:
    """Checks that the folder of the data set does not exist yet, or is empty.

    Raises:
      UsageError: something is there.
      OutputError: the folder cannot be inspected.
    """
    out = config.out_dir
    with writing(out):
        is_empty_folder = out.is_dir() and not out.is_symlink() and not any(out.iterdir())
    if os.path.lexists(out) and not is_empty_folder:
        raise UsageError(
            f"--out={config.out}: it exists already; expected a name that is still free; remove "
            "it, or choose another folder"
        )


def _check_enough(config: ImportConfig, n: int) -> None:
    if n < 2:
        raise DataError(
            f"{config.source}: {n} pictures; expected at least 2, one to train on and one to "
            "test with"
        )


def _write_classes(
    folder: pathlib.Path,
    config: ImportConfig,
    classes: dict[int, str],
    counts: dict[int, int],
    train_test: tuple[int, int],
    skipped: list[str],
    origin: dict[str, str],
) -> None:
    content: dict[str, Any] = {
        "classes": {
            str(label): {"name": name, "pictures": counts[label]} for label, name in classes.items()
        },
        "train": train_test[0],
        "test": train_test[1],
        "settings": config.to_json(),
        "skipped": skipped[:_MOST_SKIPPED],
        "from": origin,
    }
    write_whole(folder / CLASSES_JSON, (json.dumps(content, indent=2) + "\n").encode())


def make_parents(out: pathlib.Path) -> None:
    """Makes the parent folders of the data set.

    Raises:
      OutputError: they cannot be made.
    """
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
