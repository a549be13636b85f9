"""Layers made of `tf.get_variable`: dense, convolutions, batch norm, leaky ReLU.

Each takes the name of its variables' scope, and creates them, or reuses them if the surrounding
scope says so. Images are [B, H, W, C]. Variables are float32, and so is everything else, except
that a layer in training mode returns the type that its pass computes in.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

from vanilla_gan.graph.convolutions import convolution, transposed_convolution
from vanilla_gan.graph.dropout import Scaled, dropped
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.together import OverBatch
from vanilla_gan.graph.training_pass import TrainingPass
from vanilla_gan.graph.variables import bias_var, scale_var, statistic_var, weight_var

MOMENTUM = 0.99
EPSILON = 1e-3


def layer_vars(player: str, sizes: Sequence[int], init: str) -> list[tuple[Any, Any]]:
    """Returns weight and bias of fully connected layers, `D_W1` and `D_b1`, `D_W2` and `D_b2`, ...

    They are created, or reused, in the current scope.

    Args:
      player: "D", "G" or "Q".
      sizes: of the input, and of each layer.
      init: of the weights, as in `weight_var`.
    """
    return [
        (weight_var(shape, f"{player}_W{layer}", init), bias_var(shape[1:], f"{player}_b{layer}"))
        for layer, shape in enumerate(itertools.pairwise(sizes), start=1)
    ]


def more_layers(
    h: Any,
    theta: Sequence[tuple[Any, Any]],
    rate: float = 0.0,
    training: TrainingPass | None = None,
) -> Any:
    """Returns `h` after the hidden layers that are added to the listings' one, each with ReLU.

    With a `rate`, each is followed by dropout in training.
    """
    for layer, (W, b) in enumerate(theta, start=2):
        h = dropped(tf.nn.relu(tf.matmul(h, W) + b), rate, f"h{layer}", training)
    return h


def dense(
    x: Any | Scaled,
    units: int,
    name: str,
    init: str | float = "xavier",
    training: TrainingPass | None = None,
    *,
    bias: bool = True,
) -> Any:
    """Returns a fully connected layer of `x`, [B, n] -> [B, units], without activation.

    Its variables have the names that `tf.layers.dense` gives: `NAME/kernel`, initialised by
    `weight_var`, and `NAME/bias`, initially zero.

    Source: `tf.layers.dense` of TensorFlow 1.x with its defaults.
    """
    with tf.variable_scope(name):
        kernel = weight_var([_values(x).shape.as_list()[-1], units], "kernel", init)
        y = tf.matmul(*_factors(x, kernel, training))
        return _with_bias(y, bias_var([units], "bias"), training) if bias else y


def conv2d(
    x: Any | Scaled,
    filters: int,
    size: int,
    name: str,
    init: str = "xavier",
    training: TrainingPass | None = None,
    *,
    stride: int = 1,
) -> Any:
    """Returns a convolution of `x`, [B, H, W, C] -> [B, H', W', filters].

    H' and W' are H and W divided by `stride`, rounded up. The image is padded with zeros ("SAME").
    Its variables are `NAME/kernel`, [size, size, C, filters], initialised as `init` says, and
    `NAME/bias`, initially zero. Training uses a faster form, whose last bit may differ.

    Source: `keras.layers.Conv2D`.
    """
    channels = _values(x).shape.as_list()[-1]
    with tf.variable_scope(name):
        kernel = weight_var(
            [size, size, channels, filters], "kernel", init, fan_in=size * size * channels
        )
        if training is None:
            y = tf.nn.conv2d(x, kernel, strides=stride, padding="SAME")
        else:
            y = convolution(*_factors(x, kernel, training), stride)
        return _with_bias(y, bias_var([filters], "bias"), training)


def conv2d_transpose(
    x: Any,
    filters: int,
    size: int,
    name: str,
    init: str = "xavier",
    training: TrainingPass | None = None,
    *,
    stride: int = 1,
) -> Any:
    """Returns a transposed convolution of `x`, [B, H, W, C] -> [B, H', W', filters].

    H' and W' are H and W times `stride`. Its variable is `NAME/kernel`, [size, size, filters, C],
    initialised as `init` says; there is no bias. It is the gradient of a "SAME" convolution of that
    kernel with respect to its input. Training uses a faster form, whose last bit may differ.

    Source: `keras.layers.Conv2DTranspose` with `use_bias=False`.
    """
    height, width, channels = x.shape.as_list()[1:]
    with tf.variable_scope(name):
        kernel = weight_var(
            [size, size, filters, channels], "kernel", init, fan_in=size * size * channels
        )
        if training is None:
            output_shape = tf.stack([tf.shape(x)[0], height * stride, width * stride, filters])
            return tf.nn.conv2d_transpose(x, kernel, output_shape, strides=stride, padding="SAME")
        return transposed_convolution(*_factors(x, kernel, training), stride)


def batch_norm(x: Any, name: str, training: TrainingPass | None) -> Any:
    """Returns `x`, [B, H, W, C] or [B, C], normalised for each of its C channels.

        gamma * (x - mean) / sqrt(variance + 1e-3) + beta

    In training, mean and variance are those of the batch over all other axes (the biased variance,
    divided by the number of values). An operation that runs with the step moves the averages
    towards them: `moving = 0.99 * moving + 0.01 * batch`.
    In inference, mean and variance are the moving averages.

    Its trained variables are `NAME/gamma`, initially one, and `NAME/beta`, initially zero. The
    averages are `NAME/moving_mean`, initially zero, and `NAME/moving_variance`, one. All are [C].

    Source: `keras.layers.BatchNormalization` with its defaults.
    """
    channels = x.shape.as_list()[-1]
    with tf.variable_scope(name):
        gamma = scale_var([channels], "gamma")
        beta = bias_var([channels], "beta")
        moving_mean = statistic_var([channels], "moving_mean", 0.0)
        moving_variance = statistic_var([channels], "moving_variance", 1.0)
        if training is None:
            return tf.nn.batch_normalization(x, moving_mean, moving_variance, beta, gamma, EPSILON)
        if training.over_batch is not None:
            normed, mean, variance = _normed_together(x, gamma, beta, training.over_batch)
        else:
            # The fused kernel takes images; its variance is divided by the number of values - 1.
            images = x if x.shape.rank == 4 else tf.reshape(x, [-1, 1, 1, channels])
            normed, mean, unbiased = tf.nn.fused_batch_norm(images, gamma, beta, epsilon=EPSILON)
            values = tf.cast(tf.reduce_prod(tf.shape(images)[:3]), tf.float32)
            variance = unbiased * ((values - 1.0) / values)
        for moving, batch in ((moving_mean, mean), (moving_variance, variance)):
            training.keep(moving, functools.partial(_moved, batch))
        return normed if normed.shape.rank == x.shape.rank else tf.reshape(normed, [-1, channels])


def _moved(batch: Any, moving: Any) -> Any:
    return moving * MOMENTUM + batch * (1.0 - MOMENTUM)


def _normed_together(x: Any, gamma: Any, beta: Any, over_batch: OverBatch) -> tuple[Any, Any, Any]:
    """Returns a piece of a batch normalised by the batch's mean and variance, and these two.

    The variance is the mean square of the centred values, so that it stays accurate if the mean is
    large. All pieces wait for each other twice, and twice more in the backward pass.
    """
    scope, axes = tf.get_variable_scope().name, list(range(x.shape.rank - 1))
    values = tf.cast(x, tf.float32)
    mean = over_batch(tf.reduce_mean(values, axes), f"{scope}/mean")
    centred = values - mean
    variance = over_batch(tf.reduce_mean(tf.square(centred), axes), f"{scope}/variance")
    normed = centred * (tf.rsqrt(variance + EPSILON) * gamma) + beta
    return tf.cast(normed, x.dtype), mean, variance


def leaky_relu(x: Any, slope: float, training: TrainingPass | None) -> Any:
    """Returns `x` where it is positive, and `slope * x` elsewhere; `slope` is above 0.

    In training, the gradient takes the sign of `x` from the result, and not from `x`, as that of
    `tf.nn.leaky_relu` does. So only the activation reads a layer's sum, and TensorFlow can fuse
    convolution, bias and activation; with a second reader, its rewriter (2.21) gives up with an
    error on stderr. The gradient of this gradient, which penalties need, stops at the result: it
    is 0 there, and TensorFlow's own would pass that 0 on to the sum.
    """
    if training is None:
        return tf.nn.leaky_relu(x, alpha=slope)

    @tf.custom_gradient
    def activation(features: Any) -> Any:
        y = tf.nn.leaky_relu(features, alpha=slope)

        def gradient(dy: Any) -> Any:
            signs = tf.stop_gradient(y)
            return tf.raw_ops.LeakyReluGrad(gradients=dy, features=signs, alpha=slope)

        return y, gradient

    return activation(x)


def flatten(x: Any | Scaled) -> Any | Scaled:
    """Returns `x`, [B, ...], as [B, n]."""
    if isinstance(x, Scaled):
        return x._replace(values=flatten(x.values))
    return tf.reshape(x, [-1, math.prod(x.shape.as_list()[1:])])


def _values(x: Any | Scaled) -> Any:
    return x.values if isinstance(x, Scaled) else x


def _factors(x: Any | Scaled, kernel: Any, training: TrainingPass | None) -> tuple[Any, Any]:
    """Returns a layer's input and kernel as factors of its product: scaled and rounded."""
    if isinstance(x, Scaled):
        x, kernel = x.values, kernel * x.factor
    return (x, kernel) if training is None else training.rounded(x, kernel)


def _with_bias(y: Any, bias: Any, training: TrainingPass | None) -> Any:
    """Returns `y`, [..., C], plus `bias`, float32 [C].

    The gradient of `tf.nn.bias_add` adds up bfloat16 in bfloat16 (TensorFlow 2.21). Such a sum
    stops growing once it is some hundred times as large as its terms: a sum of 6,272 ones was seen
    to lose half. The gradient of `+`, and `tf.reduce_sum`, add up in float32 and round once. In
    training, the forward pass still uses `tf.nn.bias_add`, for the reason that `leaky_relu` gives:
    the gradient of `+` would read the shape of `y`.
    """
    if training is None:
        return y + bias

    @tf.custom_gradient
    def added(y: Any, bias: Any) -> Any:
        def gradient(dy: Any) -> tuple[Any, Any]:
            axes = list(range(dy.shape.rank - 1))
            return dy, tf.cast(tf.reduce_sum(dy, axes), tf.float32)

        return tf.nn.bias_add(y, tf.cast(bias, y.dtype)), gradient

    return added(y, bias)
