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
    format: str = setting("text", "what to print", choices=("text", "json"))
