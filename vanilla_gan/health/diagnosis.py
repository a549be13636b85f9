"""The diagnosis: from rows of signs to diseases, with their beginning and end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.health.diseases import DISEASES, Disease, Patient
from vanilla_gan.runfolder.health_csv import HealthRows

# Shares of the rows within a disease's span: at least this many tell of it when it is named, and at
# most this many when it has ended. Fewer than `LEAST_ROWS` rows say nothing.
BEGINS, ENDS = 0.8, 0.2
LEAST_ROWS = 3


class Episode(NamedTuple):
    """A disease from its beginning to its end.

    Attributes:
      disease: which.
      since: the iteration of the first row that told of it.
      named: the iteration of the row at which it was named.
      numbers: the signs of that row by name.
      first: the same of the row `since`.
      ended: the iteration of the row at which it was over; None while it lasts.
    """

    disease: Disease
    since: int
    named: int
    numbers: Mapping[str, float]
    first: Mapping[str, float]
    ended: int | None

    @property
    def settings(self) -> Mapping[str, Any]:
        """What to try, by name."""
        return self.disease.born_settings if self.born else self.disease.settings

    @property
    def born(self) -> bool:
        """Whether the run had it before its first update, if that makes a difference."""
        disease = self.disease
        return self.since == 0 and bool(disease.born) and disease.born_told(self.first)


def diagnosed(rows: HealthRows, patient: Patient) -> list[Episode]:
    """Returns the episodes that rows tell of, in the order in which they were named.

    A disease is named at the first row that tells of it along with at least 80% of the rows within
    its span; it has ended when at most 20% do. Later rows do not change what is named. A row
    without signs, which is written for a picture between two rows of signs, is ignored.
    """
    rows = rows.with_signs()
    found = []
    # Numbers that are not finite need no warnings: they tell of a disease, or of nothing.
    with np.errstate(all="ignore"):
        for disease in DISEASES:
            found += _episodes(rows, disease.of(patient), disease.told(rows, patient))
    return sorted(found, key=lambda episode: episode.named)


def _episodes(rows: HealthRows, disease: Disease, told: npt.NDArray[np.bool_]) -> list[Episode]:
    if not told.any():
        return []
    it = rows.iteration
    place = np.arange(len(it))
    # The rows in (it - span, it] begin at `first`, or earlier if there are too few of them.
    first = np.searchsorted(it, it - disease.span, side="right")
    first = np.maximum(np.minimum(first, place + 1 - LEAST_ROWS), 0)
    sums = np.concatenate([[0], np.cumsum(told)])
    share = (sums[place + 1] - sums[first]) / (place + 1 - first)
    full = (it - it[0] >= disease.span) & (place + 1 - first >= LEAST_ROWS)
    begins = np.flatnonzero(told & full & (share >= BEGINS))
    ends = np.flatnonzero(share <= ENDS)
    found: list[Episode] = []

    def signs(row: int) -> dict[str, float]:
        return {name: float(rows.of(name)[row]) for name in disease.numbers}

    after = 0
    while (k := np.searchsorted(begins, after)) < len(begins):
        named = int(begins[k])
        since = int(first[named] + np.argmax(told[first[named] :]))
        while since and told[since - 1]:
            since -= 1
        e = np.searchsorted(ends, named)
        over = int(ends[e]) if e < len(ends) else None
        found.append(
            Episode(
                disease,
                since=int(it[since]),
                named=int(it[named]),
                numbers=signs(named),
                first=signs(since),
                ended=None if over is None else int(it[over]),
            )
        )
        if over is None:
            break
        after = over
    return found
