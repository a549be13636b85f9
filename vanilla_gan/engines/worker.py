"""Worker: does the work of a run in one session: draws, samples, and trains a block.

It writes no file and handles no signal; that is up to the chief, `training.chief`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.engines.engine import engine_of
from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.engines.model import Model
from vanilla_gan.engines.prefetch import prefetched
from vanilla_gan.engines.signs import Signs
from vanilla_gan.engines.stream import EpochSampleDraw, PictureDraw, StepsDraw, stream_of
from vanilla_gan.errors import DivergedError
from vanilla_gan.settings import RunConfig

# How long a block of iterations should take: long enough to make the overhead around it negligible,
# short enough to answer a signal at once.
BLOCK_S = 0.25


class Worker:
    """Draws, samples and trains.

    Attributes:
      config: the complete settings.
      model: the graph with its session.
      stream: what the graph is fed with; `stream.train` is the training split.
    """

    def __init__(
        self,
        config: RunConfig,
        model: Model,
        train: DataSet,
        random_stream: np.random.RandomState,
        unseen: DataSet | None = None,
    ) -> None:
        """Makes a worker with its stream at the beginning; draws and trains nothing.

        `random_stream` is seeded with the settings' seed, and `train` draws its orders from it.
        `unseen` is the validation split, if signs are to be taken; `model` must then have them.
        """
        self.config = config
        self.model = model
        self.stream = stream_of(config, train, random_stream)
        self._engine = engine_of(model, train)
        self._block = 1
        self._signs = None
        if unseen is not None and config.health_every:
            self._signs = Signs(model, train, unseen, config.health_every, config.pack)

    def draws(
        self, start: int
    ) -> AbstractContextManager[Iterator[PictureDraw | EpochSampleDraw | StepsDraw]]:
        """Draws from iteration `start`, where the stream is, to the end of the run.

        Blocks grow until one takes about `BLOCK_S`. A thread draws ahead; it ends with the block of
        the `with` statement.
        """
        draws = self.stream.draws(
            start,
            self.config.resolved_int("iters"),
            sample_every=self.config.resolved_int("sample_every"),
            checkpoint_every=self.config.checkpoint_every,
            signs_every=0 if self._signs is None else self.config.health_every,
            longest=lambda: self._block,
        )
        return prefetched(draws)

    def sample(self, draw: PictureDraw | EpochSampleDraw) -> npt.NDArray[np.float32]:
        """Returns what the generator makes of a draw, float32 [n, X_dim].

        n is the product of `config.picture_tiles`, or 1 after an epoch.

        Raises:
          DivergedError: a sample is not finite.
        """
        Z, classes = draw.Z, None
        sample_class = self.config.sample_class
        if sample_class == "all":
            # A row a class, and down each column the same noise.
            rows, cols = self.config.picture_tiles
            Z = np.tile(Z[:cols], (rows, 1))
            classes = np.repeat(np.array(self.config.classes.trained), cols)
        elif sample_class is not None:
            classes = np.full(len(Z), int(sample_class))
        samples = self.model.sample(Z, classes)
        if not np.isfinite(samples).all():
            raise DivergedError(draw.it, f"iteration {draw.it}: the samples are not finite")
        return samples

    def train(self, draw: StepsDraw) -> LossBlock:
        """Trains the iterations of a draw; returns their losses, which may be NaN or infinite.

        If signs are due at the first of them, they are taken before its update.
        """
        signs: Mapping[str, float] = {}
        if self._signs is not None and self._signs.due(draw.first):
            signs = self._signs.of(draw)
        began_s = time.monotonic()
        losses = self._engine.train(draw)
        took_s = time.monotonic() - began_s
        # At most doubled: the first blocks are slower than what follows.
        fitting = int(len(draw.rows) * BLOCK_S / max(took_s, 1e-6))
        self._block = max(1, min(fitting, 2 * self._block))
        return losses._replace(signs=signs)
