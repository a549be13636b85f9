"""How far a replay is from its trace, and how far it may be.

Measured on a processor with AVX2, with both engines, one and two threads, oneDNN off and on, and
oneDNN restricted to AVX and to SSE 4.1; the largest of all states and settings:

| Traces | loss | losses | logits | samples | weights | share |
|---|---|---|---|---|---|---|
| small, shipped | 1.7e-7 | 2.1e-7 | 7.8e-7 | 5.7e-7 | 7.2e-4 | 0 |
| on MNIST | 1.5e-6 | 1.5e-6 | 1.1e-6 | 6.3e-7 | 4.0e-2 | 2.3e-5 |

The limits are three times that or more, for processors that round otherwise. The largest
differences of weights are those of T = 0, where Adam divides by nearly nothing; later none is above
4e-4. On a processor on which a ReLU of the large networks rounds to the other side, some weights
move otherwise, and the losses of the next iterations feel it: these limits are wider on MNIST.

A GPU adds its sums in another order, in many more parts. Its limits are `GPU_FACTOR` times as wide,
by reasoning: no GPU was at hand to measure. TensorFloat-32, which rounds products to 10 bits, is
off.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vanilla_gan.agreement.replay import Replayed
from vanilla_gan.agreement.traces import Trace


class Differences(NamedTuple):
    """The largest differences between a replay and its trace, or the limits of them.

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
    "offline": Differences(1e-6, 5e-6, 3e-6, 2e-6, 5e-3, 1e-4),
    "mnist": Differences(6e-6, 1e-4, 4e-6, 2e-6, 2e-1, 2e-3),
}
GPU_FACTOR = 4


def limits(data: str, *, on_gpu: bool = False) -> Differences:
    """Returns the largest differences that rounding is allowed, for traces on such data."""
    factor = GPU_FACTOR if on_gpu else 1
    return Differences(*(factor * limit for limit in LIMITS[data]))


def differences(trace: Trace, found: Replayed, learning_rate: float) -> Differences:
    """Returns how far a replay is from its trace; infinite where it has values that are not finite.

    Args:
      trace: what was recorded.
      found: what came out.
      learning_rate: of both Adams.
    """
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
        # Not `>`: what is not a number is off.
        1 - (weights <= MOVED).mean(),
    )
    return Differences(*(float(value) if np.isfinite(value) else np.inf for value in values))
