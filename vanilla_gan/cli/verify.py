"""`./run.sh verify`: the flags of checking this installation against recorded steps."""

from __future__ import annotations

from vanilla_gan.agreement.settings import VerifyConfig
from vanilla_gan.cli.flags import Flags
from vanilla_gan.say import show

SUMMARY = (
    "Says whether this installation computes what the published programs computed: steps recorded\n"
    "with TensorFlow 1.15.5, replayed from their recorded states. A line a trace, on stdout; exit\n"
    "status 1 when one differs by more than rounding does. Needs no network and no data."
)


def define() -> Flags:
    """Returns the flags of the command."""
    return Flags(VerifyConfig)


def run(config: VerifyConfig) -> None:
    """Verifies, prints what was found, and fails where it differs; see `agreement.verify`."""
    from vanilla_gan.agreement.verify import as_dict, as_text, verify
    from vanilla_gan.agreement.verify_table import verify_table
    from vanilla_gan.errors import DisagreementError

    found = verify(config)
    text = as_text(found) if config.format == "json" else verify_table(as_dict(found)) + "\n"
    show(text)
    if found.failed:
        raise DisagreementError(
            f"this installation does not compute what was published: {found.failed} of "
            f"{found.judged} verdicts fail"
        )
