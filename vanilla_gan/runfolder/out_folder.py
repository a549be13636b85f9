"""The folder of a run's results: made, checked, and moved aside to make room for a new run."""

from __future__ import annotations

import os
import pathlib
import shutil

from vanilla_gan.errors import OutputError, RunConflictError, UsageError
from vanilla_gan.runfolder.checkpoint import FOLDER, MANIFEST, STATE, newest_iteration
from vanilla_gan.runfolder.losses_csv import HEADER
from vanilla_gan.runfolder.names import (
    BEST,
    LATEST,
    LOCK,
    LOSSES,
    LOSSES_PNG,
    RUN_JSON,
    TENSORBOARD,
    TRAINING_GIF,
)
from vanilla_gan.runfolder.pictures import numbered_pictures
from vanilla_gan.storage.files import unwritable, writing
from vanilla_gan.storage.whole import check_writable, move_whole

_KEPT = ".gitkeep"
# What a run shows of itself. Another run in the folder would replace it or mix its own with it.
_SHOWN = (LATEST, TRAINING_GIF, LOSSES_PNG, TENSORBOARD)
# The folders in a run's folder.
_OWN = (FOLDER, TENSORBOARD)


def make_out_dir(out_dir: pathlib.Path) -> None:
    """Makes the folder with its parents and checks that files can be made in it.

    Raises:
      UsageError: the path, or a part of it, is not a folder, or belongs to a run.
      OutputError: the folder cannot be made or written to.
    """
    check_no_part_of_a_run(out_dir)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        what = "it, or a part of its path, is a file"
        for path in (out_dir, *out_dir.parents):
            if path.is_symlink() and not path.exists():
                what = f"{path} is a link to {os.readlink(path)}, which does not exist"
        raise UsageError(
            f"--out={out_dir}: {what}; expected a folder, or a name that is still free"
        ) from error
    except OSError as error:
        raise unwritable(out_dir, error) from error
    with writing(out_dir):
        check_writable(out_dir)


def check_no_part_of_a_run(out_dir: pathlib.Path) -> None:
    """Checks that a path does not lead into a folder that a run keeps for itself.

    Raises:
      UsageError: it does.
    """
    # Not `Path.resolve`, which raises a RuntimeError for a link to itself.
    for path in (real := pathlib.Path(os.path.realpath(out_dir)), *real.parents):
        is_checkpoint = all(os.path.exists(path / name) for name in (MANIFEST, STATE))
        # A folder of this name would hide the best checkpoint, which has no such folder.
        hides_best = path.name == BEST and not os.path.lexists(path)
        is_own = path.name in _OWN or hides_best
        if is_checkpoint or (is_own and os.path.exists(path.parent / RUN_JSON)):
            run = path.parents[1] if is_checkpoint else path.parent
            raise UsageError(
                f"--out={out_dir}: {path} belongs to the run in {run}; expected a folder outside "
                f"of it; --out {run} continues that run"
            )


def check_own_folders(out_dir: pathlib.Path) -> None:
    """Checks that the folder of a run's checkpoints does not lead out of `out_dir`.

    `out_dir` itself may be a link, because the user chose it. A link inside it may come from
    whoever sent the run; checkpoints would then be renamed, deleted and written elsewhere.

    Raises:
      RunConflictError: the folder of the checkpoints is a link.
    """
    if (folder := out_dir / FOLDER).is_symlink():
        raise RunConflictError(
            f"{folder} is a link to {os.readlink(folder)}, but a run does not write through links "
            "inside its folder; replace the link with the folder it points to, or choose another "
            f"--out; to keep the run elsewhere, make {out_dir} itself a link"
        )


def check_no_results(out_dir: pathlib.Path, lacking: str) -> None:
    """Checks that a run that begins in a folder overwrites no results.

    Args:
      out_dir: the folder.
      lacking: what the folder would also need for these results to be continued.

    Raises:
      RunConflictError: the folder holds pictures, losses, what was made from them, or checkpoints.
    """
    if _has_results(out_dir):
        raise RunConflictError(
            f"{out_dir} holds results of a run but no {lacking} to continue from; put that back, "
            "choose another --out, or give --overwrite, which first moves them aside"
        )


def _has_results(out_dir: pathlib.Path) -> bool:
    losses = out_dir / LOSSES
    shown = any((out_dir / name).exists() for name in _SHOWN)
    rows = losses.exists() and losses.stat().st_size > len(HEADER)
    # Another run's checkpoints would count as the newest ones. `check_own_folders` rejects links.
    saved = not (out_dir / FOLDER).is_symlink() and newest_iteration(out_dir) is not None
    return bool(numbered_pictures(out_dir)) or rows or shown or saved


def move_aside(out_dir: pathlib.Path) -> pathlib.Path | None:
    """Renames a folder with a run, or with the remains of one, to `<out>.1`, ...

    The first free number is taken. A folder that holds only other things is not moved.

    A `.gitkeep` is copied to the new, empty folder. The caller must hold the folder's lock, which
    moves with it, so that no other process can lock a folder that is being moved.

    Returns:
      Where the results are now; None if there were none.

    Raises:
      OutputError: the folder cannot be renamed.
    """
    real = out_dir.resolve()
    number = 1
    while os.path.lexists(aside := real.with_name(f"{real.name}.{number}")):
        number += 1
    try:
        # A run is moved even if its checkpoints cannot be read.
        if not ((real / RUN_JSON).exists() or _has_results(real)):
            return None
        move_whole(real, aside)
        (aside / LOCK).unlink(missing_ok=True)
        real.mkdir(exist_ok=True)
        if (aside / _KEPT).exists():
            shutil.copy(aside / _KEPT, real / _KEPT)
    except OSError as error:
        raise OutputError(
            f"cannot move {out_dir} aside to {aside}: {error.strerror or error}; move it yourself "
            "or choose another --out"
        ) from error
    return aside
