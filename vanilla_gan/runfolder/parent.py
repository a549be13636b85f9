"""The losses of the run that a fork began as, to be shown beside the fork's own."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from vanilla_gan.errors import VanillaGanError
from vanilla_gan.runfolder.losses_csv import LossRows, read_losses
from vanilla_gan.runfolder.names import LOSSES
from vanilla_gan.runfolder.record import read_record


def parent_losses(parent: Mapping[str, Any]) -> LossRows | None:
    """Returns the rows that a fork's parent has from the fork on.

    Args:
      parent: what the fork's record says of it; empty for a run that is no fork.

    Returns:
      At least one row; None where there is none, or where the parent is not there any more.
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
