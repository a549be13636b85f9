"""`./run.sh compare`: the flags of comparing a run with what was published."""

from __future__ import annotations

from vanilla_gan.agreement.settings import CompareConfig
from vanilla_gan.cli.flags import Flags
from vanilla_gan.say import say, show

SUMMARY = (
    "Says for a run whether it agrees with what was published: picture size and tile positions,\n"
    "recorded losses, and statistics of pictures and losses within the spread of ten recorded\n"
    "runs. A verdict a line, on stdout; exit status 1 when one falls outside."
)


def define() -> Flags:
    """Returns the flags of the command."""
    return Flags(CompareConfig)


def run(config: CompareConfig) -> None:
    """Compares, prints what was found, and fails where the run does; see `agreement.compare`."""
    from vanilla_gan.agreement.compare import compare
    from vanilla_gan.agreement.comparison import as_dict, as_text
    from vanilla_gan.agreement.table import agreement_table
    from vanilla_gan.errors import DisagreementError

    found = compare(config, say)
    text = as_text(found) if config.format == "json" else agreement_table(as_dict(found)) + "\n"
    show(text)
    if found.failed:
        raise DisagreementError(
            f"{config.source} does not agree with what was published: {found.failed} of "
            f"{found.judged} verdicts fail"
        )
