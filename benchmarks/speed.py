"""Measures the package against the published program, PyTorch, JAX and the machine's floor.

    benchmarks/setup.sh --tf1_python PATH       once
    python3 benchmarks/speed.py [--grid] [--whole] [--device gpu]

Every program runs in a process of its own, all of them in turn (A B C A B C ...), so that whatever
else the machine does affects all. Before anything is timed, each trains on the same weights and
draws, and its losses are compared with the published program's. Ratios are taken within a round,
between runs at most minutes apart, and their median is given. `--grid` adds other batch and hidden
sizes; `--whole` compares the whole program with the whole published one, including its pictures
and start. The results go to `benchmarks/RESULTS.md`, which is rewritten after each part, or with
`--device gpu` to `RESULTS_GPU.md`. There, the same loop on TensorFlow 2 replaces the published
program, because TensorFlow 1.15 does not support current GPUs.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, NamedTuple

import machine
import results

ROOT = pathlib.Path(__file__).resolve().parents[1]
PEERS_DIR = ROOT / "benchmarks" / "peers"
ENVIRONMENTS = {
    "tf1": ROOT / "benchmarks" / ".envs" / "tf1",
    "torch": ROOT / "benchmarks" / ".envs" / "torch",
    "jax": ROOT / "benchmarks" / ".envs" / "jax",
    "tf2": ROOT / ".venv",
}
CHECK_ITERS = 50
GRID_BATCHES = (32, 128, 512, 4096)
GRID_HIDDEN = (128, 512, 2048)
GRID_ROUNDS, GRID_CHUNKS = 2, 2
WHOLE_ITERS = 20_001
# Prefixes of environment variables that would change how a library computes.
_UNSET = (
    *("OPENBLAS_", "OMP_", "MKL_", "GOTO_", "KMP_", "ONEDNN_", "DNNL_", "NVIDIA_TF32_"),
    *("TF_", "XLA_", "JAX_", "TORCH_", "PYTHON"),
)


class Peer(NamedTuple):
    """A program to be timed: its name, its environment, script, flags, and variables to set."""

    name: str
    environment: str
    script: str
    flags: tuple[str, ...] = ()
    variables: dict[str, str] = {}  # noqa: RUF012 - nobody writes to it


def _floor(threads: int) -> Peer:
    name = f"ten matrix products alone, {threads} thread{'s' * (threads > 1)}"
    return Peer(name, "tf2", "floor.py", variables={"OPENBLAS_NUM_THREADS": str(threads)})


def _package(*flags: str) -> Peer:
    name = f"vanilla_gan {' '.join(flags)}"
    return Peer(name, "tf2", "package.py", flags, {"PYTHONPATH": str(ROOT)})


PEERS = [
    Peer(results.PUBLISHED, "tf1", "tf_feed.py"),
    Peer(results.SAME_LOOP, "tf2", "tf_feed.py"),
    Peer("PyTorch", "torch", "torch_gan.py"),
    Peer("JAX", "jax", "jax_gan.py"),
    _package("--engine=feed"),
    _package("--engine=loop"),
    _package("--engine=loop", "--precision=bfloat16"),
    *(_floor(threads) for threads in sorted({1, machine.usable_cores()})),
]


GPU_PEERS = [
    Peer(results.SAME_LOOP, "tf2", "tf_feed.py"),
    Peer("Keras, jit_compile", "tf2", "keras_gan.py"),
    Peer("PyTorch", "torch", "torch_gan.py"),
    Peer("PyTorch, CUDA graph", "torch", "torch_gan.py", ("--cuda_graph",)),
    Peer("JAX", "jax", "jax_gan.py"),
    _package("--engine=feed"),
    _package("--engine=loop", "--nojit_compile"),
    _package("--engine=loop"),
]


class Bench:
    """Runs peers; once a peer is missing or fails, it is left out."""

    def __init__(self, pythons: dict[str, str], data_dir: str, device: str) -> None:
        """Finds the environments.

        Args:
          pythons: interpreters to use instead of those in `ENVIRONMENTS`.
          data_dir: folder of the data sets.
          device: "cpu" or "gpu".
        """
        self.peers, self.base = {
            "cpu": (PEERS, results.PUBLISHED),
            "gpu": (GPU_PEERS, results.SAME_LOOP),
        }[device]
        self._device = device
        self.skipped: dict[str, str] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self._data_dir = data_dir
        # By environment, whether it exists or not.
        self.pythons = {
            name: pythons.get(name, str(folder / "bin" / "python"))
            for name, folder in ENVIRONMENTS.items()
        }
        for peer in self.peers:
            if not os.access(self.pythons[peer.environment], os.X_OK):
                self._skip(peer, f"no environment {peer.environment}; benchmarks/setup.sh makes it")

    def run(self, peer: Peer, *flags: object) -> dict[str, Any] | None:
        """Runs a peer once; returns what it printed, or None if it is left out."""
        if peer.name in self.skipped:
            return None
        done = subprocess.run(
            [
                self.pythons[peer.environment],
                str(PEERS_DIR / peer.script),
                *peer.flags,
                f"--device={self._device}",
                f"--data_dir={self._data_dir}",
                *map(str, flags),
            ],
            env={**clean_environment(self._device), **peer.variables},
            capture_output=True,
            text=True,
            check=False,
        )
        result = printed(done, self._data_dir)
        if isinstance(result, str):
            self._skip(peer, result)
            return None
        self.versions[peer.name] = result["versions"]
        return result

    def rounds(self, options: argparse.Namespace, batch: int, hidden: int) -> results.Timing:
        """Runs all peers in turn, `options.rounds` times; returns what they took."""
        work = results.Work(batch, hidden)
        iters = max(1, round(options.chunk_s * 1e3 / work.expected_ms()))
        sizes = (f"--batch={batch}", f"--hidden={hidden}", f"--iters={iters}")
        timing = results.Timing(work, self.base)
        for number in range(1, options.rounds + 1):
            for peer in self.peers:
                result = self.run(peer, *sizes, f"--chunks={options.chunks}")
                if result is not None:
                    timing.add(peer.name, number, result["ms"], result["peak_mb"])
                    ms = statistics.median(result["ms"])
                    say(f"{batch} x {hidden}, round {number}: {ms:9.3f} ms  {peer.name}")
        return timing

    def agreement(self) -> dict[str, float]:
        """Returns the largest relative difference of each peer's losses from those of `base`."""
        losses = {}
        for peer in self.peers:
            if peer.script == "floor.py":
                continue
            result = self.run(peer, f"--check={CHECK_ITERS}")
            if result is not None:
                losses[peer.name] = [value for pair in result["losses"] for value in pair]
        expected = losses.get(self.base)
        if expected is None:
            return {}
        return {
            name: max(abs(x / y - 1.0) for x, y in zip(values, expected, strict=True))
            for name, values in losses.items()
        }

    def _skip(self, peer: Peer, reason: str) -> None:
        self.skipped[peer.name] = reason
        say(f"skipped {peer.name}: {reason}")


def printed(done: subprocess.CompletedProcess[str], data_dir: str) -> dict[str, Any] | str:
    """Returns what a peer printed, or why it printed nothing."""
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        # The reason is published, but not the paths of this machine.
        last = last.replace(str(ROOT), ".").replace(data_dir, "DATA_DIR")
        return f"failed with status {done.returncode}: {last}"
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def clean_environment(device: str = "cpu") -> dict[str, str]:
    """Returns the environment for a peer: a GPU only if asked for, no settings for libraries."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_UNSET)}
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONWARNINGS": "ignore"}
    hidden = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    # If JAX found no GPU, it would compute on the CPU, with a warning that nobody reads here.
    found = {"JAX_PLATFORMS": "cuda"}
    return {**kept, **quiet, **(hidden if device == "cpu" else found)}


def whole(bench: Bench, rounds: int, iters: int, data_dir: str) -> results.Whole | str:
    """Times the whole program against the whole published script.

    Returns:
      What was measured, or why nothing could be.
    """
    if not os.access(bench.pythons["tf1"], os.X_OK):
        return "no environment tf1; benchmarks/setup.sh makes it"
    script = PEERS_DIR / "published_script.py"
    commands = {
        results.PUBLISHED: [bench.pythons["tf1"], script, f"--iters={iters}"],
        "./run.sh": [ROOT / "run.sh", f"--iters={iters}", "--dataset=mnist"],
    }
    measured = results.Whole(iters)
    # What a first start installs is not part of what is timed.
    subprocess.run([ROOT / "run.sh", "--version"], stdout=subprocess.DEVNULL, check=True)
    for number in range(1, rounds + 1):
        for name, command in commands.items():
            with tempfile.TemporaryDirectory() as folder:
                out = pathlib.Path(folder, "out")
                where = [f"--data_dir={data_dir}", f"--out={out}"]
                with open(f"{folder}/log", "w+b") as log:
                    status, took_s, peak_mb = timed([*command, *where], log)
                    log.seek(0)
                    last = (log.read().decode(errors="replace").splitlines() or ["no message"])[-1]
                if status:
                    return f"{name} ended with status {status}: {last}"
                # Not `latest.png` and `losses.png`, which the package draws too.
                if len(list(out.glob("[0-9]*.png"))) != measured.pictures():
                    return f"{name} did not draw {measured.pictures()} pictures"
            say(f"whole, round {number}: {took_s:7.1f} s  {name}")
            measured.add(name, took_s, peak_mb)
    return measured


def timed(command: list[Any], log: Any) -> tuple[int, float, float]:
    """Runs a command; returns its status, seconds from start to end, and peak memory in MB."""
    began_s = time.perf_counter()
    process = subprocess.Popen(command, env=clean_environment(), stdout=log, stderr=log)
    _, status, usage = os.wait4(process.pid, 0)
    took_s = time.perf_counter() - began_s
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, took_s, usage.ru_maxrss * 1024 / 1e6


def say(line: str) -> None:
    """Prints a line on stderr."""
    print(line, file=sys.stderr, flush=True)


def parse() -> argparse.Namespace:
    """Returns the flags."""
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--rounds", type=int, default=5, help="how often every program runs")
    flags.add_argument("--chunks", type=int, default=4, help="timed chunks per process")
    flags.add_argument("--chunk_s", type=float, default=2.0, help="about how long a chunk takes")
    flags.add_argument("--batch", type=int, default=128)
    flags.add_argument("--hidden", type=int, default=128)
    flags.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    flags.add_argument("--grid", action="store_true", help="measure cost against work")
    flags.add_argument("--grid_batches", type=int, nargs="+", default=GRID_BATCHES)
    flags.add_argument("--grid_hidden", type=int, nargs="+", default=GRID_HIDDEN)
    flags.add_argument("--whole", action="store_true", help="measure the whole program")
    flags.add_argument("--whole_rounds", type=int, default=3)
    flags.add_argument("--whole_iters", type=int, default=WHOLE_ITERS)
    flags.add_argument(
        "--data_dir", default=os.environ.get("VANILLA_GAN_DATA") or str(ROOT / "data")
    )
    flags.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help=f"interpreter of an environment, one of {', '.join(ENVIRONMENTS)}",
    )
    flags.add_argument("--results", type=pathlib.Path, help="RESULTS.md, or RESULTS_GPU.md")
    options = flags.parse_args()
    if options.results is None:
        name = "RESULTS.md" if options.device == "cpu" else "RESULTS_GPU.md"
        options.results = ROOT / "benchmarks" / name
    if options.whole and options.device == "gpu":
        flags.error("--whole compares with the published program, which runs on no current GPU")
    return options


def main() -> None:
    """Measures, and writes the results."""
    options = parse()
    data_dir = os.path.abspath(options.data_dir)
    pythons = dict(pair.split("=", 1) for pair in options.python)
    bench = Bench(pythons, data_dir, options.device)
    mnist = any(pathlib.Path(data_dir, "mnist").glob("train-images-idx3-ubyte*"))
    found = results.Found(
        base=bench.base,
        machine=machine.describe(options.device),
        images="MNIST" if mnist else "random images, because no MNIST was found",
        skipped=bench.skipped,
        versions=bench.versions,
        check_iters=CHECK_ITERS,
    )

    def write() -> None:
        found.took_s = time.perf_counter() - began_s
        options.results.write_text(results.markdown(found))

    began_s = time.perf_counter()
    found.agreement = bench.agreement()
    found.main = bench.rounds(options, options.batch, options.hidden)
    write()
    if options.whole:
        reason = "no MNIST; `./run.sh --iters 1` fetches it"
        found.whole = (
            whole(bench, options.whole_rounds, options.whole_iters, data_dir) if mnist else reason
        )
        write()
    if options.grid:
        options.rounds, options.chunks = GRID_ROUNDS, GRID_CHUNKS
        for hidden in options.grid_hidden:
            for batch in options.grid_batches:
                found.grid.append(bench.rounds(options, batch, hidden))
                write()
    print(options.results.read_text())


if __name__ == "__main__":
    main()
