"""How many threads an operation of a training run gets if the user does not say."""

from __future__ import annotations

import itertools
import os

from vanilla_gan.declare import several
from vanilla_gan.settings import RunConfig

# TensorFlow 2.21 anyway gives one thread to a product of up to about this many floating point
# operations: it does so at 26 million, but not at 51 million.
ONE_THREAD_FLOP = 32e6


def usable_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_within_operation(config: RunConfig, cores: int) -> int:
    """Returns the `intra_op_threads` of a run on the CPU, as asked for or chosen.

    In the loop, the two networks of a fully connected system work side by side, and each gets half
    of the cores; the feed engine's two steps run one after the other. Small networks get one core:
    otherwise TensorFlow would hand each pass over a vector of a few hundred numbers to a second
    thread and wait 20 us for it. A convolution gets all cores. Several towers share the cores.
    """
    if config.intra_op_threads:
        return config.intra_op_threads
    cores = max(1, cores // config.towers)
    if config.h_dim is None:
        return cores
    X_dim = config.image_shape.size
    # Images are at both ends: they go into D's first layer and come out of G's last one.
    widths = [X_dim, *several(config.h_dim), X_dim]
    weights = max(rows * columns for rows, columns in itertools.pairwise(widths))
    largest_product = 2 * config.images_a_step * weights
    if largest_product <= ONE_THREAD_FLOP:
        return 1
    return max(1, cores // 2) if config.engine == "loop" else cores
