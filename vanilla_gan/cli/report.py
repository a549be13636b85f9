"""`./run.sh report`: the flags of a report."""

from __future__ import annotations

from vanilla_gan.cli.flags import Flags
from vanilla_gan.report.settings import ReportConfig
from vanilla_gan.say import say

SUMMARY = (
    "Writes one HTML page of a run: its pictures, losses, quality and settings. The page needs\n"
    "neither a server nor a network. An earlier one is replaced."
)


def define() -> Flags:
    """Returns the flags of the command."""
    return Flags(ReportConfig)


def run(config: ReportConfig) -> None:
    """Writes the page; see `report.report`."""
    from vanilla_gan.report.report import write_report

    write_report(config, say)
