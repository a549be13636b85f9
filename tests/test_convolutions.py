"""Convolutions and their gradients against TensorFlow's own kernels, whichever form they take."""

from __future__ import annotations

import numpy as np
import pytest

from vanilla_gan.graph.convolutions import convolution, transposed_convolution
from vanilla_gan.graph.tf1 import tf

# (side, side, channels, filters, size, stride): those of `conv` with fewer channels, and others.
SHAPES = [
    (28, 28, 1, 6, 5, 2),
    (14, 14, 6, 8, 5, 2),
    (7, 7, 8, 10, 5, 1),
    (6, 10, 1, 3, 5, 2),
    (9, 7, 1, 3, 5, 2),  # odd: the result is not half of it
    (9, 7, 2, 3, 5, 2),
    (8, 8, 1, 3, 3, 2),
    (8, 6, 1, 3, 4, 2),
    (9, 8, 2, 3, 3, 3),
    (5, 5, 1, 2, 1, 1),
    (4, 4, 3, 2, 2, 2),
    (8, 8, 2, 2, 1, 2),  # a stride that leaves pixels unread
]


def _normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(seed).normal(size=shape).astype(np.float32)


def _with_gradients(build, x, kernel, dy_seed):
    """Returns a result and the gradients of both arguments, for an unknown number of images."""
    with tf.Graph().as_default(), tf.Session() as session:
        images = tf.placeholder(tf.float32, [None, *x.shape[1:]])
        weights = tf.constant(kernel)
        y = build(images, weights)
        shape = session.run(tf.shape(y), {images: x})
        dy = _normal(dy_seed, *shape)
        dx, dkernel = tf.gradients(y, [images, weights], grad_ys=[tf.constant(dy)])
        assert dkernel.shape.as_list() == list(kernel.shape)
        assert y.shape.as_list()[1:] == list(shape[1:])
        return session.run([y, dx, dkernel], {images: x})


def _assert_close(got, expected):
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-6 * np.abs(theirs).max())


@pytest.mark.parametrize("bfloat16", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_convolution(shape, bfloat16):
    height, width, channels, filters, size, stride = shape
    x, kernel = _normal(0, 4, height, width, channels), _normal(1, size, size, channels, filters)
    # The session computes in float32 whatever is said: the sums are the same.
    got = _with_gradients(
        lambda x, kernel: convolution(x, kernel, stride, bfloat16=bfloat16), x, kernel, 2
    )
    expected = _with_gradients(
        lambda x, kernel: tf.nn.conv2d(x, kernel, strides=stride, padding="SAME"), x, kernel, 2
    )
    _assert_close(got, expected)


@pytest.mark.parametrize("bfloat16", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_transposed_convolution(shape, bfloat16):
    height, width, filters, channels, size, stride = shape
    x, kernel = _normal(0, 4, height, width, channels), _normal(1, size, size, filters, channels)

    def published(x, kernel):
        output = tf.stack([tf.shape(x)[0], height * stride, width * stride, filters])
        return tf.nn.conv2d_transpose(x, kernel, output, strides=stride, padding="SAME")

    got = _with_gradients(
        lambda x, kernel: transposed_convolution(x, kernel, stride, bfloat16=bfloat16), x, kernel, 2
    )
    _assert_close(got, _with_gradients(published, x, kernel, 2))


def _kinds(build, *shapes):
    with tf.Graph().as_default() as graph:
        x, kernel = (tf.placeholder(tf.float32, shape) for shape in shapes)
        y = build(x, kernel)
        tf.gradients(y, [x, kernel])
        return {operation.type for operation in graph.get_operations()}


def test_what_takes_the_other_forms():
    """One channel is laid out of four; with bfloat16 no kernel gradient is left to TensorFlow's."""
    grey = [None, 28, 28, 1], [5, 5, 1, 6]
    colours = [None, 28, 28, 3], [5, 5, 3, 6]
    assert "DepthToSpace" in _kinds(lambda x, k: convolution(x, k, 2), *grey)
    assert "DepthToSpace" not in _kinds(lambda x, k: convolution(x, k, 1), *grey)
    assert "DepthToSpace" not in _kinds(lambda x, k: convolution(x, k, 2), *colours)
    assert "Conv2DBackpropFilter" in _kinds(lambda x, k: convolution(x, k, 2), *colours)
    assert "Conv2DBackpropFilter" not in _kinds(
        lambda x, k: convolution(x, k, 2, bfloat16=True), *colours
    )
