"""`./run.sh [train]`: the flags of a training run."""

from __future__ import annotations

import os

from vanilla_gan.cli.flags import Flags
from vanilla_gan.settings import RunConfig, default_data_dir
from vanilla_gan.systems import SYSTEMS

SUMMARY = (
    "Trains the GAN of the 2016 blog post and writes a 4x4 picture every 1000 iterations.\n"
    "The same command again continues a run that was stopped."
)


def define() -> Flags:
    """Returns the flags of the command."""
    of_systems = {name: system.defaults for name, system in SYSTEMS.items()}
    return Flags(RunConfig, {"data_dir": default_data_dir()}, of_systems)


def run(config: RunConfig) -> None:
    """Trains; see `training.run.train`."""
    if "data_dir" not in config.given:
        config = config.filled({"data_dir": default_data_dir()})
    if config.log_device_placement:
        # TensorFlow logs placements as information, which `cli` keeps quiet.
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
    # Only now: what was asked for is in order, and the rest takes seconds to load.
    from vanilla_gan.training.run import train

    train(config)
