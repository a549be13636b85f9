"""The folder of a run's results: made, checked, and moved aside when a new run shall take it."""

from __future__ import annotations

import os
import pathlib
import shutil

from vanilla_gan.errors import OutputError, RunConflictError, UsageError
from vanilla_gan.files import unwritable
from vanilla_gan.results.pictures import numbered_pictures
from vanilla_gan.training.lock import LOCK

_KEPT = ".gitkeep"


def make_out_dir(out_dir: pathlib.Path) -> None:
    """Makes the folder with its parents and checks that files can be made in it.

    Raises:
      UsageError: the path, or a part of it, is something else than a folder.
      OutputError: the folder cannot be made or written to.
    """
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(
            f"--out={out_dir}: it, or a part of its path, is a file; expected a folder, or a name "
            "that is still free"
        ) from error
    except OSError as error:
        raise unwritable(out_dir, error) from error
    probe = out_dir / f".writable.{os.getpid()}.tmp"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise unwritable(out_dir, error) from error


def check_no_strange_results(out_dir: pathlib.Path) -> None:
    """Checks that a run without `run.json` overwrites nobody's results.

    Raises:
      RunConflictError: the folder holds pictures or losses.
    """
    if numbered_pictures(out_dir) or (out_dir / "losses.csv").exists():
        raise RunConflictError(
            f"{out_dir} holds pictures or losses but no run.json to continue from; choose another "
            "--out, or give --overwrite, which first moves them aside"
        )


def move_aside(out_dir: pathlib.Path) -> pathlib.Path | None:
    """Renames a folder with results to `<out>.1`, or the first number that is free.

    A `.gitkeep` stays behind in a new, empty folder.

    Returns:
      Where the results are now; None if there were none.

    Raises:
      OutputError: the folder cannot be renamed.
    """
    results = {path.name for path in out_dir.iterdir()} - {_KEPT, LOCK}
    if not results:
        return None
    (out_dir / LOCK).unlink(missing_ok=True)
    real = out_dir.resolve()
    number = 1
    while (aside := real.with_name(f"{real.name}.{number}")).exists():
        number += 1
    try:
        real.rename(aside)
        real.mkdir()
        if (aside / _KEPT).exists():
            shutil.copy(aside / _KEPT, real / _KEPT)
    except OSError as error:
        raise OutputError(
            f"cannot move {out_dir} aside to {aside}: {error.strerror or error}; move it yourself "
            "or choose another --out"
        ) from error
    return aside
