"""Memory does not grow while a run goes on."""

from __future__ import annotations

import functools

import pytest
from mishaps import note_memory
from runner import Mishap


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["loop", "feed"])
def test_resident_set_after_100_000_iterations(tmp_path, command, words, engine):
    note = functools.partial(note_memory, "memory.txt")
    # Pictures of the iterations 5,000 and 100,000, which come behind a checkpoint of each.
    notes = [Mishap(note, "os.rename", f"/{number:03d}.png") for number in (10, 200)]
    settings = {"iters": 100_001, "sample_every": 500, "checkpoint_every": 500, "engine": engine}

    finished = command(words(**settings), notes)

    assert finished.status == 0, finished.stderr
    early, late = (int(line) for line in (tmp_path / "memory.txt").read_text().split())
    assert abs(late - early) <= 0.05 * early, f"{early} kB at 5,000, {late} kB at 100,000"
