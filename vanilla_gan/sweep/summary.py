"""A summary of a sweep's finished runs: last losses and figures, their mean and deviation."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from vanilla_gan.errors import DamagedRunError
from vanilla_gan.report.quality import figure_names
from vanilla_gan.runfolder.losses_csv import LossRows, read_losses
from vanilla_gan.runfolder.names import LOSSES
from vanilla_gan.runfolder.quality_json import Evaluation, read_evaluations
from vanilla_gan.say import without_nan
from vanilla_gan.sweep.plan import Run

FORMAT = 1
Number = float | int | None


class Found(NamedTuple):
    """What was found of one run.

    Attributes:
      run: the run.
      losses: the rows up to the sweep's iterations; None if the run is unfinished or unusable.
      evaluations: its evaluations up to there, ascending.
    """

    run: Run
    losses: LossRows | None
    evaluations: Sequence[Evaluation] = ()

    @property
    def quality(self) -> Evaluation | None:
        """The last evaluation, if there is one."""
        return self.evaluations[-1] if self.evaluations else None


def look_at(run: Run, warn: Callable[[str], None]) -> Found:
    """Reads what a run has left; `warn` is called with a line for a file that cannot be used."""
    if not run.is_finished:
        return Found(run, None)
    iters = run.iters
    try:
        losses = read_losses(run.folder / LOSSES).before(iters)
        evaluations = [e for e in read_evaluations(run.folder) if e.iteration <= iters]
    except DamagedRunError as error:
        warn(f"warning: {error}; {run.name} is left out")
        return Found(run, None)
    if not len(losses.iteration):
        return Found(run, None)
    return Found(run, losses, evaluations)


def summary(found: Sequence[Found]) -> dict[str, Any]:
    """Returns the content of `sweep.json`: each run, and each combination of settings over seeds.

    `mean` and `sd`, the standard deviation with n - 1, are over the finished runs that have the
    number; None if there are too few. Numbers that are not finite are None.
    """
    names = figure_names([each.quality for each in found if each.quality is not None])
    runs = [_run(each, names) for each in found]
    columns = ["d_loss", "g_loss", *names]
    combinations: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        combinations.setdefault(repr(run["settings"]), []).append(run)
    return {
        "format": FORMAT,
        "columns": columns,
        "combinations": [
            {
                "settings": of[0]["settings"],
                "finished": sum(run["finished"] for run in of),
                "mean": {name: _known(of, name, statistics.fmean, 1) for name in columns},
                "sd": {name: _known(of, name, statistics.stdev, 2) for name in columns},
                "runs": of,
            }
            for of in combinations.values()
        ],
    }


def _run(found: Found, names: Sequence[str]) -> dict[str, Any]:
    run, losses, quality = found.run, found.losses, found.quality
    numbers: dict[str, Number] = dict.fromkeys(["d_loss", "g_loss", *names])
    if losses is not None:
        numbers |= {"d_loss": float(losses.d_loss[-1]), "g_loss": float(losses.g_loss[-1])}
    if quality is not None:
        numbers |= {name: quality.figures.get(name) for name in names}
    return {
        "name": run.name,
        "seed": run.seed,
        "settings": run.values,
        "finished": losses is not None,
        "last_row": None if losses is None else int(losses.iteration[-1]),
        "evaluated_at": None if quality is None else quality.iteration,
        "numbers": without_nan(numbers),
    }


def _known(
    runs: Sequence[dict[str, Any]], name: str, of: Callable[[list[float]], float], least: int
) -> float | None:
    """Returns a statistic of the runs' numbers; None if fewer than `least` runs have one."""
    known = [run["numbers"][name] for run in runs if run["numbers"][name] is not None]
    return of(known) if len(known) >= least else None
