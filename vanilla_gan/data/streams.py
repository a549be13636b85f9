"""Streams of random numbers: a table of who draws from which, and the function that makes one.

| Who | Seed | Use |
|---|---|---|
| a run: the order of its images, its noise | the run's | `PLAIN` |
| the same after its n-th rewind | the run's | n = 1, 2, ... |
| a fork whose seed is not its parent's, from its first iteration on | its own | `FORK` |
| pictures that show the same noise each time | the run's | `PICTURES` |
| samples for the quality figures | `evaluate`'s, 0 during a run | `EVALUATION` |
| TensorBoard's histograms of logits | the run's | `LOGITS` |
| noise in the explorer of a report, `--explore` | 0 | `EXPLORED` |
| `sample`, and `import_images`' order | the command's | `PLAIN` |
| the built-in digits | `DIGITS` | `PLAIN` |
| `ring8` and `grid25`; `stacked_mnist` | `DIGITS` | `POINTS`; `STACKED` |
| the classifier: order of its images, and its graph | `CLASSIFIER` | `PLAIN` |
| real images for the quality figures | `SPLIT` | `PLAIN` |
| noise that checks an export; its change by one bit | 0 | `PLAIN`; `MOVED` |
| `--tune`'s images and noise | 0 | `PLAIN` |
| the images of the small recorded traces | `OFFLINE` | `PLAIN` |
| the side to which a recorded run's n-th twin moves each initial weight | n = 0, 1, ... | `PLAIN` |

The graph does not draw from these streams but from TensorFlow's own generators: initial weights
follow from the run's seed and the variable's name; dropout, noise on images and where penalties
look follow from the seed, the iteration and a name.

Streams with the same seed and different uses are independent. `DIGITS`, `CLASSIFIER`, `SPLIT` and
`OFFLINE` are the same number and stay so, because users have digits and figures made with it. That
does no harm: each of them draws something else.
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
      use: `PLAIN` for the stream that `numpy.random.seed(seed)` gives, or another from the table.
    """
    if use == PLAIN:
        return np.random.RandomState(seed)
    assert seed is not None
    return np.random.RandomState([seed, use])


def fresh_seed() -> int:
    """Returns a seed in 0..2**32 - 1, drawn from the operating system by numpy."""
    return int(np.random.SeedSequence().generate_state(1, np.uint32)[0])


def unread() -> np.random.RandomState:
    """Returns a stream for a data set whose batches are never drawn."""
    return seeded(0)
