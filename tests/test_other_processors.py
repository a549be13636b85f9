"""Repeats the tests of numbers as on other processors, each setting in a process of its own.

oneDNN is told which instructions it may use, or is switched off for TensorFlow's own kernels; one
setting keeps the tests on one core, so that every sum is made in one thread.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from processes import ROOT

ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "1"}
SETTINGS = {
    "oneDNN, AVX2": {**ONEDNN, "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "oneDNN, AVX-512": {**ONEDNN, "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "no oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "one core": {},
}
# The traces, the recorded runs, equal engines, exact resume, and whatever else compares digits.
TESTS = (
    "tests/test_traces.py",
    "tests/test_recorded_runs.py",
    "tests/test_systems.py",
    "tests/test_every_system.py",
    "tests/end_to_end/test_rewinds.py",
)
CHOSEN = (
    "shipped_trace or trace_on_mnist or test_offline or test_mnist or log_form or recorded_offline "
    "or recorded_mnist or class_7 or overflow or (engines_are_the_same and vanilla and not packed) "
    "or (continued and published and (vanilla or layers))"
)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_numbers_hold_as_on_other_processors(name: str) -> None:
    def on_one_core() -> None:
        if name == "one core" and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    outer = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS, "-k", CHOSEN],
        cwd=ROOT,
        env={**outer, **SETTINGS[name]},
        preexec_fn=on_one_core,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
