"""A run that is killed at any moment and continued leaves what an undisturbed one leaves."""

from __future__ import annotations

import pytest
from commands import run_with_long_blocks, small_run
from crashes import Crashes

KILLS_EACH = 10
ITERS = 1000


@pytest.mark.parametrize("words", [small_run, run_with_long_blocks])
def test_killed_run_equals_undisturbed_one(tmp_path, offline_data_dir, words):
    crashes = Crashes([*words(offline_data_dir), f"--iters={ITERS}"], tmp_path)
    crashes.kill(KILLS_EACH, seed=0)
    assert crashes.wrong == []
    assert sum(crashes.landed.values()) == KILLS_EACH
    # Some of those that are aimed at a file hit it.
    assert crashes.landed.keys() - {"at the start", "elsewhere"}
