"""Every file operation fails once: one line says so, and the same command makes it whole.

The N-th operation of a short run fails, for N = 1, 2, ... until a run ends before its N-th.
"""

from __future__ import annotations

import functools
import itertools
import shutil

import pytest
from failures import fail, failed
from results import differences

SHORT = {
    "engine": "feed",
    "iters": 3,
    "sample_every": 2,
    "checkpoint_every": 2,
    "keep_checkpoints": 2,
    "log_every": 1,
    "report": "true",
}
# It says when each picture was written.
TIMED = {"report.html"}
# An operation in so many is tried where all of them would take minutes.
STRIDE = 55


@pytest.mark.parametrize(
    ("first", "stride"),
    # All of them in parts, none of which takes as long as a test may.
    [(1, STRIDE), *(pytest.param(first, 5, marks=pytest.mark.slow) for first in range(1, 6))],
)
@pytest.mark.parametrize("for_good", [False, True])
def test_a_run_that_fails_is_finished_by_the_same_command(
    tmp_path, command, words, undisturbed, for_good, first, stride
):
    expected, given = undisturbed(**SHORT), words(**SHORT)
    faults = []
    for n in itertools.count(first, stride):
        stopped = command(given, prepare=functools.partial(fail, n, for_good))
        operation = failed(tmp_path)
        if operation is None:
            break
        lines = [line for line in stopped.stderr.splitlines() if line.startswith("run.sh: ")]
        in_one_line = stopped.status == 1 and lines == [stopped.last_line]
        if "Traceback" in stopped.stderr or not (in_one_line or (stopped.status, lines) == (0, [])):
            faults.append((n, operation, stopped.status, stopped.stderr))
        again = command(given)
        different = {"no end"}
        if again.status == 0:
            different = {*differences(tmp_path / "out", expected)} - TIMED
        if different:
            faults.append((n, operation, different, again.stderr))
        shutil.rmtree(tmp_path / "out")
    assert faults == []
    # It came through all of a run, not only its beginning.
    assert n > 100
