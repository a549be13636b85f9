"""Every kind of file operation fails once: one line says so, and the same command finishes the run.

Two operations are of the same kind if they do the same to files whose names differ only in digits.
Either only the first of each kind fails, or all operations from the last of each kind on.
"""

from __future__ import annotations

import functools
import re
import shutil

import pytest
from failures import OPERATIONS, fail, failed
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
# The report says when each picture was written.
TIMED = {"report.html"}
# The quick test tries one kind in so many, because all of them would take minutes.
STRIDE = 32


@pytest.mark.parametrize(
    ("for_good", "stride"),
    [
        (False, STRIDE),
        # All kinds, including those of the quick test.
        *(pytest.param(for_good, 1, marks=pytest.mark.slow) for for_good in (False, True)),
    ],
)
def test_a_run_that_fails_is_finished_by_the_same_command(
    tmp_path, command, words, undisturbed, for_good, stride
):
    expected, given = undisturbed(**SHORT), words(**SHORT)
    assert command(given, prepare=functools.partial(fail, 0)).status == 0
    operations = (tmp_path / OPERATIONS).read_text().splitlines()
    shutil.rmtree(tmp_path / "out")
    numbered = [(re.sub(r"\d+", "0", each), n) for n, each in enumerate(operations, 1)]
    chosen = sorted(dict(numbered if for_good else reversed(numbered)).values())
    # The run has many operations, of many kinds.
    assert len(operations) > 200
    assert len(chosen) > 60
    faults = []
    for n in chosen[::stride]:
        stopped = command(given, prepare=functools.partial(fail, n, for_good))
        operation = failed(tmp_path)
        assert operation is not None, operations[n - 1]
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
