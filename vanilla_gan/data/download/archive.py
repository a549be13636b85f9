"""A data set that is published as one archive: found in its folder or downloaded, and verified."""

from __future__ import annotations

import os
import pathlib
from typing import NamedTuple

from vanilla_gan.data.download.download import fetch
from vanilla_gan.errors import DataError
from vanilla_gan.storage.files import file_entry, no_empty_folders


class Archive(NamedTuple):
    """One archive.

    Attributes:
      dataset: what `--dataset` calls its data, and the name of their folder.
      name: the file's name.
      size: the published file's size in bytes.
      sha256: the published file's SHA-256, as 64 hex digits.
      mirrors: addresses to which the file's name is appended, in the order to try them.
    """

    dataset: str
    name: str
    size: int
    sha256: str
    mirrors: tuple[str, ...]


def verified(archive: Archive, data_dir: str | os.PathLike[str]) -> pathlib.Path:
    """Returns the path of an archive, verified; downloads it first if it is missing.

    Raises:
      DataError: the file cannot be read, or is not the published one.
      DownloadError: it is missing, and could not be downloaded or stored.
    """
    folder = pathlib.Path(data_dir, archive.dataset)
    path = folder / archive.name
    if not os.path.lexists(path):
        with no_empty_folders(folder):
            fetch(
                archive.name,
                folder,
                mirrors=archive.mirrors,
                sha256=archive.sha256,
                size=archive.size,
                suffix="",
                packed=True,
            )
    try:
        got = file_entry(path, archive.size + 1)["sha256"]
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}; replace the file") from error
    if got != archive.sha256:
        raise DataError(
            f"{path} is not the published file: expected SHA-256 {archive.sha256}, got {got}; "
            "delete it to have it downloaded again"
        )
    return path
