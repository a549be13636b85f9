"""The training loop: the published one, from a checkpoint to the last iteration.

It alternates pictures and blocks of iterations in the order in which the stream draws them. After
each block it checks whether a checkpoint is due, and whether to stop.
"""

from __future__ import annotations

from vanilla_gan.engines.stream import EpochSampleDraw, PictureDraw
from vanilla_gan.health.words import begun
from vanilla_gan.training.chief import Chief
from vanilla_gan.training.recorder import Recorder
from vanilla_gan.training.saver import Saver


def train_from(start: int, chief: Chief, recorder: Recorder, saver: Saver) -> int:
    """Trains from iteration `start`, at which the variables and the stream are, to the end.

    Returns:
      The iteration at the end: an earlier one than asked for, if evaluations stopped improving.

    Raises:
      StoppedBySignal: a signal came; the state is saved.
      SickRunError: the run has a disease for which it is to be stopped; the state is saved.
      DivergedError: a loss, sample or weight is not finite; this state is not saved.
      OutputError: a result could not be written.
    """
    worker, config = chief.worker, chief.config
    iters = config.resolved_int("iters")
    with worker.draws(start) as draws:
        for draw in draws:
            if isinstance(draw, PictureDraw):
                recorder.picture(draw.it, worker.sample(draw))
                if saver.saved_at == draw.it < iters and chief.record.gains_no_more(config):
                    return draw.it
                continue
            if isinstance(draw, EpochSampleDraw):
                recorder.epoch_sample(draw.it, worker.sample(draw))
                continue

            recorder.losses(worker.train(draw))

            stopping = chief.stop.signal_number is not None
            disease = recorder.to_stop_on() if draw.last < iters else None
            if stopping or disease is not None or saver.due(draw.last):
                saver.save(draw.last, draw.after)
            if stopping:
                raise chief.stopped(draw.last)
            if disease is not None:
                raise chief.stopped_sick(draw.last, begun(disease))
    return iters
