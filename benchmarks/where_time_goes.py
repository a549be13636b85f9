"""Prints where the time of an iteration of `--engine loop` goes, by kind of operation.

    .venv/bin/python benchmarks/where_time_goes.py [--system conv] [--batch_size 32] [--names]

Operations run one at a time in one thread, so that none waits for another; the first column is the
time of an operation itself. Tracing adds some microseconds to each, so the sum is more than such an
iteration takes.
"""

from __future__ import annotations

import argparse
import collections
import statistics
from typing import Any

import numpy as np

from vanilla_gan.cli.main import set_environment
from vanilla_gan.engines.model import open_model
from vanilla_gan.engines.session import choose_device
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.settings import PRECISIONS, RunConfig
from vanilla_gan.systems import SYSTEMS

N = 55_000


def traced(config: RunConfig, iterations: int) -> list[tuple[str, str, float]]:
    """Trains on random images; returns kind, name and microseconds of each operation that ran."""
    stream = np.random.RandomState(0)
    images = stream.randint(0, 256, (N, 784), np.uint8)
    with open_model(config, choose_device("cpu"), images.shape) as model:
        model.initialise()
        loop, session = model.loop, model.session
        assert loop is not None
        for variables, data in ((loop.images, images), (loop.labels, np.arange(N) % 10)):
            for variable in variables:
                session.run(variable.initializer, {variable.initializer.inputs[1]: data})
        shape = (iterations, config.resolved_int("batch_size"))
        z_dim, further = config.resolved_int("z_dim"), (shape[0], config.D_steps - 1, shape[1])
        drawn = {
            loop.rows: stream.randint(0, N, shape),
            loop.Z_D: stream.uniform(-1.0, 1.0, (*shape, z_dim)),
            loop.Z_G: stream.uniform(-1.0, 1.0, (*shape, z_dim)),
            loop.D_rows: stream.randint(0, N, further),
            loop.D_Z: stream.uniform(-1.0, 1.0, (*further, z_dim)),
            loop.classes: stream.randint(0, config.num_classes, shape),
            loop.D_classes: stream.randint(0, config.num_classes, further),
            loop.first: 0,
        }
        feeds = {of: values for of, values in drawn.items() if of is not None}
        fetches = [*loop.scalars.values()]
        session.run(fetches, feeds)
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        # Tracing takes memory between the tensors. Until all of them have found new places, the
        # operating system must give them pages, which seems to slow the operations that need them.
        for _ in range(4):
            metadata = tf.RunMetadata()
            session.run(fetches, feeds, options=options, run_metadata=metadata)
    return [_operation(node) for of in metadata.step_stats.dev_stats for node in of.node_stats]


def _operation(node: Any) -> tuple[str, str, float]:
    # "[memory] name = Kind(inputs)"
    kind = node.timeline_label.rpartition(" = ")[2].partition("(")[0]
    name = node.node_name.replace("training_loop/while/body/_1/", "")
    return kind, name, (node.op_end_rel_nanos - node.op_start_rel_nanos) / 1e3


def main() -> None:
    """Traces and prints."""
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--system", choices=tuple(SYSTEMS), default="vanilla")
    flags.add_argument("--precision", choices=PRECISIONS, default="float32")
    flags.add_argument("--batch_size", type=int, help="images per step")
    flags.add_argument("--h_dim", type=int, help="hidden units of both networks")
    flags.add_argument("--iterations", type=int, help="iterations to trace: 100, or 4 for conv")
    flags.add_argument("--names", action="store_true", help="a row per operation, not per kind")
    flags.add_argument("--rows", type=int, default=20, help="how many rows to print")
    options = flags.parse_args()
    set_environment()
    iterations = options.iterations or (4 if options.system == "conv" else 100)
    config = RunConfig(
        system=options.system,
        precision=options.precision,
        batch_size=options.batch_size,
        h_dim=options.h_dim,
        seed=0,
        intra_op_threads=1,
        inter_op_threads=1,
    )
    took: dict[tuple[str, str], list[float]] = collections.defaultdict(list)
    for kind, name, us in traced(config.resolved().counted(N), iterations):
        took[kind, name].append(us)
    sums: collections.Counter[str] = collections.Counter()
    counts: collections.Counter[str] = collections.Counter()
    for (kind, name), times in took.items():
        row = f"{kind} {name}" if options.names else kind
        # The median, so that a single interruption of an operation does not count.
        sums[row] += statistics.median(times) * len(times) / iterations
        counts[row] += len(times)
    rows = [(us, counts[row] / iterations, row) for row, us in sums.most_common()]
    total = sum(us for us, _, _ in rows)
    print(f"{'us':>10} {'share':>6} {'times':>6}  an iteration, one operation at a time")
    for us, times, name in rows[: options.rows]:
        print(f"{us:10.1f} {us / total:6.1%} {times:6.1f}  {name}")
    print(f"{total:10.1f} {1:6.0%} {sum(row[1] for row in rows):6.1f}  all")


if __name__ == "__main__":
    main()
