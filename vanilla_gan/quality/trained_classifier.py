"""The trained classifier in a session: images to features and classes."""

from __future__ import annotations

import contextlib
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
from vanilla_gan.graph.weights import Weights, assign_weights, shapes_of
from vanilla_gan.quality.classes import says_little
from vanilla_gan.quality.classifier import FEATURES, Classifier, build_classifier
from vanilla_gan.quality.classifier_store import ClassifierStore, Inform, KeptClassifier
from vanilla_gan.quality.classifier_training import CPU, train_classifier
from vanilla_gan.quality.neighbours import Floats, blocks
from vanilla_gan.say import phase
from vanilla_gan.settings import RunConfig

# How much the share of correct test images may differ, because processors round differently.
_ROUNDING = 0.002


class Seen(NamedTuple):
    """What the classifier sees in images: features, float64 [n, FEATURES]; classes, intp [n]."""

    features: Floats
    classes: npt.NDArray[np.intp]


class TrainedClassifier:
    """The classifier of a data set, in an open session; `classifier(images)` looks at images.

    Attributes:
      test_accuracy: share of the data set's test images that it names correctly.
      guessing: the same share if the most frequent class is always named.
    """

    def __init__(
        self, graph: Classifier, session: Any, test_accuracy: float, guessing: float
    ) -> None:
        self.test_accuracy = test_accuracy
        self.guessing = guessing
        self._graph = graph
        self._session = session

    def __call__(self, images: npt.NDArray[np.float32]) -> Seen:
        """Returns the features and classes of images, float32 [n, size] in [0, 1]."""
        return _look(self._graph, self._session, images)


@contextlib.contextmanager
def open_classifier(source: DataSource, inform: Inform) -> Iterator[TrainedClassifier]:
    """Opens the classifier of a data set, which is trained and kept first if there is none.

    A classifier that was kept is tested: it must name as many of the test images correctly as when
    it was trained.

    Args:
      source: the data.
      inform: called with lines for the user: what takes a minute, what was damaged, that the
        classifier is poor.

    Yields:
      The classifier; its session is closed after the block.

    Side effects: writes a file; see `classifier_store`.
    """
    train = source.splits.train
    with without_chatter(), tf.Graph().as_default() as graph, tf.device(CPU.name):
        classifier = build_classifier(train.shape, train.num_classes)
    graph.finalize()
    with contextlib.closing(open_session(graph, RunConfig(), CPU)) as session:
        store = ClassifierStore(source.checksum)
        kept = store.read(shapes_of(classifier.theta), inform)
        accuracy = None
        if kept is not None:
            accuracy = _measured(classifier, session, source, kept.weights)
            if abs(accuracy - kept.test_accuracy) > _ROUNDING:
                store.pass_over(
                    f"it classifies {accuracy:.2%} of the test images correctly, not "
                    f"{kept.test_accuracy:.2%} as when it was trained",
                    inform,
                )
                accuracy = None
        if accuracy is None:
            inform(
                f"training a classifier of {source.name} to judge samples; this happens once and "
                "takes about a minute"
            )
            with phase("training the classifier"):
                weights = train_classifier(
                    train.images, train.labels, shape=train.shape, num_classes=train.num_classes
                )
            accuracy = _measured(classifier, session, source, weights)
            right = f"the classifier is correct for {accuracy:.2%} of the test images"
            try:
                inform(f"{right}; kept in {store.write(KeptClassifier(weights, accuracy))}")
            except OutputError as error:
                inform(f"{right}; it could not be saved: {error}")
        labels = source.splits.test.labels
        guessing = float(np.bincount(labels).max() / len(labels))
        if says_little(accuracy, guessing):
            inform(
                f"warning: the classifier is correct for {accuracy:.2%} of the test images, but "
                f"always naming one class would reach {guessing:.2%}, so all figures but Parzen's "
                "mean little"
            )
        yield TrainedClassifier(classifier, session, accuracy, guessing)


def _measured(classifier: Classifier, session: Any, source: DataSource, weights: Weights) -> float:
    """Gives the classifier its weights and returns its share of correct test images, in 0.3 s."""
    assign_weights(session, classifier.theta, weights)
    test = source.splits.test
    seen = _look(classifier, session, unit_scale(test.images.astype(np.float32)))
    return float((seen.classes == test.labels).mean())


def _look(classifier: Classifier, session: Any, images: npt.NDArray[np.float32]) -> Seen:
    features = np.empty((len(images), FEATURES))
    classes = np.empty(len(images), np.intp)
    for rows in blocks(len(images)):
        fetches = [classifier.features, classifier.logits]
        features[rows], logits = session.run(fetches, {classifier.X: images[rows]})
        classes[rows] = logits.argmax(axis=1)
    return Seen(features, classes)
