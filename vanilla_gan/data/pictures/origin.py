"""What pictures were imported from, so that `--data` can tell whether to import them again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator

from vanilla_gan.data.classes import CLASSES_JSON
from vanilla_gan.data.pictures.any_idx import is_idx, labels_beside
from vanilla_gan.data.pictures.picture_folder import find_pictures
from vanilla_gan.data.pictures.table import is_table
from vanilla_gan.storage.reading import MAX_JSON, read_file


def origin_of(source: str | os.PathLike[str]) -> dict[str, str]:
    """Returns `path`, that of a folder or file, and `sha256`, which identifies its files.

    The SHA-256 covers the names, sizes and modification times of the files. It stays the same if
    the folder is moved, and differs if a file is changed.
    """
    listed = "".join(f"{name}\0{size}\0{ns}\n" for name, size, ns in sorted(_files(source)))
    digest = hashlib.sha256(listed.encode(errors="surrogateescape"))
    return {"path": os.path.abspath(source), "sha256": digest.hexdigest()}


def imported_from(folder: pathlib.Path) -> dict[str, str]:
    """Returns what `origin_of` said of a data set's pictures; empty if that is not recorded."""
    try:
        content = json.loads(read_file(folder / CLASSES_JSON, MAX_JSON))
        return {name: str(content["from"][name]) for name in ("path", "sha256")}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _files(source: str | os.PathLike[str]) -> Iterator[tuple[str, int, int]]:
    """Yields name, size and time of each file that an import reads; nothing if there is none."""
    if is_table(source) or not os.path.isdir(source):
        paths = [pathlib.Path(source)] if os.path.exists(source) else []
        with contextlib.suppress(OSError):
            if paths and is_idx(paths[0]) and (beside := labels_beside(paths[0])) is not None:
                paths.append(beside)
    else:
        paths = find_pictures(source, skip_empty=True).paths
    for path in paths:
        with contextlib.suppress(OSError):  # The import reports what it cannot read.
            found = os.stat(path)
            yield os.path.relpath(path, source), found.st_size, found.st_mtime_ns
