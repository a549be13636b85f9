"""Checkpoints: everything that the next iteration depends on, written whole or not at all.

On disk, each checkpoint is one folder, named after the iteration that comes next:

    out/checkpoints/0000012000/
      model.ckpt.index                  TensorFlow's own format (`tf.compat.v1.train.Saver`): all
      model.ckpt.data-00000-of-00001    variables, and both optimizers' state, by variable name
      state.npz                         the rest, as arrays:
        mt19937_key, mt19937_position, has_gauss, gauss   the random stream
        order, index_in_epoch, epochs_completed           the data order and the place in it
        losses_size, losses_crc32                         where losses.csv ended
        rewinds                                           how often the run had been rewound
      manifest.json                     the run's id, the iteration, size and SHA-256 of each file
                                        above, and a SHA-256 of the manifest itself; written last

A checkpoint is written into a hidden folder, flushed, and renamed when it is whole. Before one is
deleted, it is renamed to a hidden name. A run begins with the checkpoint of iteration 0, so a run
without checkpoints has lost them. `0000012000.passed_over` is a damaged one, or one that is later
than the checkpoint from which the run was continued; nothing reads it any more. The best one by a
figure is one of these folders: `run.json` names it, and it is not deleted with other old ones. The
settings and the data set are in the run's `out/run.json`; the run's id ties the checkpoint to it.
This module does not use TensorFlow: its caller passes the function that writes the variables.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.errors import CheckpointError
from vanilla_gan.runfolder.losses_csv import Mark
from vanilla_gan.runfolder.names import CHECKPOINTS
from vanilla_gan.storage.arrays import expecting, read_npz
from vanilla_gan.storage.fields import (
    COUNT,
    FILE_ENTRY,
    FILE_NAME,
    TEXT,
    Kind,
    check_fields,
    each,
    whole,
)
from vanilla_gan.storage.files import file_entry, writing
from vanilla_gan.storage.own import copy_open
from vanilla_gan.storage.reading import open_file, reason_of
from vanilla_gan.storage.sealed_json import read_sealed, seal
from vanilla_gan.storage.whole import move_whole, remove_leftovers, remove_whole, whole_path

FOLDER = CHECKPOINTS
FORMAT = 1
PREFIX = "model.ckpt"
STATE = "state.npz"
MANIFEST = "manifest.json"
# Bytes. Nearly all of them are the order of the training images, 8 bytes for each image.
MAX_STATE = 1 << 28
_FIELDS: Mapping[str, Kind] = {
    "format": COUNT,
    "run_id": TEXT,
    "iteration": whole(0, 10**10 - 1),
    "files": each(FILE_NAME, FILE_ENTRY),
}
_STATE_ARRAYS: Mapping[str, tuple[str, tuple[int | None, ...]]] = {
    "mt19937_key": ("u4", (624,)),
    "gauss": ("f8", ()),
    "order": ("i8", (None,)),
} | dict.fromkeys(
    (
        *("mt19937_position", "has_gauss", "index_in_epoch", "epochs_completed"),
        *("losses_size", "losses_crc32", "rewinds"),
    ),
    ("i8", ()),
)

State = dict[str, npt.NDArray[Any]]


class Checkpoint(NamedTuple):
    """A checkpoint whose checksums match.

    Attributes:
      iteration: the iteration that comes next.
      folder: its folder.
      state: the arrays of `state.npz`.
    """

    iteration: int
    folder: pathlib.Path
    state: State

    @property
    def prefix(self) -> str:
        """The path prefix that `Saver.restore` and `tf.train.load_checkpoint` take."""
        return str(self.folder / PREFIX)


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(
        self,
        out_dir: pathlib.Path,
        run_id: str,
        keep: int,
        best: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Manages the checkpoints of the run `run_id` in `out_dir`.

        Keeps the newest `keep`, and the one at the iteration that `best` returns, if any.
        """
        self._folder = out_dir / FOLDER
        self._run_id = run_id
        self._keep = keep
        self._best = best

    def save(
        self, iteration: int, save_variables: Callable[[str], object], state: Mapping[str, Any]
    ) -> None:
        """Writes a checkpoint, then deletes all except the newest `keep` and the best one.

        Args:
          iteration: the iteration that comes next.
          save_variables: writes all variables under a path prefix, in TensorFlow's format.
          state: the arrays of `state.npz`.

        Raises:
          OutputError: it could not be written; the earlier checkpoints are untouched.
        """
        final = self._folder / _name(iteration)
        with writing(final):
            self._folder.mkdir(exist_ok=True)
            with whole_path(final) as folder:
                folder.mkdir()
                save_variables(str(folder / PREFIX))
                with open(folder / STATE, "wb") as stream:
                    np.savez(stream, **state)
                names = sorted(path.name for path in folder.iterdir())
                manifest = {
                    "format": FORMAT,
                    "run_id": self._run_id,
                    "iteration": iteration,
                    "files": {name: file_entry(folder / name) for name in names},
                }
                (folder / MANIFEST).write_bytes(seal(manifest))
            self._drop_old()

    def newest_whole(
        self, acceptable: Callable[[Checkpoint], None], warn: Callable[[str], None]
    ) -> Checkpoint:
        """Returns the newest checkpoint whose checksums match and that `acceptable` accepts.

        Args:
          acceptable: raises a CheckpointError for a checkpoint that cannot be continued from.
          warn: called with one line for each checkpoint that is passed over.

        Raises:
          CheckpointError: none of them can be continued from.
        """
        numbered = _readable(self._folder)
        for folder in numbered:
            try:
                checkpoint = read_checkpoint(folder, self._run_id)
                if checkpoint.iteration != int(folder.name):
                    raise CheckpointError(
                        f"its manifest is that of iteration {checkpoint.iteration}"
                    )
                acceptable(checkpoint)
            except CheckpointError as error:
                warn(f"checkpoint {folder} is passed over: {error}")
            else:
                return checkpoint
        raise CheckpointError(
            f"{self._folder}: {_none_of(len(numbered))} can be continued from; put an undamaged "
            "one back, choose another --out, or start anew with --overwrite, which first moves "
            "that run aside"
        )

    def go_back_to(self, iteration: int) -> None:
        """Restores the folder to what it was just after the checkpoint of `iteration` was written.

        Later checkpoints, from which the run is not continued, are renamed: under their own names
        they would count as the newest ones to keep. Whatever killed processes left half-written or
        half-removed, and old checkpoints that they had yet to delete, are removed.

        Raises:
          OutputError: something could not be renamed.
        """
        with writing(self._folder):
            for folder in _numbered(self._folder):
                if int(folder.name) > iteration:
                    aside = folder.with_name(f"{folder.name}.passed_over")
                    remove_whole(aside)
                    move_whole(folder, aside)
            remove_leftovers(self._folder)
            self._drop_old()

    def _drop_old(self) -> None:
        best = self._best()
        for old in _numbered(self._folder)[self._keep :]:
            if int(old.name) != best:
                remove_whole(old)


def newest_iteration(out_dir: pathlib.Path) -> int | None:
    """Returns the iteration of the newest checkpoint, whole or not; None if there is none.

    Raises:
      CheckpointError: the folder of the checkpoints cannot be read.
    """
    numbered = _readable(out_dir / FOLDER)
    return int(numbered[0].name) if numbered else None


def checkpoint_folder(out_dir: pathlib.Path, iteration: int) -> pathlib.Path:
    """Returns the folder of an iteration's checkpoint, whether it exists or not."""
    return out_dir / FOLDER / _name(iteration)


def read_checkpoint(folder: pathlib.Path, run_id: str | None = None) -> Checkpoint:
    """Reads a checkpoint after checking its manifest and every checksum in it.

    Args:
      folder: the checkpoint's folder.
      run_id: the run that it must belong to; None accepts any.

    Raises:
      CheckpointError: a file is missing or has changed, or the checkpoint is of another run.
    """
    manifest = _read_manifest(folder / MANIFEST)
    if run_id is not None and manifest["run_id"] != run_id:
        raise CheckpointError(f"it belongs to another run ({manifest['run_id']}, not {run_id})")
    for name, entry in manifest["files"].items():
        try:
            # Checked before it is read, because a sparse file may have any size.
            size = (folder / name).stat().st_size
            if size != entry["bytes"]:
                raise CheckpointError(f"{name} has {size} bytes, expected {entry['bytes']}")
            found = file_entry(folder / name)
        except OSError as error:
            raise CheckpointError(f"{name}: {error.strerror or error}") from error
        if found != entry:
            raise CheckpointError(f"{name} is damaged: its SHA-256 is not the recorded one")
    try:
        state = read_npz(folder / STATE, max_bytes=MAX_STATE)
    except (FileNotFoundError, ValueError) as error:
        raise CheckpointError(f"{STATE} cannot be read: {reason_of(error)}") from error
    return Checkpoint(manifest["iteration"], folder, state)


def copy_checkpoint(checkpoint: Checkpoint, out_dir: pathlib.Path, run_id: str) -> None:
    """Copies a checkpoint into another run, `run_id` in `out_dir`, which has no checkpoints yet.

    Raises:
      CheckpointError: a file of it has changed, or has been deleted by now.
      OSError: the copy could not be written.
    """
    manifest = _read_manifest(checkpoint.folder / MANIFEST)
    folder = checkpoint_folder(out_dir, checkpoint.iteration)
    folder.mkdir(parents=True)
    for name, entry in manifest["files"].items():
        path = checkpoint.folder / name
        try:
            if file_entry(path, entry["bytes"]) != entry:
                raise CheckpointError(f"{path} has changed since it was written")
            source = open_file(path, entry["bytes"])
        except OSError as error:
            raise CheckpointError(
                f"{path}: {error.strerror or error}; name a checkpoint that exists"
            ) from error
        with source:
            copy_open(source, folder / name)
    (folder / MANIFEST).write_bytes(seal({**manifest, "run_id": run_id}))


def run_state(stream: Mapping[str, Any], losses: Mark, rewinds: int) -> State:
    """Returns the arrays of `state.npz`; `stream` is what `Stream.state` returns."""
    return {
        **stream,
        "losses_size": np.array(losses.size, np.int64),
        "losses_crc32": np.array(losses.crc32, np.int64),
        "rewinds": np.array(rewinds, np.int64),
    }


def check_state(state: State) -> None:
    """Checks that these are the arrays of a run's `state.npz`, before they are used.

    Raises:
      ValueError: one is missing, unknown, of another type or shape, or out of range.
    """
    check = expecting(_STATE_ARRAYS)
    for name, array in state.items():
        check(name, array.shape, array.dtype)
    if missing := sorted(_STATE_ARRAYS.keys() - state.keys()):
        raise ValueError(f"{', '.join(missing)} missing")
    for name in ("epochs_completed", "losses_size", "losses_crc32", "rewinds"):
        if not 0 <= state[name] < 1 << 62:
            raise ValueError(f"{name} is {state[name]}")


def mark_of(state: State) -> Mark:
    """Returns where `losses.csv` ended, according to the arrays of `state.npz`."""
    return Mark(int(state["losses_size"]), int(state["losses_crc32"]))


def _read_manifest(path: pathlib.Path) -> dict[str, Any]:
    try:
        manifest = read_sealed(path)
    except OSError as error:
        raise CheckpointError(f"{path.name}: {error.strerror or error}") from error
    except ValueError as error:
        raise CheckpointError(f"{path.name} is damaged: {reason_of(error)}") from error
    # The seal is valid, so this program wrote the file, but perhaps as another kind of file.
    try:
        check_fields(manifest, _FIELDS)
    except ValueError as error:
        raise CheckpointError(
            f"{path.name} is not the manifest of a checkpoint: {error}"
        ) from error
    if manifest["format"] != FORMAT:
        raise CheckpointError(f"{path.name} has format {manifest['format']}, expected {FORMAT}")
    return manifest


def _name(iteration: int) -> str:
    return f"{iteration:010d}"


def _none_of(count: int) -> str:
    return f"none of its {count} checkpoints" if count else "there is no checkpoint that"


def _readable(folder: pathlib.Path) -> list[pathlib.Path]:
    try:
        return _numbered(folder)
    except OSError as error:
        raise CheckpointError(
            f"cannot read {folder}: {error.strerror or error}; repair it, or choose another --out"
        ) from error


def _numbered(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the checkpoint folders, newest first."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    numbered = [name for name in names if name.isdecimal() and name == _name(int(name))]
    return [folder / name for name in sorted(numbered, key=int, reverse=True)]
