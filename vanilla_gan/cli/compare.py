"""`./run.sh compare`: the flags of comparing a run with what was published."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any

from vanilla_gan.cli.flags import Flags

SUMMARY = (
    "Says for a run whether it agrees with what was published: picture size and tile positions,\n"
    "recorded losses, and statistics of pictures and losses within the spread of ten recorded\n"
    "runs. A verdict a line, on stdout; exit status 1 when one falls outside."
)


def define() -> Flags:
    """Returns the flags of the command."""
    f = Flags(object())
    f.string("from", "folder of a run, finished or not", default="out")
    f.string(
        "published_gif",
        "the post's own figure, a path or an address: its frames beside the run's pictures",
        default=None,
    )
    f.string(
        "data_dir",
        "where the run's data are now, if they were moved",
        default=None,
    )
    f.enum("format", ("text", "json"), "what to print", default="text")
    return f


def run(settings: Mapping[str, Any], given: Collection[str]) -> None:
    """Compares, prints what was found, and fails where the run does; see `agreement.compare`."""
    del given
    from vanilla_gan.agreement.compare import CompareConfig, as_dict, as_text, compare
    from vanilla_gan.agreement.table import agreement_table
    from vanilla_gan.errors import DisagreementError

    config = CompareConfig(
        **{"source" if name == "from" else name: value for name, value in settings.items()}
    )
    found = compare(config, lambda line: print(line, file=sys.stderr, flush=True))
    text = as_text(found) if config.format == "json" else agreement_table(as_dict(found)) + "\n"
    print(text, end="", flush=True)
    if found.failed:
        raise DisagreementError(
            f"{config.source} does not agree with what was published: {found.failed} of "
            f"{found.judged} verdicts fail"
        )
