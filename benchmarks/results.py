"""Measured times as `RESULTS.md`: medians, spreads, ratios to the published program."""

from __future__ import annotations

import dataclasses
import datetime
import statistics
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

PUBLISHED = "published program, TensorFlow 1.15.5"
SAME_LOOP = "the same loop, TensorFlow 2"
X_DIM = 784


class Work(NamedTuple):
    """The sizes that an iteration's cost depends on."""

    batch: int
    hidden: int

    def mflop(self) -> float:
        """Returns the millions of multiplications and additions of its large matrix products."""
        return 10 * 2 * self.batch * X_DIM * self.hidden / 1e6

    def expected_ms(self) -> float:
        """Returns roughly how long an iteration takes, to choose how many of them to time."""
        return 0.5 + self.mflop() / 100  # at 100 GFLOP/s


class Timing:
    """The times of all peers at one size, by round."""

    def __init__(self, work: Work, base: str = PUBLISHED) -> None:
        """Starts without times; ratios will be to the program `base`."""
        self.work = work
        self._base = base
        self._ms: dict[str, dict[int, list[float]]] = {}
        self.peak_mb: dict[str, float] = {}

    def add(self, name: str, number: int, ms: Sequence[float], peak_mb: float) -> None:
        """Adds the chunks of one peer's run in round `number`."""
        self._ms.setdefault(name, {})[number] = list(ms)
        self.peak_mb[name] = max(peak_mb, self.peak_mb.get(name, 0.0))

    def names(self) -> list[str]:
        """Returns the peers in the order in which they ran."""
        return list(self._ms)

    def ms(self, name: str) -> list[float]:
        """Returns milliseconds per iteration of every chunk of a peer, sorted."""
        return sorted(ms for chunks in self._ms[name].values() for ms in chunks)

    def ratios(self, name: str) -> list[float]:
        """Returns how many times as fast as `base` a peer was in each round, sorted."""
        base = self._ms.get(self._base, {})
        return sorted(
            statistics.median(base[number]) / statistics.median(chunks)
            for number, chunks in self._ms[name].items()
            if number in base
        )


class Whole:
    """Seconds and memory of whole programs, by round."""

    def __init__(self, iters: int) -> None:
        """Starts without times; `iters` is how many iterations the programs train."""
        self.iters = iters
        self.s: dict[str, list[float]] = {}
        self.peak_mb: dict[str, float] = {}

    def pictures(self) -> int:
        """Returns how many pictures the published program draws on the way."""
        return (self.iters - 1) // 1000 + 1

    def add(self, name: str, took_s: float, peak_mb: float) -> None:
        """Adds one run."""
        self.s.setdefault(name, []).append(took_s)
        self.peak_mb[name] = max(peak_mb, self.peak_mb.get(name, 0.0))

    def ratios(self, name: str) -> list[float]:
        """Returns how many times as fast as the published program it was in each round, sorted."""
        return sorted(a / b for a, b in zip(self.s[PUBLISHED], self.s[name], strict=True))


@dataclasses.dataclass
class Found:
    """Everything that a run of the benchmark has found out so far.

    Attributes:
      base: the program that the others are compared with.
      machine: lines that describe it.
      images: what was trained on.
      skipped: why a peer is left out, by the peer's name.
      versions: of the libraries of each peer.
      check_iters: over how many iterations losses were compared.
      agreement: the largest relative difference to the losses of `base`, by peer.
      main: the times at the sizes asked for.
      grid: the times at other sizes.
      whole: those of the whole program, or why there are none; None if not asked for.
      took_s: seconds that everything took.
    """

    base: str
    machine: list[str]
    images: str
    skipped: dict[str, str]
    versions: dict[str, dict[str, str]]
    check_iters: int
    agreement: dict[str, float] = dataclasses.field(default_factory=dict)
    main: Timing | None = None
    grid: list[Timing] = dataclasses.field(default_factory=list)
    whole: Whole | str | None = None
    took_s: float = 0.0


def markdown(found: Found) -> str:
    """Returns the whole of `RESULTS.md`."""
    lines = [
        "# Speed",
        "",
        f"Written on {datetime.date.today()} by this command, in {found.took_s / 60:.0f} minutes:",
        "",
        f"    python3 benchmarks/speed.py {' '.join(own_flags())}".rstrip(),
        "",
        "All programs compute the same, each in a process and an environment of its "
        "own, and take turns. Times are per iteration, one update of both networks, without "
        "starting and warming up. The package's include its pictures, `losses.csv` and "
        "checkpoints; those of the others do not. Settings of the shell for number libraries, "
        "such as `OPENBLAS_CORETYPE`, are taken away from all of them, so that OpenBLAS picks the "
        "processor's own kernels.",
        "",
        *(f"- {line}" for line in found.machine),
        f"- data: {found.images}",
        *_versions(found.versions),
        *(f"- **skipped** {name}: {reason}" for name, reason in found.skipped.items()),
    ]
    if found.main is not None:
        lines += _main_table(found, found.main)
    if found.whole is not None:
        lines += _whole_table(found.whole)
    if found.grid:
        lines += _grid_tables(found)
    return "\n".join(lines) + "\n"


def own_flags() -> Iterable[str]:
    """Yields this command's flags, without those that contain paths of this machine."""
    private = ("--python", "--data_dir", "--results")
    words = iter(sys.argv[1:])
    for word in words:
        if word.startswith(private):
            if "=" not in word:
                next(words, None)
            continue
        yield word


def _versions(versions: dict[str, dict[str, str]]) -> Iterable[str]:
    for name, libraries in versions.items():
        yield f"- {name}: {', '.join(f'{key} {value}' for key, value in libraries.items())}"


def _main_table(found: Found, timing: Timing) -> Iterable[str]:
    batch, hidden = timing.work
    yield from (
        "",
        f"## Time of an iteration: batch {batch}, hidden {hidden}",
        "",
        f"Its ten large matrix products are {timing.work.mflop():.0f} MFLOP. In brackets the range "
        "of all chunks, or of all rounds' ratios. The last column is by how much the losses of the "
        f"first {found.check_iters} iterations differ from those of the first program, from the "
        "same weights and draws, at most and relatively.",
        "",
        "| program | ms | times as fast as the first | GFLOP/s | peak MB | losses differ by |",
        "|---|---|---|---|---|---|",
    )
    for name in timing.names():
        ms = timing.ms(name)
        rate = timing.work.mflop() / statistics.median(ms)
        is_compared = name in found.agreement and name != found.base
        differ = f"{found.agreement[name]:.0e}" if is_compared else ""
        yield (
            f"| {name} | {_spread(ms, 3)} | {_spread(timing.ratios(name), 2)} | {rate:.0f} "
            f"| {timing.peak_mb[name]:.0f} | {differ} |"
        )


def _whole_table(whole: Whole | str) -> Iterable[str]:
    yield from ("", "## The whole program", "")
    if isinstance(whole, str):
        yield f"Not measured: {whole}."
        return
    yield from (
        f"From the command to its end: start, {whole.iters} iterations and "
        f"{whole.pictures()} pictures.",
        "",
        "| program | s | times as fast as published | peak MB |",
        "|---|---|---|---|",
    )
    for name, s in whole.s.items():
        ratios = _spread(whole.ratios(name), 2)
        yield f"| {name} | {_spread(sorted(s), 1)} | {ratios} | {whole.peak_mb[name]:.0f} |"


def _grid_tables(found: Found) -> Iterable[str]:
    grid = found.grid
    names = list(dict.fromkeys(name for timing in grid for name in timing.names()))
    yield from (
        "",
        "## Cost against work",
        "",
        f"Median ms of an iteration, and how many times as fast as: {found.base}.",
        "",
        f"| batch | hidden | MFLOP | {' | '.join(names)} |",
        "|---:|---:|---:|" + "---|" * len(names),
    )
    for timing in grid:
        cells = [_cell(timing, name) for name in names]
        batch, hidden = timing.work
        yield f"| {batch} | {hidden} | {timing.work.mflop():.0f} | {' | '.join(cells)} |"


def _cell(timing: Timing, name: str) -> str:
    if name not in timing.names():
        return ""
    ms, ratios = statistics.median(timing.ms(name)), timing.ratios(name)
    ratio = f" ({statistics.median(ratios):.2f}x)" if ratios else ""
    return f"{ms:.4g}{ratio}"


def _spread(ordered: Sequence[float], digits: int) -> str:
    """Returns the median and the range of sorted numbers; an empty text if there are none."""
    if not ordered:
        return ""
    low, high = ordered[0], ordered[-1]
    return f"{statistics.median(ordered):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
