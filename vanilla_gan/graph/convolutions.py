"""Convolutions of images, [B, H, W, C], for training: with their gradients, and fast.

The sums are those of `tf.nn.conv2d` and `tf.nn.conv2d_transpose` with "SAME" padding; some are
formed by another operation, which TensorFlow 2.21 has a faster kernel for on processors, so in
another order. Measured on two cores with AVX-512; `docs/speed.md` has the times.
"""

from __future__ import annotations

from typing import Any

from vanilla_gan.graph.tf1 import tf


def convolution(x: Any, kernel: Any, stride: int) -> Any:
    """Returns a "SAME" convolution, [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), F].

    Args:
      x: images, float32 or bfloat16; H, W and C are known.
      kernel: [size, size, C, F], of the same type, which the result has too.
      stride: of both directions.
    """
    sides = x.shape.as_list()[1:3]

    @tf.custom_gradient
    def convolved(x: Any, kernel: Any) -> Any:
        def gradient(dy: Any) -> tuple[Any, Any]:
            dx = _images_from(dy, kernel, sides, stride)
            return dx, _kernel_gradient(x, dy, kernel.shape.as_list(), stride)

        return tf.nn.conv2d(x, kernel, strides=stride, padding="SAME"), gradient

    return convolved(x, kernel)


def transposed_convolution(x: Any, kernel: Any, stride: int) -> Any:
    """Returns what `convolution` makes of a gradient: [B, H, W, C] -> [B, H*stride, W*stride, F].

    Args:
      x: images, or features of them, float32 or bfloat16; H, W and C are known.
      kernel: [size, size, F, C], of the same type, which the result has too.
      stride: of both directions.
    """
    sides = [side * stride for side in x.shape.as_list()[1:3]]

    @tf.custom_gradient
    def convolved(x: Any, kernel: Any) -> Any:
        def gradient(dy: Any) -> tuple[Any, Any]:
            dx = tf.nn.conv2d(dy, kernel, strides=stride, padding="SAME")
            return dx, _kernel_gradient(dy, x, kernel.shape.as_list(), stride)

        return _images_from(x, kernel, sides, stride), gradient

    return convolved(x, kernel)


def _images_from(dy: Any, kernel: Any, sides: list[int], stride: int) -> Any:
    """Returns the gradient of a convolution with respect to its images, [B, H, W, C].

    Args:
      dy: gradient of the result, [B, H', W', F].
      kernel: of the convolution, [size, size, C, F].
      sides: height and width of the images.
      stride: of the convolution.
    """
    size, _, channels, _ = kernel.shape.as_list()
    doubled = [2 * side for side in dy.shape.as_list()[1:3]] == sides
    if stride == 2 and size == 5 and channels == 1 and doubled:
        return _grey_images_from(dy, kernel)
    shape = tf.stack([tf.shape(dy)[0], *sides, channels])
    return tf.nn.conv2d_transpose(dy, kernel, shape, strides=stride, padding="SAME")


def _grey_images_from(dy: Any, kernel: Any) -> Any:
    """Returns a transposed convolution to one channel: [B, H, W, F] -> [B, 2 * H, 2 * W, 1].

    A kernel for transposed convolutions works on many channels at a time and is idle with one. So
    each pixel of `dy` gives a square of 2x2 as four channels of an ordinary convolution, which are
    then laid out (Shi et al. 2016, https://arxiv.org/abs/1609.05158). Pixel 2q + r of the result is
    the sum over t = 0, 1, 2 of pixel q + t - 1 of `dy` times row 3 - 2t + r of the kernel, where it
    has that row; likewise for columns.

    Args:
      dy: [B, H, W, F].
      kernel: [5, 5, 1, F].
    """
    filters = kernel.shape.as_list()[3]
    # Row 2t + (1 - r) of the reversed and padded kernel.
    rows = tf.pad(tf.reverse(kernel, [0, 1]), [[0, 1], [0, 1], [0, 0], [0, 0]])
    taps = tf.reverse(tf.reshape(rows, [3, 2, 3, 2, filters]), [1, 3])
    four = tf.reshape(tf.transpose(taps, [0, 2, 4, 1, 3]), [3, 3, filters, 4])
    return tf.nn.depth_to_space(tf.nn.conv2d(dy, four, strides=1, padding="SAME"), 2)


def _kernel_gradient(x: Any, dy: Any, shape: list[int], stride: int) -> Any:
    """Returns the gradient of a convolution with respect to its kernel.

    In bfloat16 TensorFlow's kernel for this gradient is no faster than in float32, but that for
    convolutions is. So each channel becomes an image, and the batch its channels. A single channel
    would be a single image, with no work for two cores.

    Args:
      x: its images, [B, H, W, C].
      dy: gradient of its result, [B, H', W', F].
      shape: of the kernel, [size, size, C, F].
      stride: of the convolution.
    """
    size, _, channels, _ = shape
    if size == 1 and stride > 1:
        # On AVX2, oneDNN of TensorFlow 2.21 gives another gradient for this: docs/porting.md.
        x, stride = x[:, ::stride, ::stride], 1
    if x.dtype != tf.bfloat16 or channels == 1:
        return tf.nn.conv2d_backprop_filter(x, shape, dy, [1, stride, stride, 1], "SAME")
    pads = []
    for side, result_side in zip(x.shape.as_list()[1:3], dy.shape.as_list()[1:3], strict=True):
        pad = max((result_side - 1) * stride + size - side, 0)
        pads.append([pad // 2, pad - pad // 2])
    gradient = tf.nn.conv2d(
        tf.transpose(x, [3, 1, 2, 0]),
        tf.transpose(dy, [1, 2, 0, 3]),
        strides=1,
        padding=[[0, 0], *pads, [0, 0]],
        dilations=stride,
    )
    # With a stride, a convolution may leave pixels at the far edge unread; here they make more.
    return tf.transpose(gradient[:, :size, :size], [1, 2, 0, 3])
