"""Streams of random numbers: who draws from which, all in one table, and what makes one.

| Who | Seed | Use |
|---|---|---|
| a run: the order of its images, its noise | the run's | `PLAIN` |
| the same behind its n-th rewind | the run's | n = 1, 2, ... |
| a fork whose seed is not its parent's, from its first iteration on | its own | `FORK` |
| pictures that show the same noise each time | the run's | `PICTURES` |
| samples that are judged | `evaluate`'s, 0 during a run | `EVALUATION` |
| TensorBoard's histograms of logits | the run's | `LOGITS` |
| what a report with `--explore` goes through | 0 | `EXPLORED` |
| `sample`, and `import_images`' order | the command's | `PLAIN` |
| the built-in digits | `DIGITS` | `PLAIN` |
| `ring8` and `grid25`; `stacked_mnist` | `DIGITS` | `POINTS`; `STACKED` |
| the classifier: order of its images, and its graph | `CLASSIFIER` | `PLAIN` |
| which real images are judged beside which | `SPLIT` | `PLAIN` |
| what an export is tried with; moved by a bit | 0 | `PLAIN`; `MOVED` |
| `--tune`'s images and noise | 0 | `PLAIN` |
| the images of the small traces, as they were recorded | `OFFLINE` | `PLAIN` |
| to which side the n-th twin of a recorded run is moved | n = 0, 1, ... | `PLAIN` |

The graph draws by itself from TensorFlow's own generators, which have nothing of these: initial
weights by the run's seed and the variable's name, dropout and where penalties look by the seed, the
iteration and the name.

What has its own use beside a seed is independent of all others of that seed. `DIGITS`,
`CLASSIFIER`, `SPLIT` and `OFFLINE` are one number: its digits and its figures are known to users,
and each of them puts other things in order.
"""

from __future__ import annotations

import numpy as np

PLAIN = 0
PICTURES = 1 << 20
EVALUATION = 2 << 20
LOGITS = 3 << 20
MOVED = 4 << 20
FORK = 5 << 20
POINTS = 6 << 20
STACKED = 7 << 20
EXPLORED = 8 << 20

DIGITS = CLASSIFIER = SPLIT = OFFLINE = 20160917


def seeded(seed: int | None, use: int = PLAIN) -> np.random.RandomState:
    """Returns a stream at its beginning, numpy's MT19937.

    Args:
      seed: 0..2**32 - 1; None draws a fresh one from the operating system.
      use: `PLAIN`, for the stream that `numpy.random.seed(seed)` gives, or another of the table.
    """
    if use == PLAIN:
        return np.random.RandomState(seed)
    assert seed is not None
    return np.random.RandomState([seed, use])


def fresh_seed() -> int:
    """Returns a seed in 0..2**32 - 1, drawn from the operating system as numpy does it."""
    return int(np.random.SeedSequence().generate_state(1, np.uint32)[0])


def unread() -> np.random.RandomState:
    """Returns what a data set takes whose batches nobody asks for."""
    return seeded(0)
