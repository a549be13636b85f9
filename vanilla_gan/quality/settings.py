"""The settings of `./run.sh evaluate`."""

from __future__ import annotations

import dataclasses
import os

from vanilla_gan.declare import PATH, SEED, Settings, at_least, setting
from vanilla_gan.errors import UsageError
from vanilla_gan.quality.figures import MIN_SAMPLES

# Seed of the noise of every evaluation that a run makes, so that all of them can be compared.
RUNS_SEED = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Settings):
    """What to evaluate."""

    source: str = setting(
        "out",
        "folder of a run, one of its checkpoints, OUT/best, or a SavedModel",
        PATH,
        flag="from",
    )
    n: int | None = setting(
        None,
        "how many samples; by default 10000, or half of the training images if that is less",
        at_least(MIN_SAMPLES),
    )
    seed: int = setting(RUNS_SEED, "seed of the noise", SEED)
    data_dir: str | None = setting(None, "folder of the data sets; by default the run's", PATH)
    format: str = setting("table", "what to print", choices=("table", "json"))
    out: str | None = setting(None, "file for the JSON", PATH)
    neighbours: str | None = setting(
        None, "PNG to draw: 16 samples beside their nearest training images", PATH
    )
    overwrite: bool = setting(False, "replace files that are already at --out and --neighbours")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.out is not None and self.neighbours is not None:
            real_out, real_neighbours = map(os.path.realpath, (self.out, self.neighbours))
            if real_out == real_neighbours:
                raise UsageError(
                    f"--neighbours={self.neighbours}: this is also the file of --out; choose "
                    "another name"
                )
