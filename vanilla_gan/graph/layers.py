"""Layers made of `tf.get_variable`: dense, convolutions, batch norm, leaky ReLU.

Each takes the name of the variable scope in which its variables stand, creates them, or reuses
them where the scope around it says so. Images are [B, H, W, C]. Variables are float32, and so is
all else, but that a layer in training mode gives what its pass computes in.
"""

from __future__ import annotations

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
    """Makes weight and bias of fully connected layers, `D_W1` and `D_b1`, `D_W2` and `D_b2`, ...

    They stand in the current scope.

    Args:
      player: "D" or "G".
      sizes: of the input, of each hidden layer, and of the result.
      init: of the weights, as `weight_var` takes it.
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
    """Returns `h` behind hidden layers, each with ReLU: those beyond the one of the listings.

    With a `rate`, each has its dropout in training.
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

    Its variables are `NAME/kernel`, which begins as `weight_var` says, and `NAME/bias`, zero, as
    `tf.layers.dense` names them.

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

    H' and W' are H and W divided by `stride`, rounded up. Its variables are `NAME/kernel`, xavier,
    [size, size, C, filters], and `NAME/bias`, zero. Zeros are laid around the image ("SAME").
    In training it is made for speed, so that its last bit may be another one.

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

    H' and W' are H and W times `stride`. Its variable is `NAME/kernel`, xavier, [size, size,
    filters, C]; there is no bias. It is the gradient of a "SAME" convolution of that kernel with
    respect to its input. In training it is made for speed, so that its last bit may be another one.

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

    In training mean and variance are those of the batch over all other axes (the biased variance,
    divided by the number of values), and the moving averages take 1/100 of them:
    `moving = 0.99 * moving + 0.01 * batch`, an operation that runs with the step.
    In inference mean and variance are the moving averages.

    Its variables are `NAME/gamma`, one, and `NAME/beta`, zero, which are trained; and
    `NAME/moving_mean`, zero, and `NAME/moving_variance`, one, which are not. All are [C].

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
            # The fused kernel wants images; it gives the variance divided by one value less.
            images = x if x.shape.rank == 4 else tf.reshape(x, [-1, 1, 1, channels])
            normed, mean, unbiased = tf.nn.fused_batch_norm(images, gamma, beta, epsilon=EPSILON)
            values = tf.cast(tf.reduce_prod(tf.shape(images)[:3]), tf.float32)
            variance = unbiased * ((values - 1.0) / values)
        for moving, batch in ((moving_mean, mean), (moving_variance, variance)):
            training.keep(moving, moving * MOMENTUM + batch * (1.0 - MOMENTUM))
        return normed if normed.shape.rank == x.shape.rank else tf.reshape(normed, [-1, channels])


def _normed_together(x: Any, gamma: Any, beta: Any, over_batch: OverBatch) -> tuple[Any, Any, Any]:
    """Returns a piece of a batch normalised by mean and variance of the batch, and these two.

    The variance is the mean square of what is left behind the mean, so that it keeps its digits
    where the mean is large. All pieces wait for each other twice, and twice on the way back.
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

    In training the gradient looks at the result, which has the sign of `x`, and not at `x` as that
    of `tf.nn.leaky_relu` does. So nothing but the activation reads a layer's sum, and TensorFlow
    may fuse convolution, bias and activation; with a second reader its rewriter (2.21) breaks off
    with an error on stderr. The gradient of that gradient, for penalties, stops at the result: it
    is 0 there, which TensorFlow would carry on to the sum.
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
    """Returns a layer's input and its kernel as their product takes them."""
    if isinstance(x, Scaled):
        x, kernel = x.values, kernel * x.factor
    return (x, kernel) if training is None else training.rounded(x, kernel)


def _with_bias(y: Any, bias: Any, training: TrainingPass | None) -> Any:
    """Returns `y`, [..., C], plus `bias`, float32 [C].

    The gradient of `tf.nn.bias_add` adds up bfloat16 in bfloat16 (TensorFlow 2.21), which stands
    still where the sum is some hundred times what is added: it was seen to lose half of a sum of
    6,272. Those of a sum and `tf.reduce_sum` add up in float32, and round once. In training it is
    still `tf.nn.bias_add` on the way forth, for the reason that `leaky_relu` gives: the gradient of
    a sum would ask for the shape of `y`.
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
