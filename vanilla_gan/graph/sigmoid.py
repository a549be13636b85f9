"""The sigmoid as TensorFlow 1.x computed it on the CPU, for losses that depend on its tails."""

from __future__ import annotations

from typing import Any

from vanilla_gan.graph.tf1 import tf

# Coefficients of the odd numerator and even denominator of p(x) / q(x) + 1/2, as polynomials in
# x squared, highest power first.
_P = [
    4.37031012579801e-11,
    1.15627324459942e-07,
    6.08574864600143e-05,
    8.51377133304701e-03,
    2.48287947061529e-01,
]
_Q = [
    6.10247389755681e-13,
    5.76102136993427e-09,
    6.29106785017040e-06,
    1.70198817374094e-03,
    1.16817656904453e-01,
    9.93151921023180e-01,
]


def sigmoid_tf1(x: Any) -> Any:
    """Returns the sigmoid of a float32 tensor, with the rounding of TensorFlow 1.15 on the CPU.

    TensorFlow 1.x evaluated a rational approximation. Its absolute error is up to 2.2e-7, but its
    relative error at -8 is 2e-4, and it is exactly 0 from -18 down (for some logits from -15.7
    down), where today's kernel still returns 1.5e-8. The published log losses are made of its
    logarithm, and the exact 0 is why they end in NaN. This function gives the same bits as
    TensorFlow 1.15.5 for every input that was tried.

    The gradient is that of TensorFlow in all versions, `y * (1 - y)`.

    Source: the approximation that Eigen used until 2019 for its logistic function.
    """

    @tf.custom_gradient
    def sigmoid(logits: Any) -> Any:
        clipped = tf.clip_by_value(logits, -18.0, 18.0)
        square = clipped * clipped
        p = tf.math.polyval(_P, square) * clipped
        q = tf.math.polyval(_Q, square)
        y = tf.clip_by_value(p / q + 0.5, 0.0, 1.0)

        def gradient(dy: Any) -> Any:
            return tf.raw_ops.SigmoidGrad(y=y, dy=dy)

        return y, gradient

    return sigmoid(x)
