"""Chief: what the process in charge of a run has at hand, and passes to the parts of training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from vanilla_gan.engines.stream import State
from vanilla_gan.engines.worker import Worker
from vanilla_gan.errors import SickRunError, StoppedBySignal
from vanilla_gan.runfolder.checkpoint import Checkpoints, run_state
from vanilla_gan.runfolder.losses_csv import Mark
from vanilla_gan.runfolder.record import RunRecord
from vanilla_gan.settings import RunConfig
from vanilla_gan.training.host import Host
from vanilla_gan.training.signals import StopRequest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chief:
    """Is in charge of a run's files and messages; the run's folder is locked.

    Attributes:
      record: the content of `run.json`, including the complete settings.
      worker: draws and trains.
      checkpoints: those of the run.
      stop: whether the run was asked to stop, and by which signal.
      host: what started the run, and gets its messages.
    """

    record: RunRecord
    worker: Worker
    checkpoints: Checkpoints
    stop: StopRequest
    host: Host

    @property
    def inform(self) -> Callable[[str], None]:
        """Called with each line for the user."""
        return self.host.inform

    @property
    def config(self) -> RunConfig:
        """The complete settings."""
        return self.record.config

    def save(self, it: int, stream: State, mark: Mark) -> None:
        """Saves a checkpoint before iteration `it`: the variables, the state `stream`, the mark.

        Raises:
          OutputError: it could not be written, or the folder now holds another run.
        """
        self.record.check_still_there(self.config.out_dir)
        state = run_state(stream, mark, rewinds=len(self.record.rewinds))
        self.checkpoints.save(it, self.worker.model.save, state)

    def save_record(self) -> None:
        """Writes `run.json`.

        Raises:
          OutputError: it could not be written, or the folder now holds another run.
        """
        self.record.check_still_there(self.config.out_dir)
        self.record.save(self.config.out_dir)

    def again(self, *changes: str) -> str:
        """Returns in words how to continue the run: with --overwrite again it would start anew."""
        if self.config.overwrite or self.host.overwrote:
            changes = ("without --overwrite", *changes)
        return " ".join(["the same command", " and ".join(changes)]).strip()

    def stopped_sick(self, it: int, why: str) -> SickRunError:
        """Returns the error for a run saved and stopped before iteration `it`, because of `why`."""
        return SickRunError(
            f"stopped by --stop_on at iteration {it} of {self.config.iters}, saved: {why}; "
            f"{self.again('with --stop_on none')} continues it anyway, and fork continues it with "
            "other settings"
        )

    def stopped(self, it: int) -> StoppedBySignal:
        """Returns the error for a run saved and stopped by a signal before iteration `it`."""
        number = self.stop.signal_number
        assert number is not None
        return StoppedBySignal(
            number,
            f"stopped by signal {number} at iteration {it} of {self.config.iters}, saved; "
            f"{self.again()} continues it (./run.sh --out {self.config.out})",
        )
