"""`./run.sh export`: the flags of exporting a trained system."""

from __future__ import annotations

from vanilla_gan.cli.flags import Flags
from vanilla_gan.generator.settings import ExportConfig
from vanilla_gan.say import say

SUMMARY = (
    "Exports a trained system: a SavedModel that any TensorFlow 2 loads, its weights by name for\n"
    "--init_weights, ONNX, or TensorFlow Lite. Each is read back and compared before it is\n"
    "reported done."
)


def define() -> Flags:
    """Returns the flags of the command."""
    return Flags(ExportConfig)


def run(config: ExportConfig) -> None:
    """Exports; see `generator.export`."""
    from vanilla_gan.generator.export import export

    export(config, say)
