"""How far rounding alone moves the losses of a run on this machine: a run beside its twins.

Training is chaotic. A ReLU whose input is nearly 0 goes one way on one processor and the other way
on another, and from there on the losses differ by more with each iteration. So how far a run may be
from one that was recorded elsewhere is measured on this machine: the run is trained again from the
same weights and draws, and then twins of it, which begin with each weight moved by one unit in the
last place, up or down. How far they drift from the run is what rounding does here.

How well twins stand in for processors was only tried on one with AVX2. For each of the eight
recorded runs, the recording itself, made on another processor, and 20 twins were each judged by 16
of the other twins, at iterations 10, 50, 100, 200 and 300. One of these 840 was more than
`MULTIPLE` times as far off as the farthest twin: only in it a ReLU flipped before iteration 50.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from vanilla_gan.agreement.ensemble import Floats
from vanilla_gan.agreement.recorded_losses import MAX_WEIGHTS
from vanilla_gan.agreement.verdicts import Verdict
from vanilla_gan.data.dataset import DataSet
from vanilla_gan.data.streams import seeded
from vanilla_gan.engines.model import Model, open_model
from vanilla_gan.engines.session import choose_device
from vanilla_gan.engines.stream import StepsDraw
from vanilla_gan.engines.worker import Worker
from vanilla_gan.errors import DataError
from vanilla_gan.graph.weights import Weights
from vanilla_gan.runfolder.record import RunRecord, data_of
from vanilla_gan.settings import RunConfig
from vanilla_gan.storage.arrays import read_npz
from vanilla_gan.systems import SYSTEMS

# A recorded run may be this many times as far off as the farthest twin.
MULTIPLE = 10.0
TWINS = 16


def drifts(config: RunConfig, train: DataSet, weights: Weights, iters: int) -> Iterator[Floats]:
    """Trains a run from its initial weights, and then its twins, one after the other.

    Yields:
      After each twin, float64 [iters]: how far the losses of any twin so far were from the run's up
      to each iteration, as the largest relative difference.
    """
    config = dataclasses.replace(config, iters=iters, epochs=None)
    with open_model(config, choose_device(config.device), train.images.shape) as model:
        run = _losses(config, model, train, weights)
        largest = np.zeros(iters)
        for number in range(TWINS):
            twin = _losses(config, model, train, _moved(weights, number))
            with np.errstate(invalid="ignore", divide="ignore"):
                apart = np.abs(twin / run - 1).max(axis=1)
            # Losses may become NaN or infinite; from there on anything is within rounding.
            apart = np.nan_to_num(apart, nan=np.inf)
            largest = np.maximum(largest, np.maximum.accumulate(apart))
            yield largest


def within_rounding(
    verdicts: Sequence[Verdict], drifts_of: Callable[[int], Iterable[Floats]]
) -> list[Verdict]:
    """Returns verdicts on recorded losses; those that fail are judged again by the rounding here.

    The first failed one is judged again first: a wrong program is far off after ten iterations, and
    later ones add nothing. Twins are trained until the verdicts pass, at most `TWINS` of them.

    Args:
      verdicts: from `judge_recorded`, ascending by iteration.
      drifts_of: `drifts` of the run for a given number of iterations.
    """
    judged = list(verdicts)
    failed = [place for place, verdict in enumerate(judged) if not verdict.passed]
    for places in (failed[:1], failed[1:]):
        for drift in drifts_of(judged[places[-1]].iteration + 1) if places else ():
            for place in places:
                rounding = float(drift[judged[place].iteration])
                high = max(judged[place].high, MULTIPLE * rounding)
                judged[place] = judged[place]._replace(high=high, rounding=rounding)
            if all(judged[place].passed for place in places):
                break
        else:
            break
    return judged


def drifts_of_run(record: RunRecord, data_dir: str | None, iters: int) -> Iterator[Floats]:
    """Yields how far the twins of a run with `init_weights` are from it; see `drifts`.

    Reads the files of its weights and data; `data_dir` is None if these are where they were.

    Raises:
      DataError: the run's data are not where they were.
      DownloadError, DeviceError, WeightsError: it cannot be trained here.
    """
    run = record.config
    data_dir = data_dir or run.data_dir
    source = data_of(run, record.dataset, data_dir, pixels=SYSTEMS[run.system].pixels())
    if source.checksum != record.dataset["checksum"]:
        raise DataError(
            f"{data_dir} does not hold the data that the run was trained on; give the --data_dir "
            "that does"
        )
    assert run.init_weights is not None
    found = read_npz(run.init_weights, max_bytes=MAX_WEIGHTS)
    weights = {name: np.asarray(values, np.float32) for name, values in found.items()}
    yield from drifts(run, source.splits.train, weights, iters)


def said_of_rounding(verdicts: Sequence[Verdict]) -> list[str]:
    """Returns a note on the last verdict that passes only because of rounding, if one does."""
    excused = [verdict for verdict in verdicts if verdict.rounding is not None and verdict.passed]
    return [
        "on this processor, if initial weights differ by one unit in the last place, the losses "
        f"differ by {verdict.rounding:.1e} at iteration {verdict.iteration}; a recorded run may "
        f"differ by {MULTIPLE:.0f} times as much"
        for verdict in excused[-1:]
    ]


def _moved(weights: Weights, number: int) -> Weights:
    """Returns the weights, each moved by one unit in the last place, up or down at random."""
    sides = seeded(number)
    return {
        name: np.nextafter(
            values, np.where(sides.randint(0, 2, values.shape) == 1, np.inf, -np.inf), dtype="f4"
        )
        for name, values in sorted(weights.items())
    }


def _losses(config: RunConfig, model: Model, train: DataSet, weights: Weights) -> Floats:
    """Returns the losses of a run that begins with `weights`, float64 [iters, 2]."""
    random_stream = seeded(config.seed)
    model.initialise(weights)
    worker = Worker(config, model, train.anew(random_stream), random_stream)
    losses: list[Floats] = []
    with worker.draws(0) as draws:
        for draw in draws:
            if isinstance(draw, StepsDraw):
                block = worker.train(draw)
                losses.append(np.stack([block.D_loss, block.G_loss], axis=1, dtype=np.float64))
    return np.concatenate(losses)
