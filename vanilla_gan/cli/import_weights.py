"""`./run.sh import_weights`: the flags of taking weights from another program's checkpoint."""

from __future__ import annotations

from vanilla_gan.cli.flags import Flags
from vanilla_gan.generator.settings import ImportConfig
from vanilla_gan.say import say

SUMMARY = (
    "Takes the weights out of a TensorFlow checkpoint, such as one of the published program under\n"
    "TensorFlow 1.x, and writes them as an npz file for --init_weights."
)


def define() -> Flags:
    """Returns the flags of the command."""
    return Flags(ImportConfig)


def run(config: ImportConfig) -> None:
    """Imports; see `generator.import_weights`."""
    from vanilla_gan.generator.import_weights import import_weights

    import_weights(config, say)
