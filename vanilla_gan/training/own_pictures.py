"""`--data`: imports somebody's pictures as a data set, unless that has been done before."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import re
import shlex
from collections.abc import Callable

from vanilla_gan.data.download.catalog import FILE_NAMES
from vanilla_gan.data.finding import find
from vanilla_gan.data.known import is_own_name
from vanilla_gan.data.pictures.any_idx import is_idx
from vanilla_gan.data.pictures.import_images import import_images, make_parents
from vanilla_gan.data.pictures.origin import imported_from, origin_of
from vanilla_gan.data.pictures.picture_folder import is_among
from vanilla_gan.data.pictures.settings import ImportConfig
from vanilla_gan.data.pictures.table import ENDINGS, is_table
from vanilla_gan.errors import UsageError
from vanilla_gan.runfolder.names import RUN_JSON
from vanilla_gan.say import phase
from vanilla_gan.settings import RunConfig
from vanilla_gan.storage.files import locked_folder, no_empty_folders

Inform = Callable[[str], None]


def with_own_pictures(config: RunConfig, inform: Inform) -> RunConfig:
    """Returns the settings with `data` replaced by the data set that was imported from it.

    Nothing is imported if `data_dir` already has that data set. Files that are not pictures are
    left out, with a line for each.

    Args:
      config: the settings; without `data` they are returned unchanged.
      inform: called with each line for the user.

    Raises:
      UsageError: there are no such pictures; the name of the data set is taken or not allowed.
      DataError, OutputError: see `import_images`.

    Side effects: makes a folder in `config.data_dir`.
    """
    if config.data is None:
        return config
    source = config.data
    if all(find(source, name) is not None for name in FILE_NAMES):
        path = pathlib.Path(os.path.abspath(source))
        raise UsageError(
            f"--data={source}: it is a data set already, not a folder of pictures; give --dataset "
            f"{path.name} --data_dir {shlex.quote(str(path.parent))}"
        )
    home = pathlib.Path(config.data_dir, name_of(config))
    if not (os.path.isdir(source) or is_table(source)) and not os.path.isdir(home):
        none = "" if os.path.exists(source) else "no such folder or file; "
        raise UsageError(
            f"--data={source}: {none}expected a folder of pictures, or a .npy, .npz, .csv or IDX "
            "file"
        )
    is_imported = os.path.lexists(home)
    # The next import would take a new run in there for a class; one that is there may continue.
    goes_on = is_imported and os.path.lexists(config.out_dir / RUN_JSON)
    for name in (*(() if goes_on else ("out",)), *(() if is_imported else ("data_dir",))):
        if is_among(getattr(config, name), source):
            raise UsageError(
                f"--{name}={getattr(config, name)}: it is in --data={source}, where each "
                "folder is a class of pictures; name a folder outside of it"
            )
    if not is_imported:
        with no_empty_folders(home):
            make_parents(home)
            waits = f"another process is importing pictures into {home.parent}; waiting for it"
            with locked_folder(home.parent, home, functools.partial(inform, waits)):
                if not os.path.lexists(home):
                    _import(source, home, inform)
    _check_same(source, home, inform)
    return dataclasses.replace(config, dataset=home.name, data=None, data_dir=config.data_dir)


def _import(source: str, home: pathlib.Path, inform: Inform) -> None:
    lines: list[str] = []
    try:
        with phase(f"importing the pictures in {source}") as rename:
            import_images(
                ImportConfig(source=source, out=str(home), skip_bad=True),
                lines.append,
                # The numbers come first, because a terminal cuts off the end of a long line.
                lambda done, total: rename(f"importing {done} of {total} files of {source}"),
                next_step=False,
            )
    finally:
        # Only now: until the phase ends, its text is on the line with the cursor.
        for line in lines:
            inform(line)


def name_of(config: RunConfig) -> str:
    """Returns the name of the data set for `data`: `dataset` if given, else from the path.

    Raises:
      UsageError: no data set of one's own can have that name.
    """
    if "dataset" in config.given:
        name, said = config.dataset, "--dataset"
    else:
        path = pathlib.Path(os.path.abspath(config.data or ""))
        # The ending also tells for a table that is gone by now, but was imported before.
        is_named = path.suffix.lower() in ENDINGS or is_idx(path)
        is_file = path.is_file() or (is_named and not path.is_dir())
        stem = path.stem if is_file else path.name
        name = re.sub(r"[^\w.-]+", "_", stem).strip("._-")[:64]
        said = f"--data={config.data}"
    if not is_own_name(name):
        raise UsageError(
            f"{said}: your data cannot be called {name!r}: a built-in data set has that name, or "
            "the name is not valid; give another name with --dataset, for example --dataset birds"
        )
    return name


def _check_same(source: str, home: pathlib.Path, inform: Inform) -> None:
    """Checks that a data set was imported from `source`; warns if the pictures changed since."""
    then, now = imported_from(home), origin_of(source)
    if then and then["sha256"] == now["sha256"]:
        return
    if then.get("path") != now["path"]:
        was = f"was imported from {then['path']}" if then else "was not made by --data"
        raise UsageError(
            f"--data={source}: {home} already exists and {was}; give these pictures another name "
            "with --dataset"
        )
    if os.path.exists(source):
        inform(
            f"warning: the files in {source} have changed since they were imported into {home}; "
            f"this run trains on the imported ones; remove {home} to import the files again"
        )
