"""The numbered pictures of a run, `out/000.png`, `out/001.png`, ..., and `out/latest.png`."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Callable

from vanilla_gan.runfolder.names import LATEST
from vanilla_gan.storage.own import clear
from vanilla_gan.storage.whole import whole_path


def picture_path(out_dir: pathlib.Path, number: int) -> pathlib.Path:
    """Returns the path of picture `number`, counted from 0; its name has at least three digits."""
    return out_dir / f"{number:03d}.png"


def numbered_pictures(out_dir: pathlib.Path) -> dict[int, pathlib.Path]:
    """Returns the existing pictures by number, in ascending order."""
    found = {
        int(path.stem): path
        for path in out_dir.glob("*.png")
        if path.stem.isdecimal() and path == picture_path(out_dir, int(path.stem))
    }
    return dict(sorted(found.items()))


def remove_pictures_from(out_dir: pathlib.Path, number: int, warn: Callable[[str], None]) -> None:
    """Removes picture `number` and later ones, because the run goes back to before them.

    Raises:
      OutputError: see `clear`.
    """
    for found, path in numbered_pictures(out_dir).items():
        if found >= number:
            clear(path, warn)


def set_latest(out_dir: pathlib.Path, picture: pathlib.Path) -> None:
    """Makes `latest.png` the same as a picture, atomically.

    It is a hard link to the picture, which costs next to nothing, or a copy if the file system has
    no hard links. A picture that is drawn again becomes a file of its own.

    Raises:
      OutputError: the picture cannot be read, or the file could not be written.
    """
    with whole_path(out_dir / LATEST) as latest:
        try:
            os.link(picture, latest)
        except OSError:
            shutil.copyfile(picture, latest)
