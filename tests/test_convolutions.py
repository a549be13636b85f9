"""Convolutions and their gradients against TensorFlow's own kernels, whichever form they take."""

from __future__ import annotations

import numpy as np
import pytest
from bfloat16 import needs_bfloat16

from vanilla_gan.graph.convolutions import convolution, transposed_convolution
from vanilla_gan.graph.tf1 import tf

# (side, side, channels, filters, size, stride): as in `conv` with fewer channels, and others.
SHAPES = [
    (28, 28, 1, 6, 5, 2),
    (14, 14, 6, 8, 5, 2),
    (7, 7, 8, 10, 5, 1),
    (6, 10, 1, 3, 5, 2),
    (9, 7, 1, 3, 5, 2),  # odd: the result is not exactly half as large
    (9, 7, 2, 3, 5, 2),
    (8, 8, 1, 3, 3, 2),
    (8, 6, 1, 3, 4, 2),
    (9, 8, 2, 3, 3, 3),
    (5, 5, 1, 2, 1, 1),
    (4, 4, 3, 2, 2, 2),
]


TYPES = [tf.float32, pytest.param(tf.bfloat16, marks=needs_bfloat16)]
each_type = pytest.mark.parametrize("dtype", TYPES, ids=["float32", "bfloat16"])


def _drawn(seed, shape, dtype):
    """Returns normal numbers; in bfloat16 -1, 0 and 1, whose sums are exact up to 256."""
    stream = np.random.RandomState(seed)
    drawn = stream.normal(size=shape) if dtype == tf.float32 else stream.randint(-1, 2, shape)
    return np.float32(drawn)


def _with_gradients(build, x, kernel, dtype, drawn_as):
    """Returns a result and the gradients of both arguments, for an unknown number of images."""
    with tf.Graph().as_default(), tf.Session() as session:
        images, weights = tf.placeholder(tf.float32, [None, *x.shape[1:]]), tf.constant(kernel)
        y = build(tf.cast(images, dtype), tf.cast(weights, dtype))
        assert y.dtype == dtype
        shape = session.run(tf.shape(y), {images: x})
        dy = tf.cast(_drawn(2, shape, drawn_as), dtype)
        dx, dkernel = tf.gradients(y, [images, weights], grad_ys=[dy])
        assert dkernel.shape.as_list() == list(kernel.shape)
        assert y.shape.as_list()[1:] == list(shape[1:])
        return session.run([tf.cast(y, tf.float32), dx, dkernel], {images: x})


def _assert_same_sums(ours, published, x, kernel, dtype):
    """Compares our form with TensorFlow's in float32; if ours is in bfloat16, to the last bit."""
    got = _with_gradients(ours, x, kernel, dtype, dtype)
    expected = _with_gradients(published, x, kernel, tf.float32, dtype)
    for one, other in zip(got, expected, strict=True):
        assert one.shape == other.shape
        assert 0 < np.abs(other).max() <= 256
        atol = 2e-6 * np.abs(other).max() if dtype == tf.float32 else 0.0
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


@each_type
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_convolution(shape, dtype):
    height, width, channels, filters, size, stride = shape
    _assert_same_sums(
        lambda x, kernel: convolution(x, kernel, stride),
        lambda x, kernel: tf.nn.conv2d(x, kernel, strides=stride, padding="SAME"),
        _drawn(0, (4, height, width, channels), dtype),
        _drawn(1, (size, size, channels, filters), dtype),
        dtype,
    )


@each_type
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_transposed_convolution(shape, dtype):
    height, width, filters, channels, size, stride = shape

    def published(x, kernel):
        output = tf.stack([tf.shape(x)[0], height * stride, width * stride, filters])
        return tf.nn.conv2d_transpose(x, kernel, output, strides=stride, padding="SAME")

    _assert_same_sums(
        lambda x, kernel: transposed_convolution(x, kernel, stride),
        published,
        _drawn(0, (4, height, width, channels), dtype),
        _drawn(1, (size, size, filters, channels), dtype),
        dtype,
    )


def test_a_kernel_of_one_pixel_with_a_stride_that_leaves_pixels_unread():
    # Computed by hand, because oneDNN's gradient of the kernel may be wrong on AVX2.
    x, kernel = _drawn(0, (4, 8, 8, 2), tf.float32), _drawn(1, (1, 1, 2, 3), tf.float32)
    (k,), read = kernel[0], x[:, ::2, ::2]
    y, dx, dkernel = _with_gradients(
        lambda x, kernel: convolution(x, kernel, 2), x, kernel, tf.float32, tf.float32
    )
    dy = _drawn(2, y.shape, tf.float32)
    expected_dx = np.zeros_like(x)
    expected_dx[:, ::2, ::2] = dy @ k.T
    np.testing.assert_allclose(y, read @ k, atol=1e-5)
    np.testing.assert_allclose(dx, expected_dx, atol=1e-5)
    np.testing.assert_allclose(dkernel[0, 0], np.einsum("bhwc,bhwf->cf", read, dy), atol=1e-4)

    y, dx, dkernel = _with_gradients(
        lambda x, kernel: transposed_convolution(x, kernel, 2),
        *(x, kernel.transpose(0, 1, 3, 2), tf.float32, tf.float32),
    )
    dy = _drawn(2, y.shape, tf.float32)
    expected_y = np.zeros_like(y)
    expected_y[:, ::2, ::2] = x @ k
    np.testing.assert_allclose(y, expected_y, atol=1e-5)
    np.testing.assert_allclose(dx, dy[:, ::2, ::2] @ k.T, atol=1e-5)
    expected = np.einsum("bhwf,bhwc->fc", dy[:, ::2, ::2], x)
    np.testing.assert_allclose(dkernel[0, 0], expected, atol=1e-4)


def _kinds(build, *shapes, dtype=tf.float32):
    with tf.Graph().as_default() as graph:
        x, kernel = (tf.placeholder(dtype, shape) for shape in shapes)
        y = build(x, kernel)
        tf.gradients(y, [x, kernel])
        return {operation.type for operation in graph.get_operations()}


def test_what_takes_the_other_forms():
    """One channel is made from four; for several, bfloat16 has its own gradient of the kernel."""
    grey = [None, 28, 28, 1], [5, 5, 1, 6]
    colours = [None, 28, 28, 3], [5, 5, 3, 6]
    assert "DepthToSpace" in _kinds(lambda x, k: convolution(x, k, 2), *grey)
    assert "DepthToSpace" not in _kinds(lambda x, k: convolution(x, k, 1), *grey)
    assert "DepthToSpace" not in _kinds(lambda x, k: convolution(x, k, 2), *colours)
    assert "Conv2DBackpropFilter" in _kinds(lambda x, k: convolution(x, k, 2), *colours)
    assert "Conv2DBackpropFilter" not in _kinds(
        lambda x, k: convolution(x, k, 2), *colours, dtype=tf.bfloat16
    )
