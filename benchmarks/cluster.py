"""Measures how one run scales over towers and machines, and estimates it for three networks.

    .venv/bin/python benchmarks/cluster.py --data_dir DIR [--systems vanilla,conv]

The first table is measured: iterations a second with 1, 2 and 4 towers of one process, and with 2
and 4 tasks of a cluster, all on this machine. The tasks listen on every interface, so run this only
in a private network. The second table says how much an iteration sends to each worker and gets
back. It is read from the graph: the tensors that go from one task to another, at published sizes.

The third table follows from both: the number of machines like this one with which a run is fastest.
With K machines, an iteration takes

    T / K + (K - 1) * bytes / rate

where T is its time on one machine: all data to and from the workers cross the chief's network.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

from vanilla_gan.cli.main import set_environment
from vanilla_gan.engines.machines import Machines, device
from vanilla_gan.engines.task import Task
from vanilla_gan.graph.gan import build_gan
from vanilla_gan.graph.loop import build_loop
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS

GBIT_S = (1, 10, 25)
COUNTS = (1, 2, 4)
# Iterations between two pictures, so that each system takes some seconds.
ITERS = {"conv": 2}
MANY = 600


def bytes_of_worker(name: str) -> tuple[int, int]:
    """Returns how many bytes an iteration sends to a worker, and how many come back.

    The graph has two towers, whose shares of a batch differ by at most one image.
    """
    task = Task({"worker": ("a:1", "b:1")}, "worker", 0)
    config = RunConfig(system=name, towers=2, seed=1).resolved()
    with tf.Graph().as_default() as graph, tf.device(Machines(task, "", 1.0).placed("/CPU:0")):
        system = SYSTEMS[name]
        build_loop(system, config, build_gan(system, config, 1), (55_000, 784))
    chief, worker = map(device, task.towers)
    functions = [graph._get_function(each).graph for each in graph._functions]
    body = max(functions, key=lambda function: len(function.get_operations()))
    sent = {chief: {}, worker: {}}
    for op in body.get_operations():
        for tensor in op.inputs:
            here, there = tensor.op.device or chief, op.device or chief
            if here != there and tensor.dtype != tf.resource:
                # If batches have several sizes, the graph leaves that side open.
                sides = [side or config.batch_size // 2 for side in tensor.shape.as_list()]
                sent[there][tensor.name] = tensor.dtype.size * math.prod(sides)
    return sum(sent[worker].values()), sum(sent[chief].values())


def iterations_per_s(name: str, data_dir: str, towers: int, machines: int) -> float:
    """Returns the iterations a second between two pictures of a real run, without its start."""
    iters = ITERS.get(name, MANY)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        words = [sys.executable, "-m", "vanilla_gan", f"--system={name}", "--device=cpu"]
        words += [f"--iters={2 * iters + 1}", f"--sample_every={iters}", "--health_every=0"]
        words += [f"--data_dir={data_dir}", f"--out={folder}/out", "--seed=1"]
        if machines == 1:
            words.append(f"--towers={towers}")
        addresses = [f"127.0.0.1:{port}" for port in _free_ports(machines)]
        started = []
        for index in range(machines):
            task = {"type": "worker", "index": index}
            config = {"cluster": {"worker": addresses}, "task": task}
            environment = {**os.environ, "TF_CONFIG": json.dumps(config)}
            started.append(subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL))
            stack.callback(started[-1].kill)
        statuses = {process.wait() for process in started}
        if statuses != {0}:
            raise SystemExit(f"{name} on {machines} machines has failed")
        taken = [pathlib.Path(folder, "out", f"00{k}.png").stat().st_mtime for k in (1, 2)]
    return iters / (taken[1] - taken[0])


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


def fastest(one_s: float, worker_s: float) -> int:
    """Returns with how many machines an iteration is fastest.

    Args:
      one_s: seconds that an iteration takes on one machine.
      worker_s: seconds for which an iteration occupies the network, for each worker.
    """
    machines = 1
    while one_s / (machines * (machines + 1)) > worker_s:
        machines += 1
    return machines


def table(head: list[str], rows: list[list[str]]) -> None:
    """Prints a table in Markdown."""
    for cells in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(cells)} |")
    print()


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--systems", default="vanilla,conv")
    asked = parser.parse_args()
    set_environment()
    measured, sent, best = [], [], []
    for name in asked.systems.split(","):
        rates = {}
        for towers, machines in [*((k, 1) for k in COUNTS), *((1, k) for k in COUNTS[1:])]:
            rate = iterations_per_s(name, asked.data_dir, towers, machines)
            print(f"{name}: {towers} towers, {machines} machines: {rate:.3g}/s", file=sys.stderr)
            rates[towers, machines] = rate
        measured.append([f"`{name}`", *(f"{rate:.3g}" for rate in rates.values())])
        there, back = bytes_of_worker(name)
        # Both directions at once would take half as long, but a step waits for each of them.
        times_s = [(there + back) * 8e-9 / rate for rate in GBIT_S]
        sizes = [f"{size / 1e6:.3g} MB" for size in (there, back)]
        sent.append([f"`{name}`", *sizes, *(f"{1000 * time_s:.3g} ms" for time_s in times_s)])
        one_s = 1 / rates[1, 1]
        row = [f"`{name}`", f"{1000 * one_s:.3g} ms"]
        best.append([*row, *(str(fastest(one_s, time_s)) for time_s in times_s)])
    networks = [f"{rate} Gbit/s" for rate in GBIT_S]
    over = ["1 tower", "2 towers", "4 towers", "2 machines", "4 machines"]
    table(["iterations a second", *over], measured)
    table(["an iteration sends", "to a worker", "back", *networks], sent)
    table(["fastest on machines", "an iteration on one", *networks], best)


if __name__ == "__main__":
    main()
