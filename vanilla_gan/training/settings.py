"""The settings of `./run.sh fork`: those of a run, and which run it begins as."""

from __future__ import annotations

import dataclasses

from vanilla_gan.declare import PATH, setting
from vanilla_gan.settings import RunConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForkConfig(RunConfig):
    """What the new run has of its own; the parent decides the rest."""

    out: str = setting(
        "",
        "folder of the new run; it must be free, or empty",
        PATH,
        effect="keeping",
        group="Results",
        missing="expected a folder for the new run",
    )
    source: str = setting(
        "",
        "the parent: a run's folder, for its newest checkpoint, or one of its checkpoints",
        PATH,
        group="Where it begins",
        flag="from",
        missing="expected the folder of a run, or OUT/checkpoints/N",
    )

    def of_run(self) -> RunConfig:
        """Returns the settings of the new run that were given."""
        names = sorted(self.given - {"source"})
        return RunConfig(**{name: getattr(self, name) for name in names})
