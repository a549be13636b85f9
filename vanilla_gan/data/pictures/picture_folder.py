"""A folder of pictures -> the files in it and the classes that its subfolders make of them."""

from __future__ import annotations

import os
import pathlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.shape import PUBLISHED_CLASSES
from vanilla_gan.errors import DataError, UsageError

# What file managers leave behind; files and folders that begin with a dot are passed over as well.
_NO_PICTURES = {"thumbs.db", "desktop.ini", "__macosx"}


class Found(NamedTuple):
    """What stands in a folder of pictures.

    Attributes:
      classes: the name of each class; the folder's own where it has no subfolders.
      paths: the files to read, class by class, in the order of their names.
      labels: int [N], the class of each.
      bad: a line for each thing that cannot be a picture of a class.
    """

    classes: list[str]
    paths: list[pathlib.Path]
    labels: npt.NDArray[np.intp]
    bad: list[str]


def find_pictures(source: str | os.PathLike[str]) -> Found:
    """Returns the files that stand in a folder, and the classes that its subfolders make of them.

    Below a subfolder pictures may stand at any depth. Links to folders are followed at the first
    level only. Files that begin with a dot, and what file managers leave behind, are no pictures.

    Raises:
      UsageError: it is no folder, or has more than 10 subfolders.
      DataError: it cannot be read, or a class holds no file.
    """
    folder = pathlib.Path(source)
    if not os.path.isdir(folder):
        raise UsageError(f"--from={os.fspath(source)}: expected a folder of pictures")
    try:
        top = _listed(folder)
        subfolders = [path for path in top if path.is_dir()]
        if not subfolders:
            return Found([folder.resolve().name], top, np.zeros(len(top), np.intp), [])
        if len(subfolders) > PUBLISHED_CLASSES:
            raise UsageError(
                f"--from={os.fspath(source)}: it has {len(subfolders)} subfolders, each of them a "
                f"class; expected at most {PUBLISHED_CLASSES}; join some of them"
            )
        bad = [
            f"{path}: stands beside the folders of the classes, in none of them"
            for path in top
            if not path.is_dir()
        ]
        paths: list[pathlib.Path] = []
        labels: list[int] = []
        for label, subfolder in enumerate(subfolders):
            of_class, links = _walked(subfolder)
            if not of_class:
                raise empty_class(source, subfolder.name)
            bad += [f"{path}: a link to a folder, which is not followed" for path in links]
            paths += of_class
            labels += [label] * len(of_class)
    except OSError as error:
        raise DataError(
            f"cannot read {error.filename or source}: {error.strerror or error}; mend that, or "
            "remove it from the pictures"
        ) from error
    return Found([path.name for path in subfolders], paths, np.array(labels, np.intp), bad)


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
        if not path.is_dir():
            files.append(path)
        elif path.is_symlink():
            links.append(path)
        else:
            deeper_files, deeper_links = _walked(path)
            files += deeper_files
            links += deeper_links
    return files, links
