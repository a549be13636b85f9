"""How far a replay is from its trace, and how far off it may be.

Measured on a processor with AVX2 and on a GPU, TensorFlow 2.21, both engines, all recorded states
(19 small, 16 on MNIST; on the GPU the 12 small ones that ship with the package), each setting in a
process of its own; the largest difference:

    setting                                 loss  to T+4  logits samples weights (T > 0)   share
    small traces
    AVX2, 1 or 2 threads, oneDNN off       1.7e-7 2.1e-7  4.0e-7  2.4e-7  3.6e-4  6.0e-5        0
    oneDNN on, 1 or 2 threads              1.1e-7 1.8e-7  7.8e-7  1.8e-7  5.1e-4  6.0e-5        0
    ONEDNN_MAX_CPU_ISA=AVX, off            1.9e-7 2.1e-7  7.5e-7  5.4e-7  4.2e-4  6.0e-5        0
    ONEDNN_MAX_CPU_ISA=AVX, on             1.5e-7 1.9e-7  8.5e-7  5.7e-7  7.2e-4  6.0e-5        0
    ONEDNN_MAX_CPU_ISA=SSE41, off          1.7e-7 1.9e-7  5.0e-7  5.8e-7  1.3e-3  6.0e-5   3.8e-5
    ONEDNN_MAX_CPU_ISA=SSE41, on           1.6e-7 1.9e-7  7.8e-7  5.7e-7  3.9e-4  6.0e-5        0
    H100, TensorFloat-32 off               1.5e-7 2.2e-7  5.8e-7  4.1e-7  9.2e-4  6.0e-5        0
    traces on MNIST
    AVX2, 1 or 2 threads, oneDNN off       1.2e-6 1.2e-6  7.4e-7  3.6e-7  1.4e-2  3.6e-4   9.3e-6
    oneDNN on, 1 or 2 threads              9.4e-7 1.0e-6  9.3e-7  2.4e-7  4.0e-2  3.6e-4   1.9e-5
    ONEDNN_MAX_CPU_ISA=AVX, off            8.7e-7 8.7e-7  9.3e-7  6.6e-7  3.8e-2  3.6e-4   1.9e-5
    ONEDNN_MAX_CPU_ISA=AVX, on             1.5e-6 1.5e-6  1.1e-6  6.3e-7  2.7e-2  3.6e-4   2.3e-5
    ONEDNN_MAX_CPU_ISA=SSE41, off          9.4e-7 9.4e-7  7.4e-7  3.6e-7  2.7e-2  3.6e-4   1.9e-5
    ONEDNN_MAX_CPU_ISA=SSE41, on           8.7e-7 8.7e-7  8.7e-7  3.6e-7  2.7e-2  3.6e-4   2.3e-5
    H100, TensorFloat-32 off               1.3e-6 1.3e-6  1.1e-6  5.4e-7  2.8e-2  3.6e-4   2.3e-5

The limits are five times the largest of these, for processors that were not at hand (AVX-512 among
them), with two exceptions on MNIST. There, one of 80,000 inputs of a ReLU may be so near to 0 that
it rounds to the other side, which moves a unit's weights by up to a tenth of a learning rate: the
limits for the losses after T and for the share leave room for two of these. In the small traces no
such input is nearer to 0 than 5e-6 at T, 29e-6 after T (NumPy in float64). In its first step Adam
divides a gradient by its own size, so the largest difference of a weight is always at T = 0.

A GPU needs no limits of its own if TensorFloat-32 is off, which `verify` makes sure of: products
are float32 sums in another order, as they are on another processor.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vanilla_gan.agreement.replay import Replayed
from vanilla_gan.agreement.traces import Trace


class Differences(NamedTuple):
    """The largest differences between a replay and its trace, or their limits.

    Attributes:
      loss: relative, of both losses at iteration T.
      losses: relative, of both losses at T..T+4.
      logits: of D's logits, as a share of the largest of them, or of 1 if that is larger.
      samples: absolute.
      weights: absolute, of the weights after iteration T, in learning rates.
      share: of all weights after iteration T, how many are off by more than `MOVED` learning rates.
    """

    loss: float
    losses: float
    logits: float
    samples: float
    weights: float
    share: float


MOVED = 1e-3
LIMITS = {
    "offline": Differences(1e-6, 1e-6, 4e-6, 3e-6, 6.5e-3, 2e-4),
    "mnist": Differences(7.5e-6, 1e-4, 5.5e-6, 3.3e-6, 0.2, 2e-3),
}


def differences(trace: Trace, found: Replayed, learning_rate: float) -> Differences:
    """Returns how far a replay is from its trace; infinite where the replay is not finite."""
    relative = np.stack(
        [
            np.abs(ours / recorded.astype(np.float64) - 1)
            for ours, recorded in ((found.d_loss, trace.d_loss), (found.g_loss, trace.g_loss))
        ]
    )
    recorded_logits = np.concatenate([trace.d_logit_real, trace.d_logit_fake]).astype(np.float64)
    logits = np.abs(np.concatenate([found.d_logit_real, found.d_logit_fake]) - recorded_logits)
    weights = np.concatenate(
        [
            np.abs(found.after[name].astype(np.float64) - value).ravel() / learning_rate
            for name, value in trace.after.items()
        ]
    )
    values = (
        relative[:, 0].max(),
        relative.max(),
        logits.max() / max(1.0, np.abs(recorded_logits).max()),
        np.abs(found.samples.astype(np.float64) - trace.samples).max(),
        weights.max(),
        # Not `weights > MOVED`, which would count NaN as near.
        1 - (weights <= MOVED).mean(),
    )
    return Differences(*(float(value) if np.isfinite(value) else np.inf for value in values))
