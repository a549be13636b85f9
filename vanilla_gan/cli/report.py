"""`./run.sh report`: the flags of a report."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any

from vanilla_gan.cli.flags import Flags

SUMMARY = (
    "Writes one HTML page of a run: its pictures, losses, quality and settings. The page needs\n"
    "neither a server nor a network. An earlier one is replaced."
)


def define() -> Flags:
    """Returns the flags of the command."""
    f = Flags(object())
    f.string("from", "folder of the run", default="out")
    f.string("out", "file to write (default report.html in the run's folder)", default=None)
    f.string(
        "published_gif",
        "the post's training.gif, a path or an address, to show beside",
        default=None,
    )
    return f


def run(settings: Mapping[str, Any], given: Collection[str]) -> None:
    """Writes the page; see `report.report`."""
    del given
    from vanilla_gan.report.report import ReportConfig, write_report

    config = ReportConfig(
        source=settings["from"], out=settings["out"], published_gif=settings["published_gif"]
    )
    write_report(config, lambda line: print(line, file=sys.stderr, flush=True))
