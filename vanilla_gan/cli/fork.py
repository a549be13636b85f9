"""`./run.sh fork`: the flags of a run that begins as another one."""

from __future__ import annotations

from vanilla_gan.cli.flags import Flags
from vanilla_gan.declare import table_of
from vanilla_gan.training.settings import ForkConfig

SUMMARY = (
    "Begins a new run with the state of another one, at its newest checkpoint or the one named,\n"
    "and trains it. The flags are those of train; what is not given is the parent's."
)


def define() -> Flags:
    """Returns the flags of the command; no default is shown, because the parent has it."""
    return Flags(ForkConfig, dict.fromkeys(table_of(ForkConfig), " "))


def run(config: ForkConfig) -> None:
    """Forks; see `training.fork.fork`."""
    from vanilla_gan.training.fork import fork

    fork(config.source, config.of_run())
