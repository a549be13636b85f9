"""Prints how many bytes a step of a cluster sends, and how long that takes on three networks.

    .venv/bin/python benchmarks/cluster.py

Nothing is started: it is read off the graph which tensors go from one task to another within an
iteration, with the published sizes. A worker cannot do more iterations a second than its network
carries, however fast it computes.
"""

from __future__ import annotations

from vanilla_gan.cli.main import set_environment
from vanilla_gan.engines.machines import Machines, device
from vanilla_gan.engines.task import Task
from vanilla_gan.graph.gan import build_gan
from vanilla_gan.graph.loop import build_loop
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS

GBIT_S = (1, 10, 25)


def bytes_of_worker(name: str, **settings: int) -> tuple[int, int]:
    """Returns how many bytes an iteration sends to a worker, and how many come back."""
    task = Task({"worker": ("a:1", "b:1")}, "worker", 0)
    config = RunConfig(system=name, towers=2, seed=1, **settings).resolved()
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
                sent[there][tensor.name] = tensor.dtype.size * (tensor.shape.num_elements() or 1)
    return sum(sent[worker].values()), sum(sent[chief].values())


def main() -> None:
    """Prints a row for each system that can be cut."""
    set_environment()
    print("| | to a worker | back | " + " | ".join(f"{rate} Gbit/s" for rate in GBIT_S) + " |")
    print("|---" * (3 + len(GBIT_S)) + "|")
    rows = {f"`{name}`": (name, {}) for name in ("vanilla", "layers", "conditional")}
    rows["`vanilla --h_dim 4096`"] = ("vanilla", {"h_dim": 4096})
    for called, (name, settings) in rows.items():
        there, back = bytes_of_worker(name, **settings)
        # Both ways at the same time would be half of it, but a step waits for either.
        times = [f"{(there + back) * 8e-6 / rate:.3g} ms" for rate in GBIT_S]
        print(f"| {called} | {there / 1e6:.3g} MB | {back / 1e6:.3g} MB | {' | '.join(times)} |")


if __name__ == "__main__":
    main()
