"""`vanilla_gan.json` in a SavedModel export: what the networks are, and checksums of its files.

Plain TensorFlow loads the export without it; only this package reads it. It holds the system, the
settings, the iteration, the run's id and data set, the versions that the export was made with, the
plug-ins that it needs, and the size and SHA-256 of each other file.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from vanilla_gan.errors import CheckpointError
from vanilla_gan.graph.system import System
from vanilla_gan.plugins.loading import require
from vanilla_gan.plugins.registry import Plugin, plugins_of
from vanilla_gan.runfolder.record import DATASET, config_of_data, versions
from vanilla_gan.settings import RunConfig
from vanilla_gan.storage.fields import (
    COUNT,
    FILE_ENTRY,
    PATH_BELOW,
    SHA256,
    TEXT,
    Kind,
    check_fields,
    each,
    fields,
    list_of,
    whole,
)
from vanilla_gan.storage.files import file_entry
from vanilla_gan.storage.sealed_json import read_sealed, write_sealed
from vanilla_gan.systems import SYSTEMS

EXPORT_JSON = "vanilla_gan.json"
FORMAT = 1

_FIELDS: Mapping[str, Kind] = {
    "format": whole(FORMAT, FORMAT),
    "system": TEXT,
    "iteration": COUNT,
    "run_id": TEXT,
    "dataset": DATASET,
    "settings": each(TEXT, lambda value, name: None),
    "files": each(PATH_BELOW, FILE_ENTRY),
}
# Fields of later versions.
_LATER: Mapping[str, Kind] = {
    "plugins": list_of(fields({"name": TEXT, "sha256": SHA256})),
    "versions": each(TEXT, TEXT),
}


class Origin(NamedTuple):
    """Where trained networks come from.

    Attributes:
      config: the settings of the run.
      iteration: how many iterations they were trained for.
      run_id: the run's id.
      dataset: the data that they were trained on, as in the run's `run.json`.
    """

    config: RunConfig
    iteration: int
    run_id: str
    dataset: dict[str, Any]

    @property
    def system(self) -> System:
        """The published program."""
        return SYSTEMS[self.config.system]


def made_with() -> dict[str, str]:
    """Returns the versions of this program and of TensorFlow; says nothing about the machine."""
    return {name: versions()[name] for name in ("vanilla_gan", "tensorflow")}


def write_origin(folder: pathlib.Path, origin: Origin) -> None:
    """Writes `vanilla_gan.json` for the files in an export's folder.

    Raises:
      OutputError: it could not be written.
    """
    settings = origin.config.to_json()
    # Exports are shared, so they must not reveal paths on the machine that made them.
    for private in ("data_dir", "out", "init_weights", "log_json", "against"):
        del settings[private]
    content = {
        "format": FORMAT,
        "system": origin.config.system,
        "iteration": origin.iteration,
        "run_id": origin.run_id,
        "dataset": origin.dataset,
        "settings": settings,
        "versions": made_with(),
        "plugins": [
            {"name": os.path.basename(plugin.path), "sha256": plugin.sha256}
            for plugin in plugins_of(origin.config)
        ],
        "files": _files(folder),
    }
    write_sealed(folder / EXPORT_JSON, content)


def read_origin(folder: pathlib.Path) -> Origin:
    """Reads the `vanilla_gan.json` of an export, and checks the other files against it.

    Raises:
      CheckpointError: it is damaged, of another format, or a file is not what was written.
      PluginError: it needs a plug-in that is missing, changed, or not trusted.

    Side effects: runs the plug-ins that it needs, if the user has given them before.
    """
    try:
        content = read_sealed(folder / EXPORT_JSON)
        check_fields(content, _FIELDS, _LATER)
        needed = [Plugin(one["name"], one["sha256"]) for one in content.get("plugins", [])]
        require(needed, str(folder / EXPORT_JSON))
        config = config_of_data(RunConfig.from_json(content["settings"]), content["dataset"])
        config.check_complete(content["dataset"]["train_examples"])
        if config.system != content["system"]:
            raise ValueError(f"its settings are those of system {config.system}")
        origin = Origin(config, content["iteration"], content["run_id"], content["dataset"])
        for name, entry in content["files"].items():
            path = folder / name
            if not path.is_file():
                raise ValueError(f"{name} is missing, or no regular file")
            # Size first, because a sparse file may have any size.
            if path.stat().st_size != entry["bytes"] or file_entry(path) != entry:
                raise ValueError(f"{name} is not what was exported")
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{folder} is not a complete export ({EXPORT_JSON}): {one_line(error)}; export it again"
        ) from error
    return origin


def is_export(folder: pathlib.Path) -> bool:
    """Returns whether a folder holds an export of this program, whole or not, and nothing else."""
    try:
        recorded = read_sealed(folder / EXPORT_JSON)["files"].keys()
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    folders = {str(parent) for name in recorded for parent in pathlib.PurePosixPath(name).parents}
    # TensorFlow's SavedModel builder also makes a folder for assets, which remains empty.
    return found <= {*recorded, *folders, EXPORT_JSON, "assets", "fingerprint.pb"}


def _files(folder: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Returns the size and SHA-256 of each file below a folder, except `vanilla_gan.json`."""
    entries = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != EXPORT_JSON:
            entries[name] = file_entry(path)
    return entries


def one_line(error: Exception) -> str:
    """Returns an error's message as one line of at most 200 characters."""
    text = " ".join(str(error).split())
    return text[:200] if text else type(error).__name__
