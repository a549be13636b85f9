"""The settings of `./run.sh report`."""

from __future__ import annotations

import dataclasses
import pathlib

from vanilla_gan.declare import PATH, Settings, setting
from vanilla_gan.runfolder.names import REPORT


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportConfig(Settings):
    """Which run to report on, and where to write the report."""

    source: str = setting("out", "folder of the run", PATH, flag="from")
    out: str | None = setting(None, "file to write (default report.html in the run's folder)", PATH)
    published_gif: str | None = setting(
        None, "path or URL of the blog post's GIF, to show it beside the run's pictures", PATH
    )
    against: str | None = setting(
        None,
        "folder of a sweep: judge by its runs with the same settings, instead of the recorded runs",
        PATH,
    )
    explore: bool = setting(
        False, "put both networks into the page, to play with; only for fully connected systems"
    )
    overwrite: bool = setting(False, "replace the file at --out even if it is not a report")

    @property
    def path(self) -> pathlib.Path:
        """Where the page goes."""
        return pathlib.Path(self.source) / REPORT if self.out is None else pathlib.Path(self.out)
