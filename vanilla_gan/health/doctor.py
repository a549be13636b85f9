"""`./run.sh doctor`: which diseases a run has had, according to its `health.csv`."""

from __future__ import annotations

import pathlib
from typing import Any, NamedTuple

from vanilla_gan.errors import RunConflictError
from vanilla_gan.graph.optimizers import rate_of
from vanilla_gan.health.diagnosis import Episode, diagnosed
from vanilla_gan.health.diseases import Patient
from vanilla_gan.health.words import advice_of, lines_of
from vanilla_gan.runfolder.health_csv import HealthRows, read_health
from vanilla_gan.runfolder.names import HEALTH
from vanilla_gan.runfolder.record import RunRecord, classes_of, record_from
from vanilla_gan.say import without_nan
from vanilla_gan.systems import SYSTEMS


class Examined(NamedTuple):
    """What was found in the folder `source`: all rows of signs, and the episodes they tell of."""

    source: str
    rows: HealthRows
    episodes: list[Episode]


def patient_of(record: RunRecord) -> Patient:
    """Returns what is needed to interpret the signs of a run."""
    config, classes = record.config, classes_of(record.dataset)
    usual_beta1 = 0.9 if config.optimizer == "adam" else 0.0
    most = {
        # Rounded as people write it: 0.0003 / 5 is 5.9999999999999995e-05.
        "D_learning_rate": float(f"{rate_of(config, 'D') / 5:.3g}"),
        "G_learning_rate": float(f"{rate_of(config, 'G') / 5:.3g}"),
        "beta1": usual_beta1 if config.beta1 is None else config.beta1,
    }
    own: dict[str, Any] = {}
    # A fork began with its parent's state, which may have been trained with other values.
    if not record.parent:
        names = ("loss", "r1", "r2", "D_noise", "spectral_norm", "pack")
        own = {name: getattr(config, name) for name in names}
        own |= {f"{player}_learning_rate": rate_of(config, player) for player in "DG"}
        own["beta1"] = most["beta1"]
    return Patient(config.loss, len(classes.trained), SYSTEMS[config.system].without, most, own)


def examined(source: str) -> Examined:
    """Examines the run in a folder.

    Raises:
      RunConflictError: there is no run, or it has no signs.
      DamagedRunError: its record or its signs are damaged.
    """
    record = record_from(source)
    rows = read_health(pathlib.Path(source) / HEALTH).with_signs()
    if not len(rows.iteration):
        raise RunConflictError(
            f"--from={source}: {HEALTH} has no rows; a run writes them unless --health_every is 0; "
            "wait until it has some, or name the folder of another run"
        )
    return Examined(source, rows, diagnosed(rows, patient_of(record)))


def as_text(found: Examined) -> str:
    """Returns what was found as lines for people."""
    lines = lines_of(found.episodes) or ["health: no sign of disease"]
    it = found.rows.iteration
    return "\n".join([*lines, f"{len(it)} rows of signs, iterations {it[0]} to {it[-1]}", ""])


def as_dict(found: Examined) -> dict[str, Any]:
    """Returns what was found in JSON's types; a number that is not finite is None."""
    return {
        "format": 1,
        "source": found.source,
        "rows": len(found.rows.iteration),
        "last_iteration": int(found.rows.iteration[-1]),
        "healthy": all(episode.ended is not None for episode in found.episodes),
        "diseases": [_of_episode(episode) for episode in found.episodes],
    }


def _of_episode(episode: Episode) -> dict[str, Any]:
    disease = episode.disease
    return {
        "name": disease.name,
        "what": disease.what,
        "since": episode.since,
        "named": episode.named,
        "ended": episode.ended,
        "numbers": without_nan(episode.numbers),
        "settings": dict(episode.settings),
        "advice": advice_of(episode),
    }
