"""Memory does not grow while a run goes on."""

from __future__ import annotations

import functools

import pytest
from mishaps import note_memory
from runner import Mishap


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["loop", "feed"])
def test_resident_set_after_30_000_iterations(tmp_path, command, words, engine):
    note = functools.partial(note_memory, "memory.txt")
    # The first losses.png, ten seconds after the start, loads matplotlib, which stays loaded. From
    # then on nothing grows, up to the picture of iteration 30,000, which follows a checkpoint. That
    # is more pictures and checkpoints than 100,000 iterations have with the default settings.
    notes = [Mishap(note, "os.rename", f"/{name}.png") for name in ("losses", "300")]
    settings = {"iters": 30_001, "sample_every": 100, "checkpoint_every": 100, "engine": engine}

    finished = command(words(**settings), notes)

    assert finished.status == 0, finished.stderr
    early, late = (int(line) for line in (tmp_path / "memory.txt").read_text().split())
    assert abs(late - early) <= 0.02 * early, f"{early} kB at first, {late} kB at 30,000"
