"""The trained classifier in a session: images to features and classes."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.dataset import unit_scale
from vanilla_gan.data.read import DataSource
from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.engines.session import open_session
from vanilla_gan.errors import OutputError
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.weights import assign_weights, shapes_of
from vanilla_gan.quality.classifier import FEATURES, Classifier, build_classifier
from vanilla_gan.quality.classifier_store import ClassifierStore, Inform, KeptClassifier
from vanilla_gan.quality.classifier_training import CPU, train_classifier
from vanilla_gan.quality.neighbours import Floats, blocks
from vanilla_gan.settings import RunConfig


class Seen(NamedTuple):
    """What the classifier sees in images: features, float64 [n, FEATURES]; classes, intp [n]."""

    features: Floats
    classes: npt.NDArray[np.intp]


class TrainedClassifier:
    """The classifier of a data set, in an open session; `classifier(images)` looks at images.

    Attributes:
      test_accuracy: share of the data set's test images that it names right.
    """

    def __init__(self, graph: Classifier, session: Any, test_accuracy: float) -> None:
        """Holds what `open_classifier` has opened."""
        self.test_accuracy = test_accuracy
        self._graph = graph
        self._session = session

    def __call__(self, images: npt.NDArray[np.float32]) -> Seen:
        """Returns the features and classes of images, float32 [n, size] in [0, 1]."""
        return _look(self._graph, self._session, images)


@contextlib.contextmanager
def open_classifier(
    source: DataSource, data_dir: str | os.PathLike[str], inform: Inform
) -> Iterator[TrainedClassifier]:
    """Opens the classifier of a data set; trains and keeps it first if there is none.

    Args:
      source: the data.
      data_dir: the folder of all data sets, where it is kept if that can be written to.
      inform: called with lines for the user: what takes a minute, what was damaged.

    Yields:
      The classifier; its session is closed behind the block.

    Side effects: writes two files; see `classifier_store`.
    """
    with without_chatter(), tf.Graph().as_default() as graph, tf.device(CPU.name):
        train = source.splits.train
        classifier = build_classifier(train.shape, train.num_classes)
    graph.finalize()
    session = open_session(graph, RunConfig(), CPU)
    try:
        store = ClassifierStore(pathlib.Path(data_dir, source.name), source.checksum)
        kept = store.read(shapes_of(classifier.theta), inform)
        if kept is None:
            inform(
                f"training the classifier of {source.name} that samples are judged by, once; it "
                "takes about a minute"
            )
            kept = _trained(classifier, session, source)
            right = f"the classifier names {kept.test_accuracy:.2%} of the test images right"
            try:
                inform(f"{right}; kept in {store.write(kept)}")
            except OutputError as error:
                inform(f"{right}; it is not kept: {error}")
        assign_weights(session, classifier.theta, kept.weights)
        yield TrainedClassifier(classifier, session, kept.test_accuracy)
    finally:
        session.close()


def _trained(classifier: Classifier, session: Any, source: DataSource) -> KeptClassifier:
    train, test = source.splits.train, source.splits.test
    weights = train_classifier(
        train.images, train.labels, shape=train.shape, num_classes=train.num_classes
    )
    assign_weights(session, classifier.theta, weights)
    seen = _look(classifier, session, unit_scale(test.images.astype(np.float32)))
    return KeptClassifier(weights, float((seen.classes == test.labels).mean()))


def _look(classifier: Classifier, session: Any, images: npt.NDArray[np.float32]) -> Seen:
    features = np.empty((len(images), FEATURES))
    classes = np.empty(len(images), np.intp)
    for rows in blocks(len(images)):
        fetches = [classifier.features, classifier.logits]
        features[rows], logits = session.run(fetches, {classifier.X: images[rows]})
        classes[rows] = logits.argmax(axis=1)
    return Seen(features, classes)
