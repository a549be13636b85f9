"""How many threads an operation of a training run gets where the user does not say."""

from __future__ import annotations

import itertools
import os

from vanilla_gan.declare import several
from vanilla_gan.settings import RunConfig

# A product of so many floating point operations TensorFlow 2.21 gives one thread anyway: of 26
# million it does, of 51 million it does not.
ONE_THREAD_FLOP = 32e6


def usable_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_within_operation(config: RunConfig, cores: int) -> int:
    """Returns the `intra_op_threads` of a run on the CPU, as asked for or chosen.

    In the loop, the two networks of a fully connected system work side by side, and each has half
    of the cores; the feed engine's two steps wait for each other. Small networks have one core:
    TensorFlow would hand every passage through a vector of some hundred numbers to a second thread
    and wait 20 us for it. A convolution is worth all cores. Several towers share the cores.
    """
    if config.intra_op_threads:
        return config.intra_op_threads
    cores = max(1, cores // config.towers)
    if config.h_dim is None:
        return cores
    X_dim = config.image_shape.size
    # Between the images of either network, the last of G's and the first of D's.
    widths = [X_dim, *several(config.h_dim), X_dim]
    weights = max(rows * columns for rows, columns in itertools.pairwise(widths))
    largest_product = 2 * config.images_a_step * weights
    if largest_product <= ONE_THREAD_FLOP:
        return 1
    return max(1, cores // 2) if config.engine == "loop" else cores
