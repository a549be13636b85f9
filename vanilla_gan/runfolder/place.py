"""Where a command puts a result: under a free name, or in place of what may be replaced."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from vanilla_gan.errors import UsageError
from vanilla_gan.runfolder import names
from vanilla_gan.storage.files import no_empty_folders, unwritable, writing
from vanilla_gan.storage.whole import whole_path

# The files and folders that a run has or may get later; numbered pictures belong to it, too.
_OF_A_RUN = {
    *(names.RUN_JSON, names.LOCK, names.LOSSES, names.QUALITY, names.LATEST, names.TRAINING_GIF),
    *(names.LOSSES_PNG, names.REPORT, names.TENSORBOARD, names.SAMPLES, names.FIRST_LAST),
    *(names.CHECKPOINTS, names.HEALTH, names.BEST),
}


class Place(NamedTuple):
    """The place of one result; every command puts its results through this.

    Attributes:
      path: the path of the result; missing parent folders are made.
      overwrite: whether an existing file, or an existing folder that is ours, may be replaced.
      is_ours: whether an existing folder is a result of the same kind and holds nothing else.
      name: the name of the setting that gives the path.
      report: whether the path may be that of the run's own report in a run's folder.
    """

    path: pathlib.Path
    overwrite: bool
    is_ours: Callable[[pathlib.Path], bool] = lambda folder: False
    name: str = "out"
    report: bool = False

    def check(self) -> None:
        """Checks that the result may be put there; called before the work, and again after it.

        Raises:
          UsageError: the path has no name, is one of a run's files, or exists and may not be
            replaced.
          OutputError: its folder cannot be read or made, or a part of its path is not a folder.
        """
        path, shown = self.path, f"--{self.name}={self.path}"
        if path.name in ("", ".."):
            raise UsageError(f"{shown}: it is a folder; expected a name inside a folder")
        try:
            above = next(folder for folder in path.parents if os.path.lexists(folder))
            os.stat(above)
            kind = os.lstat(path).st_mode
        except FileNotFoundError as error:
            if not os.path.isdir(above):
                raise unwritable(path, error) from error
            # Whether missing folders can be made is found out now, not after the work.
            may_make = os.access(above, os.W_OK | os.X_OK, effective_ids=True)
            if above != path.parent and not may_make:
                denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
                raise unwritable(path, denied) from error
            kind = 0
        except OSError as error:
            raise unwritable(path, error) from error
        run = _run_of(path)
        if run is not None and not (self.report and path.name == names.REPORT):
            raise UsageError(
                f"{shown}: that name is for a file of the run in {run}; choose another name"
            )
        if not kind:
            return
        if os.path.isdir(path) and (stat.S_ISLNK(kind) or not self.is_ours(path)):
            raise UsageError(
                f"{shown}: it is a folder that holds other things than a result of this command, "
                "so it is not replaced; choose another name, or move it away"
            )
        if not (stat.S_ISREG(kind) or stat.S_ISLNK(kind) or stat.S_ISDIR(kind)):
            raise UsageError(f"{shown}: it is not a regular file; choose another name")
        if not self.overwrite:
            raise UsageError(
                f"{shown}: it exists already; choose another name, or give --overwrite"
            )

    @contextlib.contextmanager
    def whole(self) -> Iterator[pathlib.Path]:
        """Yields a temporary path that becomes the result after the block; see `whole_path`.

        Raises:
          UsageError: see `check`.
          OutputError: see `check`; or it could not be made.
        """
        self.check()
        with no_empty_folders(self.path.parent):
            with writing(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
            with whole_path(self.path, self.check) as new:
                yield new


def _run_of(path: pathlib.Path) -> pathlib.Path | None:
    """Returns the folder of the run to which a path belongs, judged only by its name, or None."""
    real = pathlib.Path(os.path.realpath(path.parent), path.name)
    for folder in real.parents:
        name = real.relative_to(folder).parts[0]
        is_picture = name.endswith(".png") and name[:-4].isdecimal()
        if (name in _OF_A_RUN or is_picture) and os.path.lexists(folder / names.RUN_JSON):
            return folder
    return None
