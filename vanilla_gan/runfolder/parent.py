"""The losses of a fork's parent, to be shown beside the fork's own."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from vanilla_gan.errors import VanillaGanError
from vanilla_gan.runfolder.losses_csv import LossRows, read_losses
from vanilla_gan.runfolder.names import LOSSES
from vanilla_gan.runfolder.record import read_record


def parent_losses(parent: Mapping[str, Any]) -> LossRows | None:
    """Returns the parent's rows from the iteration on at which the fork began.

    Args:
      parent: `RunRecord.parent` of the fork; empty for a run that is not a fork.

    Returns:
      At least one row; None if there is none, or if the parent is no longer there.
    """
    if not parent:
        return None
    folder = pathlib.Path(parent["path"])
    try:
        record = read_record(folder)
        if record is None or record.run_id != parent["run_id"]:
            return None
        rows = read_losses(folder / LOSSES)
    except (VanillaGanError, OSError):
        return None
    after = rows.iteration >= parent["iteration"]
    return LossRows(*(column[after] for column in rows)) if after.any() else None
