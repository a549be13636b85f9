"""Whether a run is normal: the one definition that compare, the report and `losses.png` share.

The recorded runs span a range at each iteration, which is drawn dark. A run of the same program is
expected within that range, widened as `verdicts.expected` does it, which is drawn light: a value
outside of the dark range is nothing special, one outside of the light range is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.agreement.published import PublishedRuns, published_runs
from vanilla_gan.agreement.statistics import NAMES
from vanilla_gan.agreement.verdicts import LOSS_MARKS, Verdict, judge, loss_means
from vanilla_gan.declare import group_of
from vanilla_gan.runfolder.losses_csv import LossRows
from vanilla_gan.runfolder.names import LOSSES
from vanilla_gan.runfolder.record import RunRecord
from vanilla_gan.settings import CURES, RunConfig
from vanilla_gan.systems import SYSTEMS

MEAN_LOSSES = ("D loss", "G loss")
RECORDED_LOSSES = "difference of recorded losses"
# Of which part of a comparison a verdict is, by its quantity.
PART_OF = {
    **dict.fromkeys(NAMES, "statistics"),
    **dict.fromkeys(MEAN_LOSSES, "losses"),
    RECORDED_LOSSES: "traces",
}

# Settings of the published programs that are not among a system's own.
_LOSS = "sigmoid_cross_entropy"
_INITS = {"vanilla": "xavier_normal", "conditional": "xavier_normal"}
# What a setting that differs by default does, for those who meet it in the first table they see.
_CLAUSES = {"init": "; another form of the first weights, which only the first pictures show"}

Floats = npt.NDArray[np.float64]


def different_settings(config: RunConfig) -> list[str]:
    """Returns a line for each setting of a run that is not the published one."""
    system = SYSTEMS[config.system]
    published: dict[str, Any] = {entry.name: entry.default for entry in group_of(RunConfig, CURES)}
    published |= {**system.defaults, "loss": _LOSS}
    if config.init_weights is None:
        published["init"] = _INITS.get(config.system, "xavier")
    published |= system.published
    return [
        f"--{name} {getattr(config, name)} (published: {'left out' if value is None else value}"
        f"{_CLAUSES.get(name, '')})"
        for name, value in published.items()
        if name not in ("iters", "epochs") and getattr(config, name) != value
    ]


class Normal(NamedTuple):
    """What the recorded runs say of a run.

    Attributes:
      verdicts: of pictures and losses, in the order of iterations.
      notes: what was not judged, and why.
    """

    verdicts: list[Verdict]
    notes: list[str]


def judged_by_recorded_runs(
    record: RunRecord, rows: LossRows, statistics: Mapping[int, Floats]
) -> Normal:
    """Judges the pictures and losses of a run, finished or not, by the recorded runs.

    Args:
      record: what the run is.
      rows: its losses.
      statistics: of its pictures as they are drawn, float64 [4] each, by iteration.
    """
    published = recorded_like(record)
    if published is None:
        return Normal([], [_why_none(record)])
    notes: list[str] = []
    found = _statistics(record.config, statistics, published, notes)
    found += _losses(record.config, rows, published, notes)
    return Normal(sorted(found, key=lambda verdict: verdict.iteration), notes)


def recorded_like(record: RunRecord) -> PublishedRuns | None:
    """Returns the recorded runs of a run's system on the same data, or None."""
    published = published_runs(record.config.system, str(record.dataset["name"]))
    same = published is not None and published.dataset_checksum == record.dataset["checksum"]
    return published if same else None


def _why_none(record: RunRecord) -> str:
    system, name = record.config.system, str(record.dataset["name"])
    if published_runs(system, name) is None:
        return f"no runs of {system} on {name} were recorded: its statistics are not judged"
    return f"its {name} is not the published data: its statistics are not judged"


def _statistics(
    config: RunConfig, ours: Mapping[int, Floats], published: PublishedRuns, notes: list[str]
) -> list[Verdict]:
    """Returns the verdicts of the pictures."""
    skipped = config.init_weights is not None
    if skipped:
        notes.append("at iteration 0 only --init_weights shows: not judged")
    elif config.init != published.init:
        notes.append(
            f"--init {config.init} at iteration 0: pictures judged by ten draws of ours, the "
            f"recorded runs began with {published.init}"
        )
    recorded = published.drawn_with(published.init if skipped else config.init)
    missing = np.full(len(NAMES), np.nan)
    iterations = published.iterations.tolist()
    values = np.stack(
        [missing if skipped and it == 0 else ours.get(it, missing) for it in iterations]
    )
    return [
        verdict
        for k, name in enumerate(NAMES)
        for verdict in judge(name, iterations, values[:, k], recorded[..., k])
    ]


def _losses(
    config: RunConfig, rows: LossRows, published: PublishedRuns, notes: list[str]
) -> list[Verdict]:
    """Returns the verdicts of the losses, by the iterations that both sides have."""
    shared, ours, theirs = np.intersect1d(
        rows.iteration, published.loss_iterations, return_indices=True
    )
    if not len(shared):
        notes.append(f"{LOSSES} has none of the recorded iterations: its losses are not judged")
        return []
    reached = int(rows.iteration[-1]) + config.log_every - 1
    verdicts = []
    pairs = ((rows.d_loss, published.d_loss), (rows.g_loss, published.g_loss))
    for what, (loss, recorded) in zip(MEAN_LOSSES, pairs, strict=True):
        values = loss_means(shared, loss[ours], reached)
        if config.init_weights is not None:
            values[0] = np.nan
        known = ~np.isnan(values)
        means = loss_means(shared, recorded[:, theirs], int(published.loss_iterations[-1]))
        verdicts += judge(
            what, np.array(LOSS_MARKS)[known].tolist(), values[known], means[:, known]
        )
    return verdicts
