"""Measures the convolutional system against a Keras program with the same networks.

    .venv/bin/python benchmarks/conv.py [--rounds N]

Both run in float32 and in bfloat16, each in a process of its own, in turn. The results go to
`benchmarks/RESULTS_CONV.md`. `benchmarks/where_time_goes.py --system=conv` shows where the time of
a step goes.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import subprocess
import sys

import machine
import results
from speed import PEERS_DIR, ROOT, clean_environment, printed, say

KERAS = "Keras, float32"
PROGRAMS = {
    KERAS: ("keras_conv.py", "float32"),
    "Keras, mixed_bfloat16": ("keras_conv.py", "bfloat16"),
    "vanilla_gan --system conv": ("package_conv.py", "float32"),
    "vanilla_gan --system conv --precision bfloat16": ("package_conv.py", "bfloat16"),
}


def timed(script: str, precision: str, data_dir: str, *sizes: str) -> list[float] | str:
    """Runs a program; returns milliseconds a step for each chunk, or why there are none."""
    flags = (f"--precision={precision}", f"--data_dir={data_dir}", *sizes)
    done = subprocess.run(
        [sys.executable, str(PEERS_DIR / script), *flags],
        env={**clean_environment(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    result = printed(done, data_dir)
    return result if isinstance(result, str) else result["ms"]


def table(found: dict[str, list[list[float]]]) -> str:
    """Returns the results, rounds of chunks by program, as a table."""
    rows = [
        "| Program | ms a step, median | least | most | times Keras in float32 [by round] |",
        "|---|---|---|---|---|",
    ]
    for name, rounds in found.items():
        chunks = sorted(ms for chunk in rounds for ms in chunk)
        medians = [statistics.median(chunk) for chunk in rounds]
        ratios = [
            statistics.median(keras) / median
            for keras, median in zip(found.get(KERAS, []), medians, strict=False)
        ]
        ratio = ""
        if name == KERAS:
            ratio = "1"
        elif ratios:
            ratio = f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
        rows.append(
            f"| {name} | {statistics.median(chunks):.0f} | {chunks[0]:.0f} | {chunks[-1]:.0f} "
            f"| {ratio} |"
        )
    return "\n".join(rows)


def main() -> None:
    """Measures and writes."""
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--rounds", type=int, default=5)
    flags.add_argument(
        "--steps", type=int, default=30, help="steps per chunk, and per picture of the package"
    )
    flags.add_argument("--chunks", type=int, default=3, help="timed chunks per process")
    flags.add_argument("--data_dir", default=os.environ.get("VANILLA_GAN_DATA") or "data")
    flags.add_argument(
        "--results", type=pathlib.Path, default=ROOT / "benchmarks" / "RESULTS_CONV.md"
    )
    options = flags.parse_args()
    data_dir = os.path.abspath(options.data_dir)
    described = machine.describe()
    found: dict[str, list[list[float]]] = {}
    skipped: dict[str, str] = {}
    sizes = (f"--steps={options.steps}", f"--chunks={options.chunks}")
    for number in range(1, options.rounds + 1):
        for name, (script, precision) in PROGRAMS.items():
            if name in skipped:
                continue
            ms = timed(script, precision, data_dir, *sizes)
            if isinstance(ms, str):
                skipped[name] = ms
                say(f"skipped {name}: {ms}")
                continue
            found.setdefault(name, []).append(ms)
            say(f"round {number}: {statistics.median(ms):7.1f} ms a step  {name}")
    left_out = [f"- left out: {name}: {reason}" for name, reason in skipped.items()]
    text = "\n".join(
        [
            "# The convolutional system beside Keras",
            "",
            "Made by this command. Batch 128, Fashion-MNIST where it is there. Each program in a",
            "process of its own, in turn. Ratios are taken within a round: the median of all",
            "rounds, the least and the most.",
            "",
            f"    .venv/bin/python benchmarks/conv.py {' '.join(results.own_flags())}".rstrip(),
            "",
            *(f"- {line}" for line in described),
            *left_out,
            "",
            table(found),
            "",
        ]
    )
    options.results.write_text(text)
    print(table(found))


if __name__ == "__main__":
    main()
