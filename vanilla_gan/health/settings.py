"""The settings of `./run.sh doctor`."""

from __future__ import annotations

import dataclasses

from vanilla_gan.declare import PATH, Settings, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class DoctorConfig(Settings):
    """Which run to look at."""

    source: str = setting("out", "folder of a run, finished or not", PATH, flag="from")
    format: str = setting("text", "what to print", choices=("text", "json"))
