"""One layer by itself, in a graph and a session of its own."""

from __future__ import annotations

import numpy as np

from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.training_pass import TrainingPass


def training_pass(x, iteration, name="pass", seed=0, **settings):
    """Returns the pass in training mode of a layer that is applied to `x`."""
    return TrainingPass(name, seed, iteration, tf.shape(x)[0], **settings)


class Layer:
    """One layer applied to a placeholder, in a session, with random values in its variables."""

    def __init__(self, build, shape, seed=1):
        with tf.Graph().as_default() as graph:
            self.x = tf.placeholder(tf.float32, shape)
            self.iteration = tf.placeholder(tf.int64, [])
            self.built = build(self.x, self.iteration)
            self.variables = {v.op.name: v for v in tf.global_variables()}
            self.trained = {v.op.name for v in tf.trainable_variables()}
            initial = tf.global_variables_initializer()
            assign = {v.op.name: v.initializer for v in tf.global_variables()}
        self.session = tf.Session(graph=graph)
        self.session.run(initial)
        self.initial = self.values()
        stream = np.random.RandomState(seed)
        self.set_to = {
            # Positive: one of them may be a variance.
            name: np.float32(stream.uniform(0.5, 1.5, v.shape.as_list()))
            for name, v in self.variables.items()
        }
        feeds = {assign[name].inputs[1]: value for name, value in self.set_to.items()}
        self.session.run(list(assign.values()), feed_dict=feeds)

    def run(self, fetches, x, iteration=0):
        return self.session.run(fetches, {self.x: x, self.iteration: iteration})

    def values(self):
        return self.session.run(self.variables)
