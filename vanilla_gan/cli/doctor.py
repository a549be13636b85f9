"""`./run.sh doctor`: the flags of looking at a run's health."""

from __future__ import annotations

from vanilla_gan.cli.flags import Flags
from vanilla_gan.health.settings import DoctorConfig
from vanilla_gan.say import show

SUMMARY = (
    "Says which diseases the signs of a run tell of, since when, by which numbers, and what to\n"
    "try. A line each, on stdout. Trains nothing, and needs neither a network nor the data."
)


def define() -> Flags:
    """Returns the flags of the command."""
    return Flags(DoctorConfig)


def run(config: DoctorConfig) -> None:
    """Prints what is found; see `health.doctor`."""
    from vanilla_gan.health.doctor import as_json, as_text, examined

    found = examined(config.source)
    show(as_json(found) if config.format == "json" else as_text(found))
