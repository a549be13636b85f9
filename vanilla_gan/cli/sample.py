"""`./run.sh sample`: the flags of sampling from a trained generator."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Collection, Mapping
from typing import Any

from vanilla_gan.cli.flags import Flags


@dataclasses.dataclass(frozen=True)
class _Defaults:
    """Defaults of the flags, by flag name; see `sampling.SampleConfig`."""

    out: str | None = None
    format: str = "png"
    n: int | None = None
    rows: int | None = None
    cols: int | None = None
    separate: bool = False
    seed: int | None = None
    interpolate: int = 0
    inputs: str | None = None


SUMMARY = (
    "Draws images from a trained generator: a grid, single files, arrays, or a walk between them."
)

# Flags whose names are words of Python: the settings behind them are called otherwise.
_RENAMED = {"from": "source", "class": "sample_class"}


def define() -> Flags:
    """Returns the flags of the command."""
    f = Flags(_Defaults())
    f.string("from", "folder of a run, of one checkpoint in it, or a SavedModel", default="out")
    f.string("out", "file to write, folder with --separate (default samples.png, .npy, ...)")
    f.enum("format", ("png", "npy", "npz", "idx"), "picture, arrays, or MNIST's own format")
    f.integer("n", "how many images; 16 unless --rows and --cols say otherwise")
    f.integer("rows", "rows of the grid")
    f.integer("cols", "columns of the grid")
    f.boolean("separate", "one PNG of 28x28 for each image")
    f.integer("seed", "of the noise; left out, a fresh one is drawn and printed")
    f.string("class", "0 to 9, or all in turn, for conditional systems", default=None)
    f.integer("interpolate", "points of a walk between one image and the next: a strip and a GIF")
    f.string("inputs", "npy file with noise, [n, z_dim], to use instead of drawing it")
    return f


def run(settings: Mapping[str, Any], given: Collection[str]) -> None:
    """Samples; see `generator.sample`."""
    del given
    from vanilla_gan.generator.sample import SampleConfig, sample

    config = SampleConfig(**{_RENAMED.get(name, name): value for name, value in settings.items()})
    sample(config, lambda line: print(line, file=sys.stderr, flush=True))
