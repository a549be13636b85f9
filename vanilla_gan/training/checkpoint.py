"""Checkpoints: everything that the next iteration depends on, whole or not at all.

On the disk, one folder for each, named after the iteration that comes next:

    out/checkpoints/0000012000/
      model.ckpt.index                  TensorFlow's own format (`tf.compat.v1.train.Saver`): all
      model.ckpt.data-00000-of-00001    variables, both Adams' slots and powers, by variable name
      state.npz                         the rest, as arrays:
        mt19937_key, mt19937_position, has_gauss, gauss   the random stream
        order, index_in_epoch, epochs_completed           the data order and the place in it
        losses_size, losses_crc32                         where losses.csv ended
        rewinds                                           how often the run had been rewound
      manifest.json                     the run's id, the iteration, size and SHA-256 of each file
                                        above, and a SHA-256 of the manifest itself; written last

A checkpoint is written into a hidden folder, flushed, and renamed when it is whole. Settings and
data set are the run's (`out/run.json`), which the id ties the checkpoint to. This module knows
nothing of TensorFlow: who saves hands in the function that writes the variables.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.errors import CheckpointError
from vanilla_gan.files import sync_folder, unwritable
from vanilla_gan.sealed_json import read_sealed, seal

FOLDER = "checkpoints"
FORMAT = 1
PREFIX = "model.ckpt"
STATE = "state.npz"
MANIFEST = "manifest.json"

State = dict[str, npt.NDArray[Any]]


class Checkpoint(NamedTuple):
    """A checkpoint whose sums hold.

    Attributes:
      iteration: the iteration that comes next.
      folder: where it stands.
      state: the arrays of `state.npz`.
    """

    iteration: int
    folder: pathlib.Path
    state: State

    @property
    def prefix(self) -> str:
        """What `Saver.restore` and `tf.train.load_checkpoint` take."""
        return str(self.folder / PREFIX)


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, out_dir: pathlib.Path, run_id: str, keep: int) -> None:
        """Makes the store of the run `run_id` below `out_dir`; the newest `keep` are kept."""
        self._folder = out_dir / FOLDER
        self._run_id = run_id
        self._keep = keep

    def save(
        self, iteration: int, save_variables: Callable[[str], object], state: Mapping[str, Any]
    ) -> None:
        """Writes a checkpoint, then drops those beyond the newest `keep`.

        Args:
          iteration: the iteration that comes next.
          save_variables: writes all variables under a path prefix, in TensorFlow's format.
          state: the arrays of `state.npz`.

        Raises:
          OutputError: it could not be written; the earlier checkpoints are untouched.
        """
        final = self._folder / f"{iteration:010d}"
        temporary = self._folder / f".{final.name}.{os.getpid()}.tmp"
        try:
            self._folder.mkdir(exist_ok=True)
            temporary.mkdir()
            save_variables(str(temporary / PREFIX))
            with open(temporary / STATE, "wb") as stream:
                np.savez(stream, allow_pickle=False, **state)
            names = sorted(path.name for path in temporary.iterdir())
            manifest = {
                "format": FORMAT,
                "run_id": self._run_id,
                "iteration": iteration,
                "files": {name: _file_entry(temporary / name) for name in names},
            }
            (temporary / MANIFEST).write_bytes(seal(manifest))
            for name in (*names, MANIFEST):
                _sync(temporary / name)
            sync_folder(temporary)
            self._drop(final)
            os.rename(temporary, final)
            sync_folder(self._folder)
            for old in self._numbered()[self._keep :]:
                self._drop(old)
        except OSError as error:
            raise unwritable(final, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def newest_whole(
        self, acceptable: Callable[[Checkpoint], None], warn: Callable[[str], None]
    ) -> Checkpoint | None:
        """Returns the newest checkpoint whose sums hold, or None where there is none at all.

        Args:
          acceptable: raises a CheckpointError for a checkpoint that cannot be continued from.
          warn: called with one line for each checkpoint that is passed over.

        Raises:
          CheckpointError: there are checkpoints, but none that can be continued from.
        """
        numbered = self._numbered()
        for folder in numbered:
            try:
                checkpoint = read_checkpoint(folder, self._run_id)
                acceptable(checkpoint)
            except CheckpointError as error:
                warn(f"checkpoint {folder} is passed over: {error}")
            else:
                return checkpoint
        if numbered:
            raise CheckpointError(
                f"{self._folder}: none of the {len(numbered)} checkpoints can be continued from; "
                "put a whole one back, or start anew with --overwrite, which keeps this folder "
                "aside, or with another --out"
            )
        return None

    def set_aside_after(self, iteration: int) -> None:
        """Renames checkpoints of later iterations, from which the run was not continued.

        Under their own names they would count as the newest ones to keep. A run that was rewound
        or found them damaged writes its own instead.
        """
        for folder in self._numbered():
            if int(folder.name) > iteration:
                aside = folder.with_name(f"{folder.name}.passed_over")
                shutil.rmtree(aside, ignore_errors=True)
                os.rename(folder, aside)

    def remove_leftovers(self) -> None:
        """Removes what killed processes left half-written."""
        if self._folder.is_dir():
            for leftover in self._folder.glob(".*.tmp"):
                shutil.rmtree(leftover, ignore_errors=True)

    def _numbered(self) -> list[pathlib.Path]:
        """The checkpoint folders, newest first."""
        if not self._folder.is_dir():
            return []
        folders = [path for path in self._folder.iterdir() if path.name.isdecimal()]
        return sorted(folders, key=lambda path: int(path.name), reverse=True)

    def _drop(self, folder: pathlib.Path) -> None:
        # Renamed first: no moment in which a half-deleted folder bears a checkpoint's name.
        if folder.exists():
            doomed = folder.with_name(f".{folder.name}.{os.getpid()}.dropped.tmp")
            os.rename(folder, doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def read_checkpoint(folder: pathlib.Path, run_id: str | None = None) -> Checkpoint:
    """Reads a checkpoint after checking its manifest and every sum in it.

    Args:
      folder: the checkpoint's folder.
      run_id: the run that it must belong to; None accepts any.

    Raises:
      CheckpointError: a file is missing or not what was written, or the run is another one.
    """
    manifest = _read_manifest(folder / MANIFEST)
    if manifest["format"] != FORMAT:
        raise CheckpointError(f"{MANIFEST} has format {manifest['format']}, expected {FORMAT}")
    if run_id is not None and manifest["run_id"] != run_id:
        raise CheckpointError(f"it belongs to another run ({manifest['run_id']}, not {run_id})")
    for name, entry in manifest["files"].items():
        try:
            found = _file_entry(folder / name)
        except OSError as error:
            raise CheckpointError(f"{name}: {error.strerror or error}") from error
        if found["bytes"] != entry["bytes"]:
            raise CheckpointError(f"{name} has {found['bytes']} bytes, expected {entry['bytes']}")
        if found != entry:
            raise CheckpointError(f"{name} is damaged: its SHA-256 is not the recorded one")
    try:
        with np.load(folder / STATE, allow_pickle=False) as archive:
            state = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{STATE} cannot be read: {error}") from error
    return Checkpoint(manifest["iteration"], folder, state)


def _read_manifest(path: pathlib.Path) -> dict[str, Any]:
    try:
        return read_sealed(path)
    except OSError as error:
        raise CheckpointError(f"{path.name}: {error.strerror or error}") from error
    except ValueError as error:
        raise CheckpointError(f"{path.name} is damaged: {error}") from error


def _file_entry(path: pathlib.Path) -> dict[str, Any]:
    with open(path, "rb") as stream:
        digest = hashlib.sha256()
        size = 0
        while block := stream.read(1 << 20):
            digest.update(block)
            size += len(block)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _sync(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
