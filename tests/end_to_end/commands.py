"""Command lines of small runs."""

from __future__ import annotations

import pathlib
from typing import Any

from offline import listed_shapes

SAMPLE_EVERY = 50
CHECKPOINT_EVERY = 40
SMALL_SHAPES = listed_shapes(h_dim=13, z_dim=7)


def small_run(data_dir: pathlib.Path, **changed: Any) -> list[str]:
    """Returns the flags, except `--iters`, of a small run that spends most of its time on files.

    Args:
      data_dir: has the IDX files of `offline.data_files` in `mnist`.
      changed: settings to add or to override; None leaves a setting out.
    """
    settings = {
        "dataset": "mnist",
        "data_dir": data_dir,
        "allow_unverified_data": "true",
        "device": "cpu",
        "seed": 7,
        "batch_size": 16,
        "z_dim": 7,
        "h_dim": 13,
        "log_every": 1,
        "sample_every": SAMPLE_EVERY,
        "checkpoint_every": CHECKPOINT_EVERY,
        **changed,
    }
    return [f"--{name}={value}" for name, value in settings.items() if value is not None]


def stable_run(data_dir: pathlib.Path) -> list[str]:
    """Returns the flags of a small run with `--preset stable`: penalties, averaged weights."""
    return small_run(data_dir, preset="stable", h_dim="13,11")


def run_with_long_blocks(data_dir: pathlib.Path) -> list[str]:
    """Returns the flags of a run that trains far past a checkpoint before it saves the next one.

    Between two pictures it logs more rows than the buffer of `losses.csv` holds, so that a kill
    usually leaves some rows to cut off. The run also uses the other engine.
    """
    return small_run(data_dir, sample_every=350, checkpoint_every=400, engine="feed")
