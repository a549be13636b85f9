"""The runs whose range of losses is drawn behind the losses of a run in progress."""

from __future__ import annotations

from collections.abc import Callable

from vanilla_gan.agreement.ensemble import Ensemble
from vanilla_gan.agreement.normal import ensemble_for
from vanilla_gan.errors import VanillaGanError
from vanilla_gan.runfolder.record import RunRecord


def ensemble_or_none(
    record: RunRecord, warn: Callable[[str], None] = lambda line: None
) -> Ensemble | None:
    """Returns the losses of the runs that `--against` names, by default of the recorded ones.

    Without such runs it returns None, and `warn` gets one line if `--against` was given.
    """
    against = record.config.against
    try:
        found = ensemble_for(record, against, with_pictures=False)
    except VanillaGanError as error:
        found = str(error)
    if not isinstance(found, str):
        return found
    if against is not None:
        warn(f"warning: losses.png shows no range of other runs: {found}")
    return None
