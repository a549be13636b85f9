"""Makes pictures as a user might have them, and reads what `import_images` makes of them."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import PIL.Image

from vanilla_gan.data import folder
from vanilla_gan.data.classes import CLASSES_JSON
from vanilla_gan.data.pictures.import_images import import_images
from vanilla_gan.data.pictures.settings import ImportConfig


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Returns random greys, uint8 of this shape."""
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)


def greymap(values: np.ndarray) -> bytes:
    """Returns a binary greymap (netpbm's P5), by the format's definition."""
    rows, columns = values.shape
    return b"P5 %d %d 255\n" % (columns, rows) + values.astype(np.uint8).tobytes()


def saved(
    path: pathlib.Path, picture: PIL.Image.Image | np.ndarray, **options: Any
) -> pathlib.Path:
    """Saves a picture and returns its path; Pillow writes all formats but greymaps."""
    if path.suffix == ".pgm":
        path.write_bytes(greymap(picture))
    else:
        image = PIL.Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
        image.save(path, **options)
    return path


def make_pictures(
    where: pathlib.Path, counts: dict[str, int], size: tuple[int, int] = (28, 28)
) -> dict[str, np.ndarray]:
    """Makes folders of different pictures; returns them by class, in the order of their names."""
    made = {}
    for label, (name, count) in enumerate(counts.items()):
        made[name] = noise(count, *size, seed=label)
        (where / name).mkdir(parents=True, exist_ok=True)
        for number, values in enumerate(made[name]):
            saved(where / name / f"{number:04d}.pgm", values)
    return made


class Imported(NamedTuple):
    """What `classes.json` says: the names, the pictures in each split, lines about the others."""

    classes: list[str]
    train: int
    test: int
    skipped: list[str]


def run_import(
    source: pathlib.Path,
    out: pathlib.Path,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    lines: list[str] | None = None,
    **settings: Any,
) -> tuple[Imported, list[str]]:
    """Imports pictures; returns what came of it, and the lines for the user, also in `lines`."""
    lines = [] if lines is None else lines
    config = ImportConfig(source=str(source), out=str(out), **settings)
    import_images(config, lines.append, progress)
    found = json.loads((out / CLASSES_JSON).read_bytes())
    names = [each["name"] for each in found["classes"].values()]
    return Imported(names, found["train"], found["test"], found["skipped"]), lines


def labelled(images: Iterable[np.ndarray], labels: Iterable[int]) -> list[tuple[bytes, int]]:
    """Returns the bytes of each image with its label, sorted, so that their order is no matter."""
    pairs = zip(images, labels, strict=True)
    return sorted((image.tobytes(), int(label)) for image, label in pairs)


def labelled_of(out: str | pathlib.Path, copies: int = 5000) -> list[tuple[bytes, int]]:
    """Returns `labelled` for a whole data set, without the copies that `repeat` put first."""
    raw = folder.read_folder(out)
    images = [*raw.train_images[copies:], *raw.test_images]
    return labelled(images, [*raw.train_labels[copies:], *raw.test_labels])
