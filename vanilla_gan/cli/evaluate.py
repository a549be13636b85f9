"""`./run.sh evaluate`: the flags of judging a trained generator."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any

from vanilla_gan.cli.flags import Flags

SUMMARY = (
    "Judges samples of a trained generator beside real images: Parzen log-likelihood, Frechet\n"
    "distance, precision and recall, density and coverage, classes, nearest neighbours.\n"
    "Prints on stdout. The first time it trains a classifier of the data set, about a minute."
)


def define() -> Flags:
    """Returns the flags of the command."""
    f = Flags(object())
    f.string("from", "folder of a run, of one checkpoint in it, or a SavedModel", default="out")
    f.integer("n", "how many samples; 10000, or half of the training images", default=None)
    f.integer("seed", "of the noise", default=0)
    f.string("data_dir", "folder of the data sets; the run's own unless given", default=None)
    f.enum("format", ("table", "json"), "what to print", default="table")
    f.string("out", "file for the JSON", default=None)
    f.string(
        "neighbours", "PNG to draw: 16 samples beside their nearest training images", default=None
    )
    return f


def run(settings: Mapping[str, Any], given: Collection[str]) -> None:
    """Evaluates, and prints what was found; see `quality.evaluate`."""
    del given
    from vanilla_gan.quality.evaluate import EvaluateConfig, as_text, evaluate
    from vanilla_gan.quality.table import quality_table

    renamed = {"source" if name == "from" else name: value for name, value in settings.items()}
    config = EvaluateConfig(**renamed)
    found = evaluate(config, lambda line: print(line, file=sys.stderr, flush=True))
    text = as_text(found) if config.format == "json" else quality_table(found) + "\n"
    print(text, end="", flush=True)
