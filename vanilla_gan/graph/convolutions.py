"""Fast convolutions of images, [B, H, W, C], with their gradients, for training.

They compute the sums of `tf.nn.conv2d` and `tf.nn.conv2d_transpose` with "SAME" padding. Some are
computed with another operation, for which TensorFlow 2.21 has a faster CPU kernel, so their terms
are added in another order. Measured on two cores with AVX-512; `docs/speed.md` has the times.
"""

from __future__ import annotations

from typing import Any

from vanilla_gan.graph.tf1 import tf


def convolution(x: Any, kernel: Any, stride: int) -> Any:
    """Returns a "SAME" convolution, [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), F].

    Args:
      x: images, float32 or bfloat16; H, W and C are static.
      kernel: [size, size, C, F], of the same type as `x`, as is the result.
      stride: in both directions.
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
    """Returns a "SAME" transposed convolution, [B, H, W, C] -> [B, H*stride, W*stride, F].

    Args:
      x: images or features, float32 or bfloat16; H, W and C are static.
      kernel: [size, size, F, C], of the same type as `x`, as is the result.
      stride: in both directions.
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

    The operation for transposed convolutions works on many channels at a time, so one channel
    leaves it mostly idle. Here an ordinary convolution makes four channels from each pixel of `dy`,
    which are laid out as a 2x2 square (Shi et al. 2016, https://arxiv.org/abs/1609.05158). Row
    2q + r of the result is the sum over t = 0, 1, 2 of row q + t - 1 of `dy` times row 3 - 2t + r
    of the kernel, if the kernel has that row; likewise for columns.

    Args:
      dy: [B, H, W, F].
      kernel: [5, 5, 1, F].
    """
    filters = kernel.shape.as_list()[3]
    # Row 2t + (1 - r) of `rows` is row 3 - 2t + r of the kernel, or zeros.
    rows = tf.pad(tf.reverse(kernel, [0, 1]), [[0, 1], [0, 1], [0, 0], [0, 0]])
    taps = tf.reverse(tf.reshape(rows, [3, 2, 3, 2, filters]), [1, 3])
    four = tf.reshape(tf.transpose(taps, [0, 2, 4, 1, 3]), [3, 3, filters, 4])
    return tf.nn.depth_to_space(tf.nn.conv2d(dy, four, strides=1, padding="SAME"), 2)


def _kernel_gradient(x: Any, dy: Any, shape: list[int], stride: int) -> Any:
    """Returns the gradient of a convolution with respect to its kernel.

    In bfloat16, TensorFlow's operation for this gradient is no faster than in float32, but its
    convolution is. So a convolution computes it: each channel becomes an image, and the batch
    becomes the channels. A single channel would be a single image, with no work for two cores.

    Args:
      x: its images, [B, H, W, C].
      dy: gradient of its result, [B, H', W', F].
      shape: of the kernel, [size, size, C, F].
      stride: of the convolution.
    """
    size, _, channels, _ = shape
    if size == 1 and stride > 1:
        # On AVX2, oneDNN of TensorFlow 2.21 may compute a wrong gradient here: docs/porting.md.
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
    # A strided convolution may leave pixels at the far edge unread; here they add rows to cut off.
    return tf.transpose(gradient[:, :size, :size], [1, 2, 0, 3])
