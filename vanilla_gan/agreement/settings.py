"""The settings of `./run.sh compare`."""

from __future__ import annotations

import dataclasses

from vanilla_gan.declare import PATH, Settings, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompareConfig(Settings):
    """What to compare."""

    source: str = setting("out", "folder of a run, finished or not", PATH, flag="from")
    published_gif: str | None = setting(
        None,
        "the post's own figure, a path or an address: its frames beside the run's pictures",
        PATH,
    )
    data_dir: str | None = setting(None, "where the run's data are now, if they were moved", PATH)
    format: str = setting("text", "what to print", choices=("text", "json"))
