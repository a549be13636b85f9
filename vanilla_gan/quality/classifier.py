"""A small convolutional classifier as a TensorFlow 1 graph; its features are used to judge samples.

The features of a network that tells this data set's classes apart describe what a picture shows
better than its pixels do. Distances between them cannot be compared across data sets, nor with
those of an Inception network.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from vanilla_gan.data.shape import PUBLISHED_CLASSES, PUBLISHED_SHAPE, ImageShape
from vanilla_gan.data.streams import CLASSIFIER
from vanilla_gan.graph.layers import conv2d, dense, flatten
from vanilla_gan.graph.tf1 import tf

VERSION = 1
"""Raise it with every change that gives other weights: those of an older version are not read."""
FEATURES = 128


class Classifier(NamedTuple):
    """Handles of the graph.

    Attributes:
      X: placeholder, images, float32 [B, size] in [0, 1].
      y: placeholder, their classes, int64 [B] in 0..num_classes-1.
      learning_rate: placeholder, float32 scalar.
      features: float32 [B, FEATURES], the output of the last hidden layer, at least 0.
      logits: float32 [B, num_classes].
      loss: scalar, mean cross entropy in nats.
      solver: operation, one step of Adam.
      init: operation, initialises everything; the weights follow from the seed `CLASSIFIER`.
      theta: the trained variables.
    """

    X: Any
    y: Any
    learning_rate: Any
    features: Any
    logits: Any
    loss: Any
    solver: Any
    init: Any
    theta: list[Any]


def build_classifier(
    shape: ImageShape = PUBLISHED_SHAPE, num_classes: int = PUBLISHED_CLASSES
) -> Classifier:
    """Builds the classifier of images of a shape with its loss and solver in the default graph.

    The graph should be empty; its seed is set here.
    """
    tf.set_random_seed(CLASSIFIER)
    X = tf.placeholder(tf.float32, shape=[None, shape.size], name="X")
    y = tf.placeholder(tf.int64, shape=[None], name="y")
    learning_rate = tf.placeholder(tf.float32, shape=[], name="learning_rate")

    with tf.variable_scope("classifier"):
        h = tf.reshape(X, [-1, *shape])  # [B, H, W, C]
        h = _pooled(tf.nn.relu(conv2d(h, 16, 3, "conv0")))  # [B, H/2, W/2, 16]
        h = _pooled(tf.nn.relu(conv2d(h, 32, 3, "conv1")))  # [B, H/4, W/4, 32]
        features = tf.nn.relu(dense(flatten(h), FEATURES, "dense"))  # [B, FEATURES]
        logits = dense(features, num_classes, "logits")  # [B, num_classes]

    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    theta = tf.trainable_variables()
    solver = tf.train.AdamOptimizer(learning_rate).minimize(loss, var_list=theta)
    init = tf.global_variables_initializer()
    return Classifier(X, y, learning_rate, features, logits, loss, solver, init, theta)


def _pooled(x: Any) -> Any:
    """Returns the maximum of each 2x2 pixels, [B, H, W, C] -> [B, H/2, W/2, C], rounded up."""
    return tf.nn.max_pool2d(x, ksize=2, strides=2, padding="SAME")
