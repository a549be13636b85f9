"""`./run.sh sample`: the flags of sampling from a trained generator."""

from __future__ import annotations

from vanilla_gan.cli.flags import Flags
from vanilla_gan.generator.settings import SampleConfig
from vanilla_gan.say import say

SUMMARY = (
    "Draws images from a trained generator: a grid, single files, arrays, or a walk between them."
)


def define() -> Flags:
    """Returns the flags of the command."""
    return Flags(SampleConfig)


def run(config: SampleConfig) -> None:
    """Samples; see `generator.sample`."""
    from vanilla_gan.generator.sample import sample

    sample(config, say)
