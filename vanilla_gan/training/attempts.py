"""Attempts to train a run to its end: from its newest checkpoint, again after each rewind."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from typing import TextIO

from vanilla_gan.engines.engine import engine_of
from vanilla_gan.engines.model import Model
from vanilla_gan.engines.stream import Stream
from vanilla_gan.errors import CheckpointError, DivergedError
from vanilla_gan.graph.weights import Weights
from vanilla_gan.observers.chosen import observers_of
from vanilla_gan.runfolder.checkpoint import STATE, Checkpoint, Checkpoints, mark_of, run_state
from vanilla_gan.runfolder.losses_csv import Mark, begin_losses, check_mark
from vanilla_gan.runfolder.names import LOSSES
from vanilla_gan.runfolder.pictures import numbered_pictures
from vanilla_gan.runfolder.record import RunRecord
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.training.loop import TrainingLoop
from vanilla_gan.training.progress import Progress
from vanilla_gan.training.recorder import Recorder
from vanilla_gan.training.signals import StopRequest


class Attempts:
    """Trains from the newest checkpoint to the end, once more after each rewind."""

    def __init__(
        self,
        config: RunConfig,
        record: RunRecord,
        model: Model,
        stream: Stream,
        checkpoints: Checkpoints,
        *,
        stop: StopRequest,
        stdout: TextIO,
        inform: Callable[[str], None],
    ) -> None:
        """Makes the attempts of a run; trains nothing.

        Args:
          config: the settings, complete.
          record: the run's record, which a rewind is added to.
          model: the graph with its session.
          stream: stands at its beginning.
          checkpoints: the run's.
          stop: whether a signal came.
          stdout: where the published lines go.
          inform: called with each line for the user.
        """
        self._config = config
        self._record = record
        self._model = model
        self._stream = stream
        self._engine = engine_of(model, stream.train)
        self._checkpoints = checkpoints
        self._stop = stop
        self._stdout = stdout
        self._inform = inform

    def begin(self, weights: Weights | None) -> None:
        """Initialises the model, from `weights` if these are given, and saves that as iteration 0.

        Raises:
          OutputError: it could not be saved.
        """
        self._model.initialise(weights)
        mark = begin_losses(self._config.out_dir / LOSSES)
        state = run_state(self._stream.state(), mark, rewinds=0)
        self._checkpoints.save(0, self._model.save, state)

    def train(self) -> bool:
        """Trains from the newest whole checkpoint; returns False if the run was rewound.

        Raises:
          CheckpointError: no checkpoint can be continued from.
          StoppedBySignal: a signal came; the state is saved.
          DivergedError: a number is not finite, and the run may not be rewound for it.
          OutputError: a result could not be written.
        """
        config, record = self._config, self._record
        start, mark = self._go_back()
        progress = Progress(start, config.resolved_int("iters"), self._inform)
        recorder = Recorder(
            config.out_dir,
            start=start,
            mark=mark,
            sample_every=config.resolved_int("sample_every"),
            log_every=config.log_every,
            stdout=self._stdout,
            stdout_closed=lambda: self._stop.ask(signal.SIGPIPE),
            quiet=progress.paused,
            rows_cols=(10, 10) if config.sample_class == "all" else (4, 4),
            epoch_samples=SYSTEMS[config.system].draws.epoch_samples,
            observers=observers_of(config, record, self._model, self._stream.train, start),
        )
        loop = TrainingLoop(
            config,
            self._model,
            self._engine,
            self._stream,
            recorder,
            self._checkpoints,
            self._stop,
            progress,
            rewinds=len(record.rewinds),
        )
        with recorder, contextlib.closing(progress):
            try:
                loop.run(start)
            except DivergedError as error:
                if config.on_nan != "rewind" or len(record.rewinds) >= config.max_rewinds:
                    raise self._story(error) from error
                record.rewinds.append({"iteration": error.iteration, "to": loop.saved_at})
                record.save(config.out_dir)
                self._inform(
                    f"{error}; back to iteration {loop.saved_at} with new noise "
                    f"(rewind {len(record.rewinds)} of {config.max_rewinds})"
                )
                return False
        return True

    def _go_back(self) -> tuple[int, Mark]:
        """Restores the newest whole checkpoint.

        Returns:
          The iteration that comes next, and where `losses.csv` ended there.
        """
        config, record = self._config, self._record
        checkpoint = self._checkpoints.newest_whole(self._check, self._inform)
        start, state = checkpoint.iteration, checkpoint.state
        self._model.restore(checkpoint.prefix)
        self._stream.restore(state)
        if start > 0:
            self._inform(f"continuing at iteration {start} of {config.iters}")
        self._checkpoints.go_back_to(start)
        # Rewinds to later iterations than this one are still to come, and will come again.
        record.rewinds = [rewind for rewind in record.rewinds if rewind["to"] <= start]
        if len(record.rewinds) > int(state["rewinds"]):
            self._stream.reseed(config.resolved_int("seed"), len(record.rewinds))
        return start, mark_of(state)

    def _check(self, checkpoint: Checkpoint) -> None:
        try:
            self._stream.restore(checkpoint.state)
            mark = mark_of(checkpoint.state)
        except (KeyError, ValueError, TypeError) as error:
            raise CheckpointError(f"{STATE} is not of this run: {error}") from error
        check_mark(self._config.out_dir / LOSSES, mark)

    def _story(self, error: DivergedError) -> DivergedError:
        """Returns the error with what is left of the run, the likely reason, and what to do."""
        pictures = list(numbered_pictures(self._config.out_dir).values())
        if self._config.loss == "log":
            why = (
                "the log form takes the logarithm of a probability, which float32 rounds to 0 once "
                "the discriminator is sure enough, as in the published program: use --loss "
                "sigmoid_cross_entropy, which computes the same from the logits"
            )
        else:
            why = "try another --seed or a lower --learning_rate"
        if self._config.on_nan == "rewind":
            rewound = (
                f"after {len(self._record.rewinds)} rewinds, as many as --max_rewinds allows; "
            )
        else:
            rewound, why = "", f"{why}, or --on_nan rewind to go back and draw new noise"
        last = f"the last good picture is {pictures[-1]}" if pictures else "no picture was good"
        return DivergedError(
            error.iteration, f"stopped at {error}; {rewound}{last}, nothing later was saved; {why}"
        )
