"""What a report says: gathered from the files of a run."""

from __future__ import annotations

import datetime
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.agreement.ensemble import Ensemble
from vanilla_gan.agreement.normal import Normal, different_settings, ensemble_for, judged_by
from vanilla_gan.errors import DamagedRunError, RunConflictError
from vanilla_gan.health.diagnosis import diagnosed
from vanilla_gan.health.doctor import patient_of
from vanilla_gan.health.words import lines_of
from vanilla_gan.report.explorer import Explorer
from vanilla_gan.report.facts import RunFacts, facts_of
from vanilla_gan.report.pictures import Shelf, SmallPicture
from vanilla_gan.runfolder.health_csv import NO_ROWS, HealthRows, read_health
from vanilla_gan.runfolder.losses_csv import LossRows, read_losses
from vanilla_gan.runfolder.names import HEALTH, LOSSES, QUALITY
from vanilla_gan.runfolder.parent import parent_losses
from vanilla_gan.runfolder.pictures import numbered_pictures
from vanilla_gan.runfolder.quality_json import Evaluation, read_evaluations
from vanilla_gan.runfolder.record import RunRecord

_LAST_S = 253402300799  # the end of the year 9999, the last that `datetime` can represent


class Report(NamedTuple):
    """Everything that a report says.

    Attributes:
      folder: the run's folder.
      facts: the run's settings and what follows from them.
      reached: how many iterations are trained, judging by the files.
      state: when the newest file that is shown was written, UTC.
      pictures: those that are shown, ascending.
      pictures_found: how many pictures the run has.
      losses: every row of `losses.csv`.
      parent_losses: the parent's rows from the fork on; None if there are none to read.
      ensemble: the runs by which it is judged, if there are any.
      frames: the post's own pictures, uint8 [337, 330, 3] each, the k-th of iteration 1000 k.
      quality: evaluations, ascending.
      warnings: a line for each file that could not be used.
      health: the rows of signs; empty if the run has no file of them.
      diseases: the diseases that these rows tell of, a line each.
      normal: the verdicts on its pictures and losses by the runs of `ensemble`.
      against: the sweep that these runs belong to; None for the recorded runs.
      different_settings: the settings that differ from the published ones, a line each.
      explorer: both networks, for `--explore`.
      reload_s: after how many seconds a browser may look for a newer page; 0 if none will come.
    """

    folder: pathlib.Path
    facts: RunFacts
    reached: int
    state: datetime.datetime
    pictures: list[SmallPicture]
    pictures_found: int
    losses: LossRows
    parent_losses: LossRows | None
    ensemble: Ensemble | None
    frames: Sequence[npt.NDArray[np.uint8]]
    quality: list[Evaluation]
    warnings: list[str]
    health: HealthRows = NO_ROWS
    diseases: Sequence[str] = ()
    normal: Normal = Normal([], [])
    against: str | None = None
    different_settings: Sequence[str] = ()
    explorer: Explorer | None = None
    reload_s: int = 0

    def iterations(self) -> list[int]:
        """Returns the iteration of each picture that is shown."""
        return [picture.number * self.facts.sample_every for picture in self.pictures]


def gather(
    out_dir: pathlib.Path,
    record: RunRecord,
    shelf: Shelf,
    *,
    reached: int = 0,
    frames: Sequence[npt.NDArray[np.uint8]] = (),
    against: str | None = None,
    ensemble: Ensemble | str | None = None,
) -> Report:
    """Gathers what a report says about the run in `out_dir`.

    Equal files with equal times give an equal report: its date comes from the files, not from the
    clock.

    Args:
      out_dir: the run's folder.
      record: what the run is.
      shelf: where its pictures are kept from one report to the next.
      reached: how many iterations are trained at least; the files may show more.
      frames: the post's own pictures.
      against: the sweep to judge by; None for the recorded runs.
      ensemble: what `ensemble_for` returned for it; None if it is still to be read.

    Raises:
      RunConflictError: there is no picture yet, or no sweep.
      DamagedRunError: no picture can be read, or the losses cannot be read.
    """
    if ensemble is None:
        ensemble = ensemble_for(record, against)
    facts = facts_of(record)
    found = numbered_pictures(out_dir)
    if not found:
        raise RunConflictError(
            f"{out_dir} has no pictures yet; a run writes its first, 000.png, when it begins; wait "
            "until it is there, or name the folder of another run with --from"
        )
    pictures, warnings = shelf.pictures(out_dir)
    if not pictures:
        raise DamagedRunError(warnings[0])
    losses = read_losses(out_dir / LOSSES)
    try:
        quality = read_evaluations(out_dir)
    except DamagedRunError as error:
        quality = []
        warnings.append(str(error))
    try:
        health = read_health(out_dir / HEALTH).with_signs()
    except DamagedRunError as error:
        health = NO_ROWS
        warnings.append(str(error))
    every = facts.sample_every
    statistics = {picture.number * every: picture.statistics for picture in pictures}
    if not isinstance(ensemble, str):
        # Pictures that are left out to keep the page small are judged too, as in `compare`.
        known = {it // every for it in ensemble.iterations.tolist() if it % every == 0}
        missing = known - {picture.number for picture in pictures}
        for number, four in shelf.statistics(out_dir, missing).items():
            statistics[number * every] = four
    times = [picture.written_s for picture in pictures]
    times += [
        path.stat().st_mtime
        for path in (out_dir / LOSSES, out_dir / QUALITY)
        if os.path.exists(path)
    ]
    last_row = int(losses.iteration[-1]) + 1 if len(losses.iteration) else 0
    # A picture is drawn before the update of its iteration.
    seen = max(reached, record.trained, last_row, max(found) * every)
    return Report(
        folder=out_dir,
        facts=facts,
        reached=seen,
        state=datetime.datetime.fromtimestamp(min(int(max(times)), _LAST_S), datetime.timezone.utc),
        pictures=pictures,
        pictures_found=len(found),
        losses=losses,
        parent_losses=parent_losses(record.parent),
        ensemble=None if isinstance(ensemble, str) else ensemble,
        frames=frames,
        quality=quality,
        warnings=warnings,
        health=health,
        diseases=lines_of(diagnosed(health, patient_of(record))),
        against=against,
        normal=judged_by(ensemble, record, losses, statistics),
        different_settings=different_settings(record.config),
    )


def seconds_between_pictures(report: Report) -> float | None:
    """Returns the median time between two neighbouring pictures, in seconds, by their files.

    None if there are fewer than two pictures, or if the times do not ascend: then the files are
    copies, or were written out of order. A fork's copies of its parent's pictures do not count.
    """
    begun = report.facts.record.parent.get("iteration", 0)
    pairs = zip(report.pictures, report.iterations(), strict=True)
    shown = [picture for picture, iteration in pairs if iteration >= begun]
    times = np.array([picture.written_s for picture in shown])
    steps = np.diff([picture.number for picture in shown])
    if len(shown) < 2 or (np.diff(times) <= 0).any():
        return None
    return float(np.median(np.diff(times) / steps))
