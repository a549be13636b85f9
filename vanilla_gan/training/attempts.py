"""Attempts to train a run to its end, each from its newest checkpoint; a rewind starts another."""

from __future__ import annotations

from vanilla_gan.data.streams import FORK
from vanilla_gan.errors import CheckpointError, DivergedError
from vanilla_gan.graph.weights import Weights
from vanilla_gan.runfolder.checkpoint import STATE, Checkpoint, check_state, mark_of
from vanilla_gan.runfolder.losses_csv import Mark, begin_losses
from vanilla_gan.runfolder.names import LOSSES
from vanilla_gan.runfolder.pictures import numbered_pictures
from vanilla_gan.say import shown
from vanilla_gan.training.chief import Chief
from vanilla_gan.training.loop import train_from
from vanilla_gan.training.recorder import Recorder
from vanilla_gan.training.saver import Saver


def begin(chief: Chief, weights: Weights | None) -> None:
    """Initialises the model, from `weights` if given, and saves it as checkpoint 0.

    Raises:
      OutputError: it could not be saved.
    """
    worker = chief.worker
    worker.model.initialise(weights)
    chief.save(0, worker.stream.state(), begin_losses(chief.config.out_dir / LOSSES))


def attempt(chief: Chief) -> int | None:
    """Trains from the newest whole checkpoint.

    Returns:
      The iteration at which the run ended; None if it was rewound.

    Raises:
      CheckpointError: no checkpoint can be continued from.
      StoppedBySignal: a signal came; the state is saved.
      DivergedError: a number is not finite, and the settings allow no (further) rewind.
      OutputError: a result could not be written.
    """
    config, record = chief.config, chief.record
    start, mark = _go_back(chief)
    with Recorder(chief, start, mark) as recorder:
        saver = Saver(chief, recorder, start)
        try:
            return train_from(start, chief, recorder, saver)
        except DivergedError as error:
            if config.on_nan != "rewind" or record.own_rewinds >= config.max_rewinds:
                # The message may name a hundred variables, which is too long for `run.json`.
                record.diverged = {"iteration": error.iteration, "why": shown(str(error), 500)}
                chief.save_record()
                raise _story(chief, error) from error
            record.rewinds.append({"iteration": error.iteration, "to": saver.saved_at})
            chief.save_record()
            recorder.inform(
                f"{error}; back to iteration {saver.saved_at} with new noise "
                f"(rewind {record.own_rewinds} of {config.max_rewinds})"
            )
            return None


def _go_back(chief: Chief) -> tuple[int, Mark]:
    """Restores the newest whole checkpoint.

    Returns:
      The iteration that comes next, and where `losses.csv` ended before it.
    """
    config, record, worker = chief.config, chief.record, chief.worker

    def check(checkpoint: Checkpoint) -> None:
        try:
            check_state(checkpoint.state)
            worker.stream.restore(checkpoint.state)
        except ValueError as error:
            raise CheckpointError(f"{STATE} does not belong to this run: {error}") from error

    checkpoint = chief.checkpoints.newest_whole(check, chief.inform)
    start, state = checkpoint.iteration, checkpoint.state
    worker.model.restore(checkpoint.prefix)
    worker.stream.restore(state)
    if start > 0:
        chief.inform(f"continuing at iteration {start} of {config.iters}")
    chief.checkpoints.go_back_to(start)
    # Settings that changed after this iteration now apply from here on.
    for change in record.changes:
        change["iteration"] = min(change["iteration"], start)
    # Forgets rewinds to later iterations: the run will come to them again.
    kept = [rewind for rewind in record.rewinds if rewind["to"] <= start]
    if kept != record.rewinds:
        record.rewinds = kept
        # Saved before the next checkpoint: a start from that one would count them again.
        chief.save_record()
    if len(record.rewinds) > int(state["rewinds"]):
        worker.stream.reseed(config.resolved_int("seed"), len(record.rewinds))
    elif record.begins_with_another_seed(start):
        worker.stream.reseed(config.resolved_int("seed"), FORK)
    return start, mark_of(state)


def _story(chief: Chief, error: DivergedError) -> DivergedError:
    """Returns the error with what is left of the run, the likely reason, and what to do."""
    config = chief.config
    pictures = list(numbered_pictures(config.out_dir).values())
    if config.loss == "log":
        why = (
            "the log form takes the logarithm of a probability, which float32 rounds to 0 once "
            "the discriminator is sure enough, as in the published program: use --loss "
            "sigmoid_cross_entropy, which computes the same from the logits"
        )
    else:
        why = "try another --seed or a lower --learning_rate"
    if config.on_nan == "rewind":
        rewound = f"after {chief.record.own_rewinds} rewinds, as many as --max_rewinds allows; "
    else:
        rewound, why = "", f"{why}, or --on_nan rewind to go back and draw new noise"
    last = f"the last good picture is {pictures[-1]}" if pictures else "no picture was good"
    return DivergedError(
        error.iteration, f"stopped at {error}; {rewound}{last}, nothing later was saved; {why}"
    )
