"""`./run.sh export`: the flags of exporting a trained system."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Collection, Mapping
from typing import Any

from vanilla_gan.cli.flags import Flags


@dataclasses.dataclass(frozen=True)
class _Defaults:
    """Defaults of the flags, by flag name; see `export.ExportConfig`."""

    out: str | None = None
    format: str = "saved_model"
    signature: str | None = None
    overwrite: bool = False


SUMMARY = (
    "Exports a trained system: a SavedModel that any TensorFlow 2 loads, its weights by name for\n"
    "--init_weights, or ONNX. Each is read back and compared before it is reported done."
)


def define() -> Flags:
    """Returns the flags of the command."""
    f = Flags(_Defaults())
    f.string("from", "folder of a run, of one checkpoint in it, or a SavedModel", default="out")
    f.string("out", "folder or file to write (default saved_model, weights.npz or generate.onnx)")
    f.enum("format", ("saved_model", "npz", "onnx"), "onnx needs the extra [onnx]")
    f.enum("signature", ("generate", "discriminate"), "which network an ONNX file holds")
    f.boolean("overwrite", "replace what stands at --out")
    return f


def run(settings: Mapping[str, Any], given: Collection[str]) -> None:
    """Exports; see `export.export`."""
    del given
    from vanilla_gan.generator.export import ExportConfig, export

    renamed = {"source" if name == "from" else name: value for name, value in settings.items()}
    export(ExportConfig(**renamed), lambda line: print(line, file=sys.stderr, flush=True))
