"""Trains the classifier on the labelled images of a data set, to the same weights each time."""

from __future__ import annotations

import contextlib

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.data.shape import PUBLISHED_CLASSES, PUBLISHED_SHAPE, ImageShape
from vanilla_gan.data.streams import CLASSIFIER, seeded
from vanilla_gan.engines.session import Device, open_session
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.weights import Weights, variables_by_name
from vanilla_gan.quality.classifier import build_classifier
from vanilla_gan.settings import RunConfig

EPOCHS = 4
BATCH = 64
# At Adam's first step; from there it falls linearly to 0.
LEARNING_RATE = 2e-3
CPU = Device("/CPU:0", "the classifier is always there, so that its figures are the same")


def train_classifier(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    epochs: int = EPOCHS,
    *,
    shape: ImageShape = PUBLISHED_SHAPE,
    num_classes: int = PUBLISHED_CLASSES,
) -> Weights:
    """Returns the weights of a classifier, by name.

    Four epochs on MNIST's 55,000 images take about a minute on two cores and reach 99.2% on its
    test images. All draws have fixed seeds: on one machine the weights are the same to the bit.

    Args:
      images: uint8 [N, size], or with more dimensions for an image, N at least 1.
      labels: uint8 [N] in 0..num_classes-1.
      epochs: passes through the images.
      shape, num_classes: of the data.
    """
    with tf.Graph().as_default() as graph, tf.device(CPU.name):
        classifier = build_classifier(shape, num_classes)
    data = DataSet(images, labels, seeded(CLASSIFIER), shape=shape, num_classes=num_classes)
    batch_size = min(BATCH, data.num_examples)
    steps = epochs * (data.num_examples // batch_size)
    with contextlib.closing(open_session(graph, RunConfig(), CPU)) as session:
        session.run(classifier.init)
        for step in range(steps):
            X_mb, y_mb = data.next_batch(batch_size)
            feeds = {
                classifier.X: X_mb,
                classifier.y: y_mb.argmax(axis=1),
                classifier.learning_rate: LEARNING_RATE * (1.0 - step / steps),
            }
            session.run(classifier.solver, feeds)
        return variables_by_name(session, classifier.theta)
