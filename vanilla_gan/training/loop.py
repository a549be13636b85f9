"""The training loop: the published one, between the checkpoint it starts from and the last.

It alternates pictures and blocks of iterations in the order in which the stream draws them, and
after each block looks whether a checkpoint is due or a signal came. By default checkpoints go by
the clock: as often as costs under 1% of the time, at least once a minute. When a run stops where,
it never matters for its numbers.
"""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.dataset import NUM_CLASSES
from vanilla_gan.engines.engine import Engine
from vanilla_gan.engines.model import Model
from vanilla_gan.engines.prefetch import prefetched
from vanilla_gan.engines.stream import EpochSampleDraw, PictureDraw, State, StepsDraw, Stream
from vanilla_gan.errors import DivergedError, StoppedBySignal
from vanilla_gan.runfolder.checkpoint import Checkpoints
from vanilla_gan.runfolder.losses_csv import Mark
from vanilla_gan.settings import RunConfig
from vanilla_gan.training.progress import Progress
from vanilla_gan.training.recorder import Recorder
from vanilla_gan.training.signals import StopRequest

MIN_CHECKPOINT_S = 10.0
MAX_CHECKPOINT_S = 60.0
# How long a block of iterations shall take: long enough that nothing around it counts, short
# enough that a signal is answered at once.
BLOCK_S = 0.25
MAX_BLOCK = 200


class TrainingLoop:
    """One run in one session, from iteration `start` to `config.iters`.

    Attributes:
      saved_at: the iteration of the newest checkpoint, or the one that it started from.
    """

    def __init__(
        self,
        config: RunConfig,
        model: Model,
        engine: Engine,
        stream: Stream,
        recorder: Recorder,
        checkpoints: Checkpoints,
        stop: StopRequest,
        progress: Progress,
        *,
        rewinds: int,
    ) -> None:
        """Makes the loop of a run; runs nothing.

        Args:
          config: the resolved settings.
          model: its variables are as they are before iteration `start`.
          engine: trains blocks of iterations.
          stream: stands before iteration `start`.
          recorder: writes results.
          checkpoints: where checkpoints go.
          stop: whether a signal came.
          progress: shows how far the run is.
          rewinds: how often the run has been rewound, for its checkpoints.
        """
        self._config = config
        self._model = model
        self._engine = engine
        self._stream = stream
        self._recorder = recorder
        self._checkpoints = checkpoints
        self._stop = stop
        self._progress = progress
        self._rewinds = rewinds
        self._last_save_s = time.monotonic()
        self._interval_s = MIN_CHECKPOINT_S
        self._block = 1
        self._iters = config.resolved_int("iters")
        self.saved_at = 0

    def run(self, start: int) -> None:
        """Trains to the end, and saves there.

        Raises:
          StoppedBySignal: a signal came; the state is saved.
          DivergedError: a loss, sample or weight is not finite; nothing of that is saved.
          OutputError: a result could not be written.
        """
        config = self._config
        self.saved_at = start
        draws = self._stream.draws(
            start,
            self._iters,
            sample_every=config.resolved_int("sample_every"),
            checkpoint_every=config.checkpoint_every,
            longest=lambda: self._block,
        )
        with prefetched(draws) as ready:
            for draw in ready:
                if isinstance(draw, PictureDraw):
                    self._picture(draw)
                    continue
                if isinstance(draw, EpochSampleDraw):
                    self._epoch_sample(draw)
                    continue
                self._train(draw)
                stopping = self._stop.signal_number is not None
                if stopping or draw.last == self._iters or self._checkpoint_due(draw.last):
                    self._save(draw.last, draw.after)
                if stopping:
                    raise self._stopped(draw.last)

    def _picture(self, draw: PictureDraw) -> None:
        sample_class = self._config.sample_class
        if sample_class is None:
            samples = self._sample(draw.it, draw.Z)
        elif sample_class == "all":
            # A row a class, and down each column the same noise.
            rows, cols = NUM_CLASSES, 10
            Z = np.tile(draw.Z[:cols], (rows, 1))
            samples = self._sample(draw.it, Z, np.repeat(np.arange(rows), cols))
        else:
            samples = self._sample(draw.it, draw.Z, np.full(len(draw.Z), int(sample_class)))
        self._recorder.picture(draw.it, samples)

    def _epoch_sample(self, draw: EpochSampleDraw) -> None:
        self._recorder.epoch_sample(draw.it, self._sample(draw.it, draw.Z))

    def _sample(
        self,
        it: int,
        Z: npt.NDArray[np.float32],
        classes: npt.NDArray[np.intp] | None = None,
    ) -> npt.NDArray[np.float32]:
        samples = self._model.sample(Z, classes)
        if not np.isfinite(samples).all():
            raise DivergedError(it, f"iteration {it}: the samples are not finite")
        return samples

    def _train(self, draw: StepsDraw) -> None:
        began_s = time.monotonic()
        losses = self._engine.train(draw)
        self._adapt_block(len(losses.D_loss), time.monotonic() - began_s)
        finite = losses.finite_rows()
        if finite:
            self._recorder.losses(losses.cut(finite))
            self._progress.advance(losses.cut(finite))
        if finite < len(losses.D_loss):
            it = losses.first + finite
            D_loss_curr, G_loss_curr = losses.D_loss[finite], losses.G_loss[finite]
            raise DivergedError(
                it, f"iteration {it}: D loss is {D_loss_curr:.4}, G_loss is {G_loss_curr:.4}"
            )

    def _adapt_block(self, steps: int, took_s: float) -> None:
        # At most doubled: the first blocks are slower than what follows.
        fitting = int(steps * BLOCK_S / max(took_s, 1e-6))
        self._block = max(1, min(fitting, 2 * self._block, MAX_BLOCK))

    def _checkpoint_due(self, it: int) -> bool:
        if self._config.checkpoint_every:
            return it % self._config.checkpoint_every == 0
        return time.monotonic() - self._last_save_s >= self._interval_s

    def _save(self, it: int, stream_state: State) -> None:
        began_s = time.monotonic()
        # A loss is fetched before its update: the update itself may have broken the weights.
        broken = self._model.broken_variables()
        if broken:
            raise DivergedError(it, f"iteration {it}: {', '.join(broken)} not finite")
        mark: Mark = self._recorder.mark()
        state = {
            **stream_state,
            "losses_size": np.array(mark.size, np.int64),
            "losses_crc32": np.array(mark.crc32, np.int64),
            "rewinds": np.array(self._rewinds, np.int64),
        }
        self._checkpoints.save(it, self._model.save, state)
        self.saved_at = it
        self._last_save_s = time.monotonic()
        cost_s = self._last_save_s - began_s
        self._interval_s = min(MAX_CHECKPOINT_S, max(MIN_CHECKPOINT_S, 100 * cost_s))

    def _stopped(self, it: int) -> StoppedBySignal:
        number = self._stop.signal_number
        assert number is not None
        return StoppedBySignal(
            number,
            f"stopped by signal {number} at iteration {it} of {self._iters}, saved; "
            f"the same command continues it (./run.sh --out {self._config.out})",
        )
