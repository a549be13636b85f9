"""A folder of pictures -> the files in it, and their classes from its subfolders."""

from __future__ import annotations

import os
import pathlib
import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.shape import MAX_CLASSES
from vanilla_gan.errors import DataError, UsageError

# What operating systems and file managers leave behind, in lower case. Files and folders whose
# names begin with a dot are ignored as well.
_NO_PICTURES = {
    *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "picasa.ini"),
    *("__macosx", "@eadir", "#recycle", "lost+found", "$recycle.bin", "system volume information"),
}
# Parent folders of the classes' folders, in lower case.
_SPLITS = {
    *("train", "training", "trainset", "test", "testing", "testset"),
    *("val", "valid", "validation", "dev"),
}


class Found(NamedTuple):
    """The contents of a folder of pictures.

    Attributes:
      classes: the name of each class, by label; the folder's own name if it has no subfolders.
      paths: the files to read, class by class, in the order of their names.
      labels: int [N], the class of each.
      bad: a line for each thing that cannot be a picture of a class.
      notes: a line for each thing that is not imported as it is.
      beside: how many of `bad` are files beside the folders of the classes.
    """

    classes: dict[int, str]
    paths: list[pathlib.Path]
    labels: npt.NDArray[np.intp]
    bad: list[str]
    notes: list[str]
    beside: int = 0


def find_pictures(source: str | os.PathLike[str], *, skip_empty: bool = False) -> Found:
    """Returns the files in a folder, and their classes from its subfolders.

    Pictures may be at any depth below a subfolder. Links to folders are followed at the first level
    only. Files that begin with a dot, and what file managers leave behind, are ignored. If all
    subfolders have names such as `training` and `testing`, they are splits, not classes: the
    classes inside them are joined. If all classes are digits 0 to 9, these are the labels.
    Otherwise labels follow the order of the names, in which 10 comes after 9.

    Args:
      source: the folder.
      skip_empty: leave out classes without a file, and list them in `bad`; if none is left, the
        files beside their folders are the pictures.

    Raises:
      UsageError: it is no folder, or has more than 256 classes.
      DataError: it cannot be read, or a class holds no file.
    """
    folder = pathlib.Path(source)
    if not os.path.isdir(folder):
        raise UsageError(
            f"--from={os.fspath(source)}: expected a folder of pictures, or a .npy, .npz, .csv "
            "or IDX file"
        )
    bad: list[str] = []
    notes: list[str] = []
    try:
        places = [folder]
        splits = [path for path in _listed(folder) if os.path.isdir(path)]
        if splits and all(path.name.lower() in _SPLITS for path in splits):
            places = splits
            bad += [_beside(path) for path in _listed(folder) if not os.path.isdir(path)]
            names = " and ".join(path.name for path in splits)
            notes.append(
                f"{names} are taken for splits, not for classes: the pictures in them are joined, "
                "and split again"
            )
        top = [path for place in places for path in _listed(place)]
        subfolders = [path for path in top if os.path.isdir(path)]
        beside = [path for path in top if not os.path.isdir(path)]
        of_classes: dict[str, list[pathlib.Path]] = {}
        for subfolder in sorted(subfolders, key=lambda path: _by_number(path.name)):
            of_class, links = _walked(subfolder)
            bad += [f"{path}: a link to a folder, which is not followed" for path in links]
            of_classes.setdefault(subfolder.name, []).extend(of_class)
        empty = [name for name, of_class in of_classes.items() if not of_class]
        for name in empty if skip_empty else []:
            bad.append(str(empty_class(source, name)))
            del of_classes[name]
        if not of_classes and (beside or not subfolders):
            labels_0 = np.zeros(len(beside), np.intp)
            return Found({0: folder.resolve().name}, beside, labels_0, bad, notes)
        bad += map(_beside, beside)
    except OSError as error:
        raise DataError(
            f"cannot read {error.filename or source}: {error.strerror or error}; repair it, "
            "or remove it from the pictures"
        ) from error
    if len(of_classes) > MAX_CLASSES:
        raise UsageError(
            f"{os.fspath(source)}: it has {len(of_classes)} subfolders, one for each class; "
            f"expected at most {MAX_CLASSES}; merge some of them"
        )
    if empty and not skip_empty:
        raise empty_class(source, empty[0])
    classes = dict(enumerate(of_classes))
    if set(of_classes) <= set("0123456789"):
        classes = {int(name): name for name in of_classes}
    paths = [path for of_class in of_classes.values() for path in of_class]
    labels = [label for label, name in classes.items() for _ in of_classes[name]]
    return Found(classes, paths, np.array(labels, np.intp), bad, notes, len(beside))


def _beside(path: pathlib.Path) -> str:
    return f"{path}: is beside the folders of the classes, not in one of them"


def _by_number(name: str) -> list[tuple[bool, int, str]]:
    """Returns a sort key for a name: as text, but with the numbers in it as numbers."""
    parts = re.split(r"([0-9]+)", name)
    # Every second part is a number.
    return [(k % 2 == 0, int(part) if k % 2 else 0, part) for k, part in enumerate(parts) if part]


def is_among(place: str | os.PathLike[str], source: str | os.PathLike[str]) -> bool:
    """Returns whether an import from the folder `source` would take `place` for a class."""
    path, pictures = pathlib.Path(os.path.realpath(place)), pathlib.Path(os.path.realpath(source))
    # An import skips hidden folders.
    return path.is_relative_to(pictures) and not any(
        part.startswith(".") for part in path.relative_to(pictures).parts
    )


def empty_class(source: str | os.PathLike[str], name: str) -> DataError:
    """Returns the error for a class without a picture."""
    return DataError(
        f"{os.fspath(source)}: its subfolder {name} holds no picture; expected at least one in "
        "each; add some, or remove the folder"
    )


def _listed(folder: pathlib.Path) -> list[pathlib.Path]:
    names = sorted(os.listdir(folder))
    return [
        folder / name
        for name in names
        if not name.startswith(".") and name.lower() not in _NO_PICTURES
    ]


def _walked(folder: pathlib.Path) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
    """Returns all files below a folder, in the order of their paths, and all links to folders."""
    files: list[pathlib.Path] = []
    links: list[pathlib.Path] = []
    for path in _listed(folder):
        if not os.path.isdir(path):
            files.append(path)
        elif path.is_symlink():
            links.append(path)
        else:
            deeper_files, deeper_links = _walked(path)
            files += deeper_files
            links += deeper_links
    return files, links
