"""`./run.sh evaluate`: the flags of judging a trained generator."""

from __future__ import annotations

from vanilla_gan.cli.flags import Flags
from vanilla_gan.quality.settings import EvaluateConfig
from vanilla_gan.say import say, show

SUMMARY = (
    "Judges samples of a trained generator beside real images: Parzen log-likelihood, Frechet\n"
    "distance, precision and recall, density and coverage, classes, nearest neighbours.\n"
    "Prints on stdout. The first time it trains a classifier of the data set, about a minute."
)


def define() -> Flags:
    """Returns the flags of the command."""
    return Flags(EvaluateConfig)


def run(config: EvaluateConfig) -> None:
    """Evaluates, and prints what was found; see `quality.evaluate`."""
    from vanilla_gan.quality.evaluate import as_text, evaluate
    from vanilla_gan.quality.table import quality_table

    found = evaluate(config, say)
    text = as_text(found) if config.format == "json" else quality_table(found) + "\n"
    show(text)
