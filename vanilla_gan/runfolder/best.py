"""The best checkpoint of a run by a figure of its evaluations, and the paths that name it."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Collection, Iterable
from typing import Any

from vanilla_gan.errors import UsageError
from vanilla_gan.runfolder.checkpoint import FOLDER, checkpoint_folder
from vanilla_gan.runfolder.names import BEST, RUN_JSON
from vanilla_gan.runfolder.quality_json import Evaluation
from vanilla_gan.runfolder.record import RunRecord
from vanilla_gan.settings import BETTER


def best_of(
    record: RunRecord, evaluations: Iterable[Evaluation], kept: Collection[int]
) -> dict[str, Any]:
    """Returns the new value of `RunRecord.best`; empty if no checkpoint has the figure.

    Of equal values, the earliest is the best.

    Args:
      record: its settings choose the figure. Its best checkpoint so far still counts, even if an
        evaluation with another number of samples has since replaced its own.
      evaluations: all that can be compared.
      kept: the iterations of the checkpoints that exist.
    """
    figure, before = record.config.keep_best, record.best
    found = {each.iteration: each.figures.get(figure) for each in evaluations}
    if before.get("figure") == figure:
        found.setdefault(before["iteration"], before["value"])
    values = {it: value for it, value in found.items() if value is not None}
    sign = 1 if BETTER[figure] == "higher" else -1

    def worth(it: int) -> tuple[float, int]:
        return sign * values[it], -it

    there = [it for it in values if it in kept]
    if not there:
        return {}
    best = max(there, key=worth)
    # Only the run's scheduled evaluations count, not one at its end or one by the command.
    since, every = record.judged_from, record.config.evaluate_every
    own = [it for it in found if it % every == 0 and it >= since]
    first = max((it for it in own if it in values), key=worth, default=since)
    no_gain = sum(it > first for it in own)
    return {"figure": figure, "iteration": best, "value": values[best], "no_gain": no_gain}


def names_best(path: pathlib.Path) -> bool:
    """Returns whether a path is `OUT/best`, which names the best checkpoint but is no folder."""
    return path.name == BEST and not os.path.lexists(path) and is_run(path.parent)


def is_run(path: pathlib.Path) -> bool:
    """Returns whether a folder is that of a run."""
    return os.path.isfile(path / RUN_JSON)


def with_parents(path: pathlib.Path) -> pathlib.Path:
    """Returns a path that includes its parent folder, even if that is the current folder."""
    return path if len(path.parts) > 1 else pathlib.Path(os.path.abspath(path))


def names_checkpoint(path: pathlib.Path) -> bool:
    """Returns whether a path is `OUT/checkpoints/N`, not a run in a folder named `checkpoints`."""
    return with_parents(path).parent.name == FOLDER and not is_run(path)


def run_of(path: pathlib.Path) -> pathlib.Path:
    """Returns the folder of the run that `--from` names, directly or by one of its checkpoints."""
    if names_checkpoint(path):
        return with_parents(path).parent.parent
    return path.parent if names_best(path) else path


def best_folder(record: RunRecord, out_dir: pathlib.Path) -> pathlib.Path:
    """Returns the folder of a run's best checkpoint.

    Raises:
      UsageError: none is kept.
    """
    if not record.best:
        asked = record.config.keep_best != "none"
        why = "has no evaluation yet" if asked else "was trained without --keep_best"
        raise UsageError(
            f"{out_dir / BEST}: there is no best checkpoint, because this run {why}; name the run "
            f"itself, {out_dir}, or one of its checkpoints"
        )
    return checkpoint_folder(out_dir, record.best["iteration"])
