"""The settings of `./run.sh sweep`: those of its runs, which seeds, and how many at a time."""

from __future__ import annotations

import dataclasses
import re

from vanilla_gan.declare import PATH, SEED, Rule, at_least, at_most, setting
from vanilla_gan.settings import RunConfig

MOST_RUNS = 10_000
_SPAN = re.compile(r"(\d{1,10})(?::(\d{1,10}))?", re.ASCII)


def seeds_of(text: str) -> list[int]:
    """Returns the seeds that `0:10`, `3,5,8` or a mixture of both means; none if it is neither.

    A span includes its first number, but not its last.
    """
    found: list[int] = []
    for part in text.split(","):
        span = _SPAN.fullmatch(part)
        if span is None:
            return []
        first = int(span[1])
        end = first + 1 if span[2] is None else int(span[2])
        if not first < end <= first + MOST_RUNS or not SEED.holds(end - 1):
            return []
        found += range(first, end)
    return found if len({*found}) == len(found) <= MOST_RUNS else []


def part_of(text: str) -> tuple[int, int] | None:
    """Returns `(I, N)` for `I/N` with I below N; None if it is anything else."""
    found = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text, re.ASCII)
    if found is None or int(found[1]) >= int(found[2]):
        return None
    return int(found[1]), int(found[2])


_SEEDS = Rule(
    f"at most {MOST_RUNS} seeds such as 0:10 (0 to 9) or 3,5,8, none twice",
    lambda value: bool(seeds_of(value)),
    ("x", "5:5", "7:3", "1,2,1", "0:10001", "-1", "4294967296", "1:2:3", "1,,2"),
)
_GRID = Rule(
    "NAME=VALUE,VALUE,..., the name of a flag of train and its values",
    lambda value: (
        re.fullmatch(r" *\w+=[^\s,=]+(,[^\s,=]+)*( +\w+=[^\s,=]+(,[^\s,=]+)*)* *", value)
        is not None
    ),
    ("", "h_dim", "h_dim=", "h_dim=1,,2", "=1"),
)
_PART = Rule(
    "I/N with I = 0, 1, ... below N",
    lambda value: part_of(value) is not None,
    ("", "1", "2/2", "0/0", "-1/2", "1/x"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepConfig(RunConfig):
    """What the runs have in common, and how they differ."""

    # Each run has its own; and timing thread counts means nothing while other runs compete.
    seed: int | None = None
    log_json: str | None = None
    tune: bool = False

    out: str = setting(
        "sweep",
        "folder of the sweep, with a folder for each run; existing runs are continued",
        PATH,
        effect="keeping",
        group="Results",
        common=True,
    )
    seeds: str = setting(
        "",
        "the seeds: 0:10 for 0 to 9, or 3,5,8",
        _SEEDS,
        group="The sweep",
        missing="expected seeds such as 0:10",
        common=True,
    )
    grid: str | None = setting(
        None,
        "NAME=VALUE,VALUE: train all seeds with each value of this flag; may be given repeatedly",
        _GRID,
        repeats=True,
        common=True,
    )
    jobs: int = setting(
        0,
        "how many runs to train at the same time; 0: one per core",
        at_least(0),
        at_most(1024),
        common=True,
    )
    part: str | None = setting(
        None, "I/N: train only every N-th run, from run I on; I is 0 to N-1", _PART, common=True
    )
