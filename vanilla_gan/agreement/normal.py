"""Whether a run is normal: the one definition that compare, the report and `losses.png` share.

The recorded runs, or those of a sweep, span a range at each iteration, which is drawn dark.
`verdicts.expected` widens it to the range in which another run of the same program is expected,
which is drawn light. A value outside the dark range is nothing special; one outside the light range
is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from vanilla_gan.agreement.ensemble import Ensemble, Floats
from vanilla_gan.agreement.published import published_runs
from vanilla_gan.agreement.statistics import NAMES
from vanilla_gan.agreement.swept import swept_like
from vanilla_gan.agreement.verdicts import Verdict, judge, loss_ranges
from vanilla_gan.declare import as_word, group_of
from vanilla_gan.runfolder.losses_csv import LossRows
from vanilla_gan.runfolder.names import LOSSES
from vanilla_gan.runfolder.record import RunRecord
from vanilla_gan.settings import CURES, RunConfig
from vanilla_gan.systems import SYSTEMS

MEAN_LOSSES = ("D loss", "G loss")
RECORDED_LOSSES = "difference of recorded losses"
# The part of a comparison that a verdict belongs to, by its quantity.
PART_OF = {
    **dict.fromkeys(NAMES, "statistics"),
    **dict.fromkeys(MEAN_LOSSES, "losses"),
    RECORDED_LOSSES: "traces",
}

# Settings of the published programs that are not among a system's own.
_LOSS = "sigmoid_cross_entropy"
_INITS = {"vanilla": "xavier_normal", "conditional": "xavier_normal"}
# What a setting that differs by default does: even a user's first comparison lists it.
_CLAUSES = {"init": "; another form of the initial weights, which only the first pictures show"}


def different_settings(config: RunConfig) -> list[str]:
    """Returns a line for each setting of a run that differs from the published one."""
    system = SYSTEMS[config.system]
    published: dict[str, Any] = {entry.name: entry.default for entry in group_of(RunConfig, CURES)}
    published |= {**system.defaults, "loss": _LOSS}
    if config.init_weights is None:
        published["init"] = _INITS.get(config.system, "xavier")
    published |= system.published
    return [
        f"--{name} {_shown(getattr(config, name))} (published: {_shown(value)}"
        f"{_CLAUSES.get(name, '')})"
        for name, value in published.items()
        if name not in ("iters", "epochs") and getattr(config, name) != value
    ]


def _shown(value: Any) -> str:
    return "left out" if value is None else as_word(value)


class Normal(NamedTuple):
    """The verdicts of other runs on a run.

    Attributes:
      verdicts: of pictures and losses, in the order of iterations.
      notes: what was not judged, and why.
    """

    verdicts: list[Verdict]
    notes: list[str]


def judged_by(
    ensemble: Ensemble | str, record: RunRecord, rows: LossRows, statistics: Mapping[int, Floats]
) -> Normal:
    """Judges the pictures and losses of a run, finished or not, by other runs.

    Args:
      ensemble: the other runs, as `ensemble_for` returns them.
      record: what the run is.
      rows: its losses.
      statistics: of its pictures as they are drawn, float64 [4] each, by iteration.
    """
    if isinstance(ensemble, str):
        return Normal([], [ensemble])
    notes = [ensemble.note] if ensemble.note else []
    found = _statistics(statistics, ensemble)
    found += _losses(record.config, rows, ensemble, notes)
    return Normal(sorted(found, key=lambda verdict: verdict.iteration), notes)


def ensemble_for(
    record: RunRecord, against: str | None = None, *, with_pictures: bool = True
) -> Ensemble | str:
    """Returns the runs by which a run is judged, or a line that says why there are none.

    Args:
      record: what the run is.
      against: the folder of a sweep; None for the recorded runs.
      with_pictures: whether its pictures are wanted too; reading those of a sweep takes 15 ms each.

    Raises:
      RunConflictError: that folder holds no sweep.
    """
    if against is not None:
        return swept_like(record, against, with_pictures=with_pictures)
    system, name = record.config.system, str(record.dataset["name"])
    published = published_runs(system, name)
    if published is None:
        return f"no runs of {system} on {name} were recorded: its statistics are not judged"
    if published.dataset_checksum != record.dataset["checksum"]:
        return f"its {name} is not the published data: its statistics are not judged"
    return published.ensemble(record.config)


def _statistics(ours: Mapping[int, Floats], ensemble: Ensemble) -> list[Verdict]:
    """Returns the verdicts of the pictures."""
    missing = np.full(len(NAMES), np.nan)
    iterations = ensemble.iterations.tolist()
    values = np.array(
        [
            missing if it == 0 and not ensemble.judges_first else ours.get(it, missing)
            for it in iterations
        ]
    ).reshape(-1, len(NAMES))
    return [
        verdict
        for k, name in enumerate(NAMES)
        for verdict in judge(name, iterations, values[:, k], ensemble.statistics[..., k])
    ]


def _losses(
    config: RunConfig, rows: LossRows, ensemble: Ensemble, notes: list[str]
) -> list[Verdict]:
    """Returns the verdicts of the losses, by the iterations that both sides have."""
    shared, ours, theirs = np.intersect1d(
        rows.iteration, ensemble.loss_iterations, return_indices=True
    )
    if not len(shared):
        notes.append(f"{LOSSES} has none of the recorded iterations: its losses are not judged")
        return []
    reached = int(rows.iteration[-1]) + config.log_every - 1
    last = int(ensemble.loss_iterations[-1])
    pairs = ((rows.d_loss, ensemble.d_loss), (rows.g_loss, ensemble.g_loss))
    return [
        verdict
        for what, (loss, recorded) in zip(MEAN_LOSSES, pairs, strict=True)
        for verdict in loss_ranges(shared, recorded[:, theirs], last).judge(
            what, shared, loss[ours], reached
        )
        if verdict.iteration or ensemble.judges_first
    ]
