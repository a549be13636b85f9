"""Where penalties take D's gradient: between images and samples, by seed and iteration."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from toy import SIMULTANEOUS

from vanilla_gan.graph.passes import Batch, forward
from vanilla_gan.graph.penalties import penalties
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.settings import RunConfig


@pytest.mark.parametrize("name", ["wgan_gp", "dragan"])
def test_a_penaltys_points_follow_from_seed_and_iteration(name):
    stream = np.random.RandomState(2)
    X, G = np.float32(stream.rand(2, 5, 11))
    seen = []

    def points(seed, iteration, further=None):
        """Returns what D is shown. Its logit is half the square, so its gradient is the image."""
        with tf.Graph().as_default(), tf.Session() as session:

            def D(x, config, y, training):
                seen.append(x)
                return x, tf.reduce_sum(tf.square(x), axis=1, keepdims=True) / 2

            system = dataclasses.replace(
                SIMULTANEOUS, discriminator=D, generator=lambda z, *_: tf.constant(G)
            )
            config = RunConfig(seed=seed, **{name: 0.5})
            batch = Batch(*map(tf.constant, (X, G, G)), None, tf.constant(iteration, tf.int64))
            passes = forward(system, config, batch, reuse=False, further=further)
            found = penalties(config, passes)
            value, at = session.run([found[name], seen[-1]])
        norms = np.sqrt((at**2).sum(axis=1))
        assert value == pytest.approx(0.5 * ((norms - 1) ** 2).mean(), rel=1e-5)
        return at

    at = points(3, 7)
    if name == "wgan_gp":
        shares = (at - G) / (X - G)
        np.testing.assert_allclose(shares, np.tile(shares[:, :1], 11), rtol=1e-4)
    else:
        shares = (at - X) / (X.std() / 2)
        assert len(np.unique(shares.round(5))) == shares.size
    assert shares.min() >= 0
    assert shares.max() < 1
    assert len(np.unique(shares[:, 0].round(5))) == 5
    np.testing.assert_array_equal(points(3, 7), at)
    for other in ((4, 7), (3, 8), (3, 7, 0), (3, 7, 1)):
        assert np.abs(points(*other) - at).max() > 0.01
