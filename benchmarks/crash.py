"""Kills a run again and again with SIGKILL, continues it, and compares it with an undisturbed one.

    python benchmarks/crash.py [--kills 200] [--seed 0] [--iters 2000]

The kills are those of `tests/end_to_end/test_crashes.py`, only more of them: half of them hit a
small run that often writes a picture or a checkpoint; the other half hit a run with the other
engine that trains far past a checkpoint before it saves the next one. It compares bit for bit all
weights with both Adams' slots and powers, `losses.csv`, every picture, and the names of all files,
including hidden ones. Exits with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import tempfile
import time
from collections import Counter

TESTS = pathlib.Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "end_to_end")]

import offline  # noqa: E402 - found by the path above
from commands import run_with_long_blocks, small_run  # noqa: E402
from crashes import Crashes  # noqa: E402


def main() -> int:
    """Runs the kills and prints where they landed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--iters", type=int, default=2000)
    given = parser.parse_args()
    began_s = time.monotonic()
    landed: Counter[str] = Counter()
    runs, wrong = 0, []
    with tempfile.TemporaryDirectory() as name:
        data_dir = pathlib.Path(name, "data")
        (data_dir / "mnist").mkdir(parents=True)
        for file_name, content in offline.data_files().items():
            (data_dir / "mnist" / file_name).write_bytes(content)
        for words, kills in (
            (small_run, given.kills - given.kills // 2),
            (run_with_long_blocks, given.kills // 2),
        ):
            folder = pathlib.Path(name, words.__name__)
            folder.mkdir()
            crashes = Crashes([*words(data_dir), f"--iters={given.iters}"], folder)
            crashes.kill(kills, given.seed, _show)
            landed += crashes.landed
            runs += crashes.runs
            wrong += crashes.wrong
    print(f"\n{sum(landed.values())} kills in {runs} runs of {given.iters} iterations:")
    for where, count in landed.most_common():
        print(f"  {count:4d} {where}")
    print(f"{len(wrong)} of these runs differ from an undisturbed one")
    for different in wrong:
        print(f"  {', '.join(different)}")
    print(f"{time.monotonic() - began_s:.0f} s")
    return 1 if wrong else 0


def _show(line: str) -> None:
    print(f"\r{line:<79}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
