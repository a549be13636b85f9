"""Kills a run again and again, and continues it with the same command each time."""

from __future__ import annotations

import itertools
import pathlib
import random
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from mishaps import kill
from results import differences, record
from runner import Finished, Mishap, run

KILLED = -9
# About 60 file operations begin or continue a run, and up to about 10 kills share one run.
BEGINNING = 60 * 10


class Aim(NamedTuple):
    """Where kills go: at or after a file operation.

    Attributes:
      operation, path: see `Mishap`.
      in_all: about how many such operations an undisturbed run has.
      longest_s: the longest delay after the operation, in seconds.
    """

    operation: str | None
    path: str
    in_all: int
    longest_s: float


class Crashes:
    """Compares what a command leaves undisturbed with what it leaves when it is killed.

    Attributes:
      landed: the number of kills by where they hit, that is by what they left half-done.
      runs: how many runs were killed and continued until they were finished.
      wrong: the files that differ, for each of these runs that is not equal to the undisturbed one.
    """

    def __init__(self, words: Sequence[str], folder: pathlib.Path) -> None:
        """Runs `words`, a command line without `--out`, undisturbed in `folder`.

        Raises:
          AssertionError: it failed.
        """
        self._words = [*words, "--out", "out"]
        self._folder = folder
        undisturbed = self._run(())
        assert undisturbed.status == 0, undisturbed.stderr
        (folder / "out").rename(folder / "undisturbed")
        settings = record(folder / "undisturbed")["config"]
        pictures = settings["iters"] // settings["sample_every"]
        checkpoints = settings["iters"] // settings["checkpoint_every"]
        self._aims = (
            Aim(None, "", undisturbed.operations, 0.0),
            # While variables and state are written, and right before the checkpoint is renamed.
            Aim("os.mkdir", "checkpoints/.", checkpoints, 0.02),
            Aim("os.rename", "checkpoints/0", checkpoints, 0.0),
            Aim("os.rename", ".png", pictures, 0.0),
            Aim(None, "", undisturbed.operations, 0.5),
            # While an old checkpoint is removed.
            Aim("os.rename", "checkpoints/.", checkpoints, 0.002),
            Aim("open", ".png", pictures, 0.005),
            # While a run begins or continues.
            Aim(None, "", BEGINNING, 0.0),
        )
        self.landed: Counter[str] = Counter()
        self.runs = 0
        self.wrong: list[list[str]] = []

    def kill(self, kills: int, seed: int, inform: Callable[[str], object] = str) -> None:
        """Kills `kills` times, at moments drawn from `seed`; when a run ends, a new one begins.

        Raises:
          AssertionError: a run failed, or too many ended before their kill.
        """
        rng = random.Random(seed)
        # With this share, kills are on average spread over the whole run.
        share = 2 / min(kills, 10)
        done = missed = 0
        while done < kills:
            for aim in itertools.islice(itertools.cycle(self._aims), done, kills):
                count = rng.randint(1, max(1, round(share * aim.in_all)))
                delay_s = aim.longest_s * rng.random()
                finished = self._run([Mishap(kill, aim.operation, aim.path, count, delay_s)])
                if finished.status == 0:
                    # The run ended before the kill, which must not happen again and again.
                    missed += 1
                    assert missed <= kills, f"nothing is ever hit by {aim}"
                    break
                assert finished.status == KILLED, finished.stderr
                done += 1
                where = self._where()
                self.landed[where] += 1
                inform(f"{done} of {kills} kills, the last one {where}")
            self._finish()

    def _finish(self) -> None:
        """Continues a run to its end and compares it."""
        finished = self._run(())
        assert finished.status == 0, finished.stderr
        self.runs += 1
        different = differences(self._folder / "out", self._folder / "undisturbed")
        if different:
            self.wrong.append(different)
        shutil.rmtree(self._folder / "out")

    def _run(self, mishaps: Sequence[Mishap]) -> Finished:
        return run(self._words, self._folder, mishaps)

    def _where(self) -> str:
        """Says what the kill has left half-done."""
        out = self._folder / "out"
        if not (out / "checkpoints").is_dir():
            return "at the start"
        for half in out.rglob(".vanilla_gan.*.tmp/*"):
            if half.is_dir():
                whole = (half / "manifest.json").exists()
                return "in a checkpoint, new or dropped" if whole else "in a checkpoint, half-made"
            return "in a picture" if half.suffix == ".png" else f"in {half.name}"
        return "after rows past the checkpoint" if self._rows_to_cut(out) else "elsewhere"

    def _rows_to_cut(self, out: pathlib.Path) -> bool:
        newest = max((out / "checkpoints").glob("0*"), default=None)
        if newest is None:
            return False
        with np.load(newest / "state.npz") as state:
            return (out / "losses.csv").stat().st_size > state["losses_size"]
