"""`Generator`: a trained generator as a function from noise to images."""

from __future__ import annotations

import contextlib
import os
import pathlib
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.config import RunConfig
from vanilla_gan.data.dataset import NUM_CLASSES
from vanilla_gan.errors import CheckpointError, UsageError
from vanilla_gan.graph.tf1 import load_tensorflow
from vanilla_gan.quiet import without_chatter
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.systems.system import System
from vanilla_gan.training.checkpoint import FOLDER, MANIFEST, Checkpoint, Checkpoints
from vanilla_gan.training.checkpoint import read_checkpoint as read_one
from vanilla_gan.training.model import Model, open_model
from vanilla_gan.training.record import RUN_JSON, RunRecord, read_record
from vanilla_gan.training.session import choose_device

BLOCK = 1000


class Generator:
    """A trained generator; `generator(Z)` returns images.

    Attributes:
      config: the settings of the run that trained it.
      iteration: how many iterations it was trained for.
    """

    def __init__(
        self, config: RunConfig, iteration: int, model: Model, resources: contextlib.ExitStack
    ) -> None:
        """Holds what `load` has opened; `resources` are closed with it."""
        self.config = config
        self.iteration = iteration
        self._model = model
        self._resources = resources

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: str = "cpu") -> Generator:
        """Opens the generator of a run, at its newest whole checkpoint, or of one checkpoint.

        Args:
          path: a run's folder (with `run.json`), or one checkpoint in it
            (`out/checkpoints/0000012000`).
          device: as `--device`.

        Raises:
          CheckpointError: there is no run, or no whole checkpoint to load.
          DeviceError: the device is not there.
        """
        record, checkpoint = find_checkpoint(pathlib.Path(path))
        with without_chatter():
            load_tensorflow()
            chosen = choose_device(device)
        with contextlib.ExitStack() as stack:
            model = stack.enter_context(open_model(record.config, chosen))
            model.restore(checkpoint.prefix)
            return cls(record.config, checkpoint.iteration, model, stack.pop_all())

    @property
    def system(self) -> System:
        """The published program that it belongs to."""
        return SYSTEMS[self.config.system]

    @property
    def z_dim(self) -> int:
        """Length of a noise vector."""
        return self.config.resolved_int("z_dim")

    def sample_Z(self, n: int, seed: int | None = None) -> npt.NDArray[np.float32]:
        """Draws noise from the system's prior, float32 [n, Z_dim]; afresh if `seed` is None."""
        random_stream = np.random.RandomState(seed)
        return self.system.sample_Z(random_stream, n, self.z_dim).astype(np.float32)

    def __call__(
        self, Z: npt.ArrayLike, classes: npt.ArrayLike | None = None
    ) -> npt.NDArray[np.float32]:
        """Returns images, float32 [n, 28, 28], in the range of the system's own training images.

        Computes them in blocks, so that memory beyond the result does not grow with `n`.

        Args:
          Z: noise, [n, Z_dim], finite.
          classes: what each image shall show, ints [n] in 0..9, or one for all of them; needed by
            a conditional system, and refused by any other.

        Raises:
          UsageError: shapes, values or classes do not fit.
        """
        noise = self._checked_noise(Z)
        labels = self._checked_classes(classes, len(noise))
        images = np.empty((len(noise), 28, 28), np.float32)
        for start in range(0, len(noise), BLOCK):
            block = slice(start, start + BLOCK)
            drawn = self._model.sample(noise[block], None if labels is None else labels[block])
            images[block] = drawn.reshape(-1, 28, 28)
        return images

    def to_grey(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """Returns images as grey values 0..255: the inverse of how training images were scaled."""
        pixels = self.system.pixels()
        grey = (images - pixels[0]) * (255.0 / (pixels[255] - pixels[0]))
        return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)

    def close(self) -> None:
        """Closes the session."""
        self._resources.close()

    def __enter__(self) -> Generator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _checked_noise(self, Z: npt.ArrayLike) -> npt.NDArray[np.float32]:
        noise = np.asarray(Z)
        if noise.ndim != 2 or noise.shape[1] != self.z_dim:
            raise UsageError(
                f"the noise has shape {list(noise.shape)}, expected [n, {self.z_dim}]: this "
                f"{self.config.system} generator takes vectors of {self.z_dim}"
            )
        if noise.dtype.kind not in "fiu" or not np.isfinite(noise).all():
            raise UsageError(f"the noise, {noise.dtype}, is not all finite numbers")
        return noise.astype(np.float32)

    def _checked_classes(self, classes: Any, n: int) -> npt.NDArray[np.intp] | None:
        if not self.system.conditional:
            if classes is not None:
                raise UsageError(
                    f"a class was given, but system {self.config.system} is not conditional; "
                    "leave it out"
                )
            return None
        if classes is None:
            raise UsageError(f"system {self.config.system} is conditional: say which class, 0 to 9")
        labels = np.broadcast_to(np.asarray(classes), (n,))
        if labels.dtype.kind not in "iu" or ((labels < 0) | (labels >= NUM_CLASSES)).any():
            raise UsageError(f"classes {np.unique(labels).tolist()}: expected whole numbers 0 to 9")
        return labels.astype(np.intp)


def find_checkpoint(path: pathlib.Path) -> tuple[RunRecord, Checkpoint]:
    """Returns the run at `path` and its newest whole checkpoint, or the one that `path` names.

    Raises:
      CheckpointError: neither a run nor a checkpoint of one stands there, or none that is whole.
    """
    if (path / MANIFEST).exists() and path.parent.name == FOLDER:
        record = _record(path.parent.parent)
        return record, read_one(path, record.run_id)
    record = _record(path)
    passed_over: list[str] = []
    checkpoint = Checkpoints(path, record.run_id, record.config.keep_checkpoints).newest_whole(
        lambda checkpoint: None, passed_over.append
    )
    if checkpoint is None:
        raise CheckpointError(
            f"{path}: this run has no checkpoint yet; train it, or wait for its first one"
        )
    return record, checkpoint


def _record(out_dir: pathlib.Path) -> RunRecord:
    record = read_record(out_dir)
    if record is None:
        raise CheckpointError(
            f"{out_dir}: no run stands there ({out_dir / RUN_JSON} is missing); expected the "
            "--out of a run, or one of its checkpoints"
        )
    return record
