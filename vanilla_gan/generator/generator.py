"""`Generator`: a trained generator as a function from noise to images."""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import stat
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.streams import seeded
from vanilla_gan.declare import table_of
from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.engines.session import Device, choose_device
from vanilla_gan.errors import CheckpointError, DamagedRunError, UsageError
from vanilla_gan.generator.export_record import EXPORT_JSON, Origin
from vanilla_gan.generator.trained import Trained, open_export, open_networks
from vanilla_gan.graph.system import System
from vanilla_gan.graph.tf1 import load_tensorflow
from vanilla_gan.runfolder.best import best_folder, names_best, names_checkpoint, with_parents
from vanilla_gan.runfolder.checkpoint import FOLDER, Checkpoint, Checkpoints, newest_iteration
from vanilla_gan.runfolder.checkpoint import read_checkpoint as read_one
from vanilla_gan.runfolder.names import RUN_JSON
from vanilla_gan.runfolder.record import RunRecord, read_record
from vanilla_gan.say import phase
from vanilla_gan.settings import RunConfig

BLOCK = 1000
# How many image values are computed at once: 1000 images of 64x64x3, 21 of 512x512x3. A network's
# own tensors take many times as much memory.
BLOCK_VALUES = 1 << 24

# How often to look for a checkpoint if a run deletes them while they are opened.
_TRIES = 20

Inform = Callable[[str], None]
T = TypeVar("T")


def _say_nothing(line: str) -> None:
    del line


class Generator:
    """A trained generator; `generator(Z)` returns images.

    Attributes:
      config: the settings of the run that trained it.
      iteration: how many iterations it was trained for.
      system: its system, as it was when loaded: a plug-in may be loaded again later.
    """

    def __init__(self, trained: Trained, resources: contextlib.ExitStack) -> None:
        """Holds what `load` has opened; `resources` are closed with it."""
        self.config = trained.origin.config
        self.system: System = trained.origin.system
        self.iteration = trained.origin.iteration
        self._trained = trained
        self._resources = resources
        self._is_open = True
        self._process = os.getpid()

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], device: str = "cpu", *, inform: Inform = _say_nothing
    ) -> Generator:
        """Opens the generator of a run, of one of its checkpoints, or of an export.

        Args:
          path: a run's folder (with `run.json`), for its newest whole checkpoint; one checkpoint
            in it (`out/checkpoints/0000012000`), or its best one (`out/best`); or the folder of a
            SavedModel that `./run.sh export` wrote.
          device: as `--device`.
          inform: called with a line for each damaged checkpoint that is passed over.

        Raises:
          CheckpointError: there is no run, or no whole checkpoint or export to load.
          UsageError: the device is not one that `--device` takes.
          DeviceError: the device is not there.
        """
        with contextlib.ExitStack() as stack:
            trained = stack.enter_context(open_trained(path, device, inform=inform))
            return cls(trained, stack.pop_all())

    @property
    def origin(self) -> Origin:
        """The run that it comes from, and its data set."""
        return self._trained.origin

    @property
    def z_dim(self) -> int:
        """Length of a noise vector."""
        return self.config.resolved_int("z_dim")

    @property
    def rows(self) -> int:
        """The largest number of images that are computed at once."""
        return max(1, min(BLOCK, BLOCK_VALUES // self.config.image_shape.size))

    def sample_Z(self, n: int, seed: int | None = None) -> npt.NDArray[np.float32]:
        """Draws noise from the system's prior, float32 [n, Z_dim]; without `seed`, at random."""
        noise = np.empty((n, self.z_dim), np.float32)
        for start, rows in zip(range(0, n, BLOCK), self.noise_blocks(n, seed), strict=True):
            noise[start : start + BLOCK] = rows
        return noise

    def noise_blocks(self, n: int, seed: int | None = None) -> Iterator[npt.NDArray[np.float32]]:
        """Yields the noise of `sample_Z` as it is drawn: float32 [rows, Z_dim], `BLOCK` rows each.

        The last block may have fewer.
        """
        stream = seeded(seed)
        for start in range(0, n, BLOCK):
            rows = self.system.sample_Z(stream, min(BLOCK, n - start), self.z_dim)
            yield rows.astype(np.float32)

    def __call__(
        self, Z: npt.ArrayLike, classes: npt.ArrayLike | None = None
    ) -> npt.NDArray[np.float32]:
        """Returns images, float32 [n, H, W], or [n, H, W, C] if there are several channels.

        They have the size and the range of the system's training images, [n, 28, 28] for the
        published ones. They are computed in blocks, so memory beyond the result does not grow
        with `n`.

        Args:
          Z: noise, [n, Z_dim], finite.
          classes: the class of each image, ints [n], or one for all; only labels that training
            images have. A conditional system needs it, any other refuses it.

        Raises:
          UsageError: shapes, values or classes do not fit, the generator is closed, or it was
            loaded before this process was forked.
          CheckpointError: an image is not finite.
        """
        if not self._is_open:
            raise UsageError(
                "this generator is closed; use it in its `with` block, or load it again"
            )
        if os.getpid() != self._process:
            # A forked process lacks the threads that TensorFlow would wait for.
            raise UsageError(
                "this generator was loaded in another process; load it in each process, and start "
                "the processes with multiprocessing's spawn method, not with fork"
            )
        noise = self.checked_noise(Z)
        labels = self._checked_classes(classes, len(noise))
        shape = self.config.image_shape.array
        images = np.empty((len(noise), *shape), np.float32)
        for start in range(0, len(noise), self.rows):
            block = slice(start, start + self.rows)
            inputs = {"z": noise[block]}
            if labels is not None:
                inputs["y"] = np.eye(self.config.num_classes, dtype=np.float32)[labels[block]]
            images[block] = self._trained.run("generate", **inputs)["images"].reshape(-1, *shape)
            if not np.isfinite(images[block]).all():
                raise CheckpointError(
                    f"the generator after {self.iteration} iterations draws numbers that are not "
                    "finite; choose an earlier checkpoint"
                )
        return images

    def to_grey(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """Returns images as grey values 0..255: the inverse of how training images were scaled."""
        pixels = self.system.pixels()
        grey = (images - pixels[0]) * (255.0 / (pixels[255] - pixels[0]))
        return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)

    def close(self) -> None:
        """Closes the session."""
        self._is_open = False
        self._resources.close()

    def __enter__(self) -> Generator:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def checked_noise(self, Z: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Returns noise as float32 [n, Z_dim].

        Raises:
          UsageError: its shape or values do not fit.
        """
        noise = np.asarray(Z)
        if noise.ndim != 2 or noise.shape[1] != self.z_dim:
            raise UsageError(
                f"the noise has shape {list(noise.shape)}, expected [n, {self.z_dim}]: this "
                f"{self.config.system} generator takes vectors of {self.z_dim}"
            )
        if noise.dtype.kind not in "fiu":
            raise UsageError(f"the noise is {noise.dtype}, expected numbers")
        with np.errstate(over="ignore", invalid="ignore"):
            converted = noise.astype(np.float32, copy=False)
        if not np.isfinite(converted).all():
            raise UsageError("the noise has values that are not finite in float32")
        return converted

    def _checked_classes(self, classes: Any, n: int) -> npt.NDArray[np.intp] | None:
        if not self.system.conditional:
            if classes is not None:
                raise UsageError(
                    f"a class was given, but system {self.config.system} is not conditional; "
                    "leave it out"
                )
            return None
        there = self.config.classes
        if classes is None:
            raise UsageError(
                f"system {self.config.system} is conditional; give `classes`: {there.listed()}"
            )
        labels = np.asarray(classes)
        if labels.ndim and labels.shape != (n,):
            raise UsageError(
                f"the classes have shape {list(labels.shape)}, expected [{n}], one for each noise "
                "vector, or one for all"
            )
        labels = np.broadcast_to(labels, (n,))
        if labels.dtype.kind not in "iu" or not np.isin(labels, list(there.trained)).all():
            raise UsageError(
                f"classes {np.unique(labels).tolist()}: expected whole numbers {there.listed()}"
            )
        return labels.astype(np.intp)


@contextlib.contextmanager
def open_trained(
    source: str | os.PathLike[str], device: str = "cpu", *, inform: Inform = _say_nothing
) -> Iterator[Trained]:
    """Opens the networks of a run, of a checkpoint, or of an export, as `Generator.load` does.

    The session is closed after the block.
    """
    table_of(RunConfig)["device"].check(device)
    path = pathlib.Path(source)
    with contextlib.ExitStack() as stack:
        if os.path.exists(path / EXPORT_JSON):
            opened = functools.partial(open_export, path)
        else:
            # Checked first: loading TensorFlow takes seconds, and a wrong path should fail at once.
            with_newest(path, _say_nothing, _record_and_folder)
            opened = functools.partial(_open_newest, path, inform)
        with phase("loading TensorFlow"), without_chatter():
            load_tensorflow()
            trained = stack.enter_context(opened(choose_device(device)))
        yield trained


@contextlib.contextmanager
def _open_newest(path: pathlib.Path, inform: Inform, device: Device) -> Iterator[Trained]:
    # Informs of nothing: the checkpoint is looked up again right before its variables are read.
    record, out_dir = with_newest(path, _say_nothing, _record_and_folder)

    def of_that_run(found: RunRecord, newest: Checkpoint) -> Trained:
        if found.run_id != record.run_id:
            raise CheckpointError(
                f"{out_dir}: another run has begun there meanwhile; give the same command again"
            )
        return read(newest)

    with open_networks(record, out_dir, device) as read:
        yield with_newest(path, inform, of_that_run)


def _record_and_folder(record: RunRecord, checkpoint: Checkpoint) -> tuple[RunRecord, pathlib.Path]:
    # OUT/checkpoints/N
    return record, checkpoint.folder.parents[1]


def with_newest(path: pathlib.Path, inform: Inform, use: Callable[[RunRecord, Checkpoint], T]) -> T:
    """Returns `use(record, checkpoint)` for the checkpoint that is the newest now.

    A run deletes its old checkpoints while it trains. If this one was deleted before it was read,
    `use` is called again with the next one.

    Raises:
      CheckpointError: see `find_checkpoint`; or `use` raises it for a checkpoint that still exists.
    """
    left = _TRIES
    while True:
        there, left = _checkpoints_in(path), left - 1
        try:
            return use(*find_checkpoint(path, inform))
        except CheckpointError:
            if not left or _checkpoints_in(path) == there:
                raise


def _checkpoints_in(path: pathlib.Path) -> list[str]:
    """Returns the names of a run's checkpoints; none if there is no such folder."""
    folder = path.parent if names_best(path) else path
    with contextlib.suppress(OSError):
        return sorted(os.listdir(folder / FOLDER))
    return []


def find_checkpoint(
    path: pathlib.Path, inform: Inform = _say_nothing
) -> tuple[RunRecord, Checkpoint]:
    """Returns the run at `path` and its newest whole checkpoint, or the one that `path` names.

    Args:
      path: a run's folder, a checkpoint's, or `OUT/best`.
      inform: called with a line for each damaged checkpoint that is passed over.

    Raises:
      CheckpointError: there is neither a run nor a checkpoint of one, or no checkpoint is whole.
      UsageError: the best checkpoint is named, but none is kept.
    """
    if names_best(path):
        path = best_folder(_record(path.parent), path.parent)
    place = with_parents(path)
    if names_checkpoint(place) and place.name.isdecimal() and os.path.isdir(place):
        record = _record(place.parent.parent)
        try:
            return record, read_one(place, record.run_id)
        except CheckpointError as error:
            raise CheckpointError(f"checkpoint {path} cannot be used: {error}") from error
    record = _record(path)
    if newest_iteration(path) is None:
        raise CheckpointError(
            f"{path}: this run has no checkpoint yet; train it, or wait for its first one"
        )
    checkpoints = Checkpoints(path, record.run_id, record.config.keep_checkpoints)
    passed_over: list[str] = []
    try:
        checkpoint = checkpoints.newest_whole(lambda checkpoint: None, passed_over.append)
    except CheckpointError as error:
        raise CheckpointError(
            f"{path}: none of its {len(passed_over)} checkpoints can be used: {passed_over[0]}"
        ) from error
    for line in passed_over:
        inform(line)
    return record, checkpoint


def _record(out_dir: pathlib.Path) -> RunRecord:
    expected = (
        "expected the --out of a run, one of its checkpoints (OUT/checkpoints/N, OUT/best), or a "
        "SavedModel that this program exported"
    )
    try:
        what = None if stat.S_ISDIR(os.stat(out_dir).st_mode) else "is a file"
    except FileNotFoundError:
        what = "does not exist"
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
    if what is not None:
        raise CheckpointError(f"{out_dir} {what}; {expected}")
    try:
        record = read_record(out_dir)
    except DamagedRunError as error:
        raise CheckpointError(
            f"{out_dir / RUN_JSON} cannot be used: {error.__cause__}; put the original back"
        ) from error
    if record is None:
        raise CheckpointError(
            f"{out_dir}: there is no run ({out_dir / RUN_JSON} is missing); {expected}"
        )
    return record
