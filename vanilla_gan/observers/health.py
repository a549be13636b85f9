"""The observer of a run's health: writes `health.csv`, and reports the diseases that it shows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection

import numpy as np
import numpy.typing as npt

from vanilla_gan.agreement.statistics import picture_statistics
from vanilla_gan.drawing.tiles import stretched
from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.engines.worker import Worker
from vanilla_gan.health.diagnosis import Episode, diagnosed
from vanilla_gan.health.doctor import patient_of
from vanilla_gan.health.words import begun, ended
from vanilla_gan.quality.samples import draw_samples
from vanilla_gan.quality.trained_classifier import open_classifier
from vanilla_gan.runfolder.health_csv import PICTURE, HealthCsv
from vanilla_gan.runfolder.names import HEALTH
from vanilla_gan.runfolder.record import RunRecord, data_of

# How many samples are counted by class: enough for shares to within a few percent.
WATCHED = 1000
SEED = 0
# With n rows, a run is judged only at every (n // OFTEN)-th row; at each while n < 2 * OFTEN.
OFTEN = 1000


class Health:
    """Writes a row for each iteration with signs or a picture; an `Observer`.

    A disease is reported once when it is found and once when it ends, as by `./run.sh doctor`.
    """

    def __init__(
        self, record: RunRecord, worker: Worker, start: int, warn: Callable[[str], None]
    ) -> None:
        """Cuts the file back to iteration `start`, which comes next.

        With `watch_classes` it trains the classifier if none is kept.

        Raises:
          OutputError: the file cannot be written.
        """
        self._config = record.config
        self._model = worker.model
        self._inform = warn
        self._csv = HealthCsv(self._config.out_dir / HEALTH, start, warn)
        self._patient = patient_of(record)
        self._judged_from = record.judged_from
        self._told = self._found()
        self._numbers: dict[str, float] = {}
        self._classes = ""
        with contextlib.ExitStack() as opened:
            opened.callback(self._csv.close)
            self._look = None
            if self._config.watch_classes:
                source = data_of(self._config, record.dataset)
                self._look = opened.enter_context(open_classifier(source, warn))
            self._resources = opened.pop_all()

    def picture(self, it: int, samples: npt.NDArray[np.float32]) -> None:
        """Keeps the statistics of the picture for the row of its iteration."""
        shape = self._config.image_shape
        shown = stretched(samples.reshape(-1, shape.size).astype(np.float64))
        statistics = picture_statistics(shown, shape)
        self._numbers = dict(zip(PICTURE, statistics.tolist(), strict=True))
        if self._look is not None:
            drawn = draw_samples(self._model.sample, self._config, WATCHED, SEED)
            counts = np.bincount(self._look(drawn).classes, minlength=self._config.num_classes)
            self._classes = " ".join(str(count) for count in counts)

    def losses(self, block: LossBlock) -> None:
        """Writes the row of the first iteration, if it has signs or a picture."""
        if block.signs or self._numbers:
            self._csv.append(block.first, {**block.signs, **self._numbers}, self._classes)
            self._numbers, self._classes = {}, ""
            # This goes through all rows, so it is not done at each row once there are many.
            if self._settled == len(self._csv.rows.iteration):
                self._tell(self._found())

    def lasting(self, names: Collection[str]) -> Episode | None:
        """Returns the first episode, not yet ended, of a disease in `names`; None if there is none.

        A fork with other settings has none of its parent's diseases.
        """
        found = (each for each in self._judged if each.ended is None and each.disease.name in names)
        return next(found, None)

    @property
    def _settled(self) -> int:
        """How many rows are judged by now: the same number whether or not the run was continued."""
        count = len(self._csv.rows.iteration)
        return count - count % max(1, count // OFTEN)

    def _found(self) -> list[Episode]:
        rows = self._csv.rows.first(self._settled)
        found = self._judged = diagnosed(rows, self._patient)
        if self._judged_from:
            self._judged = diagnosed(rows.since(self._judged_from), self._patient)
        return found

    def _tell(self, found: list[Episode]) -> None:
        before = {(each.disease.name, each.named): each.ended for each in self._told}
        for each in found:
            key = each.disease.name, each.named
            if key not in before:
                self._inform(begun(each))
            if each.ended is not None and before.get(key) is None:
                self._inform(ended(each))
        self._told = found

    def close(self) -> None:
        """Closes the file."""
        self._resources.close()
