"""The one random stream of a run: batches and noise, drawn in the published program's order.

At an iteration with a picture, its noise `[16, Z_dim]` comes first. Every iteration then draws the
batch, the noise of the discriminator's step and the noise of the generator's step. If the
discriminator takes several steps, a batch and noise for each further step come before these. A
batch and noise that a program draws but never uses come before the generator's noise. Iterations
are drawn in blocks, to feed a session many at a time; the block size does not affect the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.data.shape import POINT, POINT_TILES
from vanilla_gan.data.streams import PICTURES, seeded
from vanilla_gan.graph.loop import longest_block
from vanilla_gan.graph.system import Pictures, System
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS, noise

PICTURE_SAMPLES = 16

State = dict[str, npt.NDArray[Any]]


class PictureDraw(NamedTuple):
    """The noise of a picture, drawn before the update of iteration `it`; Z: float32 [16, Z_dim].

    For points of the plane it is [1000, Z_dim].
    """

    it: int
    Z: npt.NDArray[np.float32]


class EpochSampleDraw(NamedTuple):
    """The noise of a single sample, drawn after `it` iterations; Z: float32 [1, Z_dim]."""

    it: int
    Z: npt.NDArray[np.float32]


class StepsDraw(NamedTuple):
    """What `k` consecutive iterations are trained on.

    Attributes:
      first: the first of them.
      rows: intp [k, B], rows of the training split; all batches of a block have the same size.
      Z_D, Z_G: float32 [k, B, Z_dim], noise of the discriminator's and the generator's steps; the
        same array if the system shares it.
      after: state of the stream after the last of them, for a checkpoint.
      D_rows, D_Z: intp [k, n, B] and float32 [k, n, B, Z_dim], what the n further steps of the
        discriminator are trained on, which come first in an iteration; n = 0 or None without them.
      classes, D_classes: intp [k, B] and [k, n, B], the labels, if the system draws them; else
        None.
    """

    first: int
    rows: npt.NDArray[np.intp]
    Z_D: npt.NDArray[np.float32]
    Z_G: npt.NDArray[np.float32]
    after: State
    D_rows: Any = None
    D_Z: Any = None
    classes: Any = None
    D_classes: Any = None

    @property
    def last(self) -> int:
        """The iteration that comes after this block."""
        return self.first + len(self.rows)


class Stream:
    """Draws what the graph is fed with, and can be saved and restored at any iteration."""

    def __init__(
        self,
        system: System,
        train: DataSet,
        random_stream: np.random.RandomState,
        *,
        batch_size: int,
        z_dim: int,
        D_steps: int = 1,
        short: bool | None = None,
        picture_noise: npt.NDArray[np.float32] | None = None,
    ) -> None:
        """Makes the stream of a run; draws nothing yet.

        Args:
          system: decides the prior of the noise.
          train: the training split; must draw its orders from `random_stream` too.
          random_stream: numpy's MT19937, seeded as `numpy.random.seed` seeds it.
          batch_size: the listing's `mb_size`, images and noise vectors a step.
          z_dim: length of a noise vector.
          D_steps: the discriminator's steps in an iteration.
          short: whether an epoch ends with a short batch; by default as the system does it, if an
            iteration has one batch: a short one would not fit into an array with others.
          picture_noise: float32 [16, z_dim], or [1000, z_dim] for points, for all pictures; None to
            draw it from the stream, as the published program does.
        """
        self.train = train
        self._system = system
        self._random_stream = random_stream
        self._batch_size = batch_size
        self._z_dim = z_dim
        self._further = D_steps - 1
        if short is None:
            short = system.draws.short_batches and not system.draws.unused and D_steps == 1
        self._short = short
        self._picture_noise = picture_noise

    def draws(
        self,
        first: int,
        last: int,
        *,
        sample_every: int,
        checkpoint_every: int,
        signs_every: int = 0,
        longest: Callable[[], int],
    ) -> Iterator[PictureDraw | EpochSampleDraw | StepsDraw]:
        """Draws iterations `first .. last - 1` with their pictures, in order.

        A block of steps ends where a picture, a checkpoint or signs are due, and where the size of
        the batches changes.

        Args:
          first, last: the iterations.
          sample_every: at its multiples a picture is drawn, before the update; in a system that
            keeps a sample after each epoch, that sample is drawn too, before the picture.
          checkpoint_every, signs_every: blocks end at their multiples; 0 for no such ends.
          longest: called for each block; returns how many iterations it may have at most.

        Yields:
          A `PictureDraw` before the steps of its iteration, and `StepsDraw` for all iterations;
          an `EpochSampleDraw` after the steps of its epoch. In a system with a last picture, a
          picture is also drawn at `last` if one is due there.
        """
        fit = longest_block(self._batch_size, self._z_dim, 1 + self._further)
        pictures = self._system.draws.pictures
        it = first
        while True:
            if self._system.draws.epoch_samples and it > 0 and it % sample_every == 0:
                yield EpochSampleDraw(it, self._sample_Z(1))
            if it >= last and pictures is not Pictures.FIXED_AND_LAST:
                return
            if it % sample_every == 0:
                yield PictureDraw(it, self._next_picture_noise())
            if it >= last:
                return
            ends = [last, it + min(fit, longest()), _next_multiple(it, sample_every)]
            if self._short:
                # Either whole batches, or a single one: the short one, or the first of an epoch.
                ends.append(it + max(1, self.train.batches_left_in_epoch(self._batch_size)))
            ends += [_next_multiple(it, n) for n in (checkpoint_every, signs_every) if n]
            steps = self._steps(it, min(ends) - it)
            yield steps
            it = steps.last

    def _steps(self, first: int, count: int) -> StepsDraw:
        size = self._batch_size
        if self._short:
            # What is left of the epoch, if that is less; if nothing is left, the next one begins.
            size = min(size, self.train.batches_left_in_epoch(1) or size)
        shape = (count, size, self._z_dim)
        further = (count, self._further, *shape[1:])
        rows, D_rows = np.empty(shape[:2], np.intp), np.empty(further[:3], np.intp)
        Z_D, D_Z = np.empty(shape, np.float32), np.empty(further, np.float32)
        Z_G = Z_D if self._system.update.shared_noise else np.empty(shape, np.float32)
        classes = D_classes = None
        if self._system.draws.classes:
            classes, D_classes = np.empty(rows.shape, np.intp), np.empty(D_rows.shape, np.intp)
        for k in range(count):
            for step in range(self._further):
                D_rows[k, step] = self._next_rows()
                D_Z[k, step] = self._sample_Z(size)
                if D_classes is not None:
                    D_classes[k, step] = self._sample_classes(size)
            rows[k] = self._next_rows()
            Z_D[k] = self._sample_Z(size)
            if classes is not None:
                classes[k] = self._sample_classes(size)
            if self._system.draws.unused:
                self._next_rows()
                self._sample_Z(size)
            if Z_G is not Z_D:
                Z_G[k] = self._sample_Z(size)
        return StepsDraw(first, rows, Z_D, Z_G, self.state(), D_rows, D_Z, classes, D_classes)

    def _next_rows(self) -> npt.NDArray[np.intp]:
        return self.train.next_indices(self._batch_size, short=self._short)

    def _sample_classes(self, m: int) -> npt.NDArray[np.intp]:
        return noise.classes(self._random_stream, m, self.train.num_classes)

    def _next_picture_noise(self) -> npt.NDArray[np.float32]:
        if self._picture_noise is not None:
            return self._picture_noise
        return self._sample_Z(_picture_samples(self.train))

    def _sample_Z(self, m: int) -> npt.NDArray[np.float32]:
        # float64 until here, as in the published program, which casts where it feeds.
        return self._system.sample_Z(self._random_stream, m, self._z_dim).astype(np.float32)

    def reseed(self, seed: int, use: int) -> None:
        """Starts a new stream of random numbers that depends only on the two arguments.

        The data order and the position in it do not change.
        """
        self._random_stream.set_state(seeded(seed, use).get_state())

    def state(self) -> State:
        """Returns everything that the next draws depend on, as arrays for a checkpoint."""
        generator: Any = self._random_stream.get_state(legacy=False)
        order = self.train.state()
        return {
            "mt19937_key": generator["state"]["key"],
            "mt19937_position": np.array(generator["state"]["pos"], np.int64),
            "has_gauss": np.array(generator["has_gauss"], np.int64),
            "gauss": np.array(generator["gauss"], np.float64),
            "order": order["order"],
            "index_in_epoch": np.array(order["index_in_epoch"], np.int64),
            "epochs_completed": np.array(order["epochs_completed"], np.int64),
        }

    def restore(self, state: State) -> None:
        """Continues where `state()` was taken.

        Raises:
          KeyError, ValueError: the state is not of this data set, or no state of a generator.
        """
        key, position = state["mt19937_key"], int(state["mt19937_position"])
        # numpy would read past the end of the key. A key of zeros gives only zeros, from which no
        # normal number can be made.
        if not 0 <= position <= len(key) or not (key[1:].any() or key[0] >> 31):
            raise ValueError("it is no state of a generator of random numbers")
        if int(state["has_gauss"]) not in (0, 1) or not np.isfinite(state["gauss"]):
            raise ValueError("it holds no normal number")
        self._random_stream.set_state(
            {
                "bit_generator": "MT19937",
                "state": {"key": key, "pos": position},
                "has_gauss": int(state["has_gauss"]),
                "gauss": float(state["gauss"]),
            }
        )
        self.train.restore(state)


def stream_of(config: RunConfig, train: DataSet, random_stream: np.random.RandomState) -> Stream:
    """Returns the stream of a run at its beginning; see `Stream`."""
    system = SYSTEMS[config.system]
    z_dim = config.resolved_int("z_dim")
    picture_noise = None
    if system.draws.pictures is not Pictures.DRAWN:
        apart = seeded(config.resolved_int("seed"), PICTURES)
        picture_noise = system.sample_Z(apart, _picture_samples(train), z_dim).astype(np.float32)
    return Stream(
        system,
        train,
        random_stream,
        batch_size=config.images_a_step,
        z_dim=z_dim,
        D_steps=config.D_steps,
        short=config.has_short_batches,
        picture_noise=picture_noise,
    )


def _picture_samples(train: DataSet) -> int:
    return math.prod(POINT_TILES) if train.shape == POINT else PICTURE_SAMPLES


def _next_multiple(it: int, every: int) -> int:
    return (it // every + 1) * every
