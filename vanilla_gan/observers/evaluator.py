"""The observer of `--evaluate_every`: figures of quality while a run trains."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.engines.worker import Worker
from vanilla_gan.quality.figures import SAMPLES, Judge, evaluation_of, largest_n
from vanilla_gan.quality.samples import draw_samples
from vanilla_gan.quality.settings import RUNS_SEED
from vanilla_gan.quality.trained_classifier import open_classifier
from vanilla_gan.runfolder.best import best_of
from vanilla_gan.runfolder.checkpoint import checkpoint_folder
from vanilla_gan.runfolder.quality_json import (
    Evaluation,
    add_evaluation,
    go_back_to,
    read_evaluations,
)
from vanilla_gan.runfolder.record import RunRecord, data_of
from vanilla_gan.say import phase


class Evaluator:
    """Evaluates at the pictures of multiples of `--evaluate_every`, and where the run ends.

    Samples come from the run's own session and from noise of a separate stream. The noise is the
    same at each evaluation and in each run, so that only the generator differs. There are 10,000
    samples, or half as many as training images if that is less.

    With `--keep_best` it notes in the run's record which checkpoint is the best one so far; a
    checkpoint of the evaluated weights has been saved before.
    """

    def __init__(
        self, record: RunRecord, worker: Worker, start: int, warn: Callable[[str], None]
    ) -> None:
        """Prepares the real images, and trains the classifier if none is kept; see `observers_of`.

        Drops evaluations of iterations after `start`.

        Raises:
          DataError: there are too few images.
          OutputError: `quality.json` cannot be written.
        """
        config = record.config
        self._record = record
        if record.best.get("iteration", 0) > start:
            record.best = {}
        self._config = config
        self._model = worker.model
        self._every = config.evaluate_every
        self._behind = start
        go_back_to(config.out_dir, start, warn)
        source = data_of(config, record.dataset)
        n = min(SAMPLES, largest_n(source.splits))
        with contextlib.ExitStack() as opened:
            look = opened.enter_context(open_classifier(source, warn))
            with phase("looking at real images"):
                self._judge = Judge(source.splits, n, look)
                self._real = self._judge.real
            self._resources = opened.pop_all()

    def picture(self, it: int, samples: npt.NDArray[np.float32]) -> None:
        """Evaluates, if it is due."""
        if it % self._every == 0:
            self._evaluate(it)

    def losses(self, block: LossBlock) -> None:
        """Notes how far the run is."""
        self._behind = block.first + len(block.D_loss)

    def close(self) -> None:
        """Evaluates, if the run has reached its end and saved a checkpoint there."""
        with self._resources:
            it, out_dir = self._behind, self._config.out_dir
            saved = checkpoint_folder(out_dir, it).is_dir()
            if saved and it == self._config.resolved_int("iters"):
                self._evaluate(it)

    def _evaluate(self, it: int) -> None:
        out_dir, n = self._config.out_dir, self._judge.n
        self._record.check_still_there(out_dir)
        # A run that was continued from this iteration already has these figures. Those of more
        # samples, from the command `evaluate`, cannot be compared to choose the best checkpoint.
        more = sys.maxsize if self._config.keep_best == "none" else n
        there = [each.n for each in read_evaluations(out_dir) if each.iteration == it]
        if not any(n <= of_these <= more for of_these in there):
            with phase(f"evaluating iteration {it}"):
                samples = draw_samples(self._model.sample, self._config, n, RUNS_SEED)
                quality = self._judge.measure(samples)
            add_evaluation(out_dir, evaluation_of(it, n, quality, self._real))
        if self._config.keep_best != "none":
            self._note_best([each for each in read_evaluations(out_dir) if each.n == n])

    def _note_best(self, evaluations: list[Evaluation]) -> None:
        """Names in `run.json` the checkpoint to keep; the former best one is dropped later."""
        record, out_dir = self._record, self._config.out_dir
        iterations = {each.iteration for each in evaluations} | {record.best.get("iteration", 0)}
        kept = [it for it in iterations if checkpoint_folder(out_dir, it).is_dir()]
        best = best_of(record, evaluations, kept)
        if best != record.best:
            record.best = best
            record.save(out_dir)
