"""The settings of `./run.sh compare` and `verify`."""

from __future__ import annotations

import dataclasses

from vanilla_gan.declare import PATH, THREADS, Settings, setting, some_of
from vanilla_gan.settings import DEVICE, ENGINES

BOTH = "both"
PARTS = ("statistics", "losses", "traces")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompareConfig(Settings):
    """What to compare."""

    source: str = setting("out", "folder of a run, finished or not", PATH, flag="from")
    published_gif: str | None = setting(
        None,
        "path or URL of the blog post's GIF, to show its frames beside the run's pictures",
        PATH,
    )
    against: str | None = setting(
        None,
        "folder of a sweep: judge by its runs with the same settings, instead of the recorded runs",
        PATH,
    )
    data_dir: str | None = setting(None, "folder of the data sets, if they were moved", PATH)
    require: str = setting(
        "none",
        "parts that must be judged, or else the exit status is 3: statistics (of the pictures), "
        "losses (their means), traces (losses of a recorded run that began the same way)",
        some_of(PARTS),
    )
    format: str = setting("text", "what to print", choices=("text", "json"))

    @property
    def required(self) -> tuple[str, ...]:
        """The parts of `require`."""
        return () if self.require == "none" else tuple(self.require.split(","))


@dataclasses.dataclass(frozen=True, kw_only=True)
class VerifyConfig(Settings):
    """What to verify, and on what."""

    traces: str | None = setting(
        None, "folder with the large MNIST traces, to check them too", PATH
    )
    data_dir: str | None = setting(None, "folder of the data sets, for traces on MNIST", PATH)
    engine: str = setting(BOTH, "which engine to check", choices=(*ENGINES, BOTH))
    device: str = setting("auto", "auto, cpu, gpu or gpu:K", DEVICE)
    intra_op_threads: int = setting(
        0, "threads within one operation; 0: the same choice as train", *THREADS
    )
    inter_op_threads: int = setting(
        0, "operations run at the same time; 0: TensorFlow's choice", *THREADS
    )
    format: str = setting("text", "what to print", choices=("text", "json"))
