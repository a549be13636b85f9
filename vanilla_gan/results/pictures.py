"""The numbered pictures of a run: `out/000.png`, `out/001.png`, ..."""

from __future__ import annotations

import pathlib

from vanilla_gan.files import unwritable


def picture_path(out_dir: pathlib.Path, number: int) -> pathlib.Path:
    """Returns where picture `number` (from 0) stands; three digits at least."""
    return out_dir / f"{number:03d}.png"


def numbered_pictures(out_dir: pathlib.Path) -> dict[int, pathlib.Path]:
    """Returns the pictures there are, by number, in ascending order."""
    found = {
        int(path.stem): path
        for path in out_dir.glob("*.png")
        if path.stem.isdecimal() and path == picture_path(out_dir, int(path.stem))
    }
    return dict(sorted(found.items()))


def remove_pictures_from(out_dir: pathlib.Path, number: int) -> None:
    """Removes pictures `number` and later: the run goes back to before they were made.

    Raises:
      OutputError: one of them cannot be removed.
    """
    for found, path in numbered_pictures(out_dir).items():
        if found >= number:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise unwritable(path, error) from error
