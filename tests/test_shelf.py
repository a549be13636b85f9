"""Systems of the shelf against TensorFlow 1.15.5: `benchmarks/peers/shelf.py` recorded its states.

From each state the port must reach the losses and weights of 1.15.5, in both engines.
"""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from vanilla_gan.agreement.traces import offline_data
from vanilla_gan.data.classes import PUBLISHED
from vanilla_gan.data.dataset import DataSet
from vanilla_gan.data.shape import ImageShape
from vanilla_gan.data.streams import seeded
from vanilla_gan.engines.engine import engine_of
from vanilla_gan.engines.model import open_model
from vanilla_gan.engines.session import choose_device
from vanilla_gan.engines.stream import StepsDraw, stream_of
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.weights import assign_weights
from vanilla_gan.settings import ENGINES, RunConfig
from vanilla_gan.systems import SYSTEMS

FOLDER = pathlib.Path(__file__).parent / "data"
SHELF = [name for name in SYSTEMS if (FOLDER / f"trace_{name}_offline.npz").is_file()]
LOSSES = ("D_loss", "G_loss", "Q_loss")
STATES, STEPS, SHAPE = (0, 100, 1000), 5, ImageShape(7, 7)


def config_of(system, **others):
    sizes = {"batch_size": 8, "z_dim": 10, "h_dim": 16, "sample_every": 100, "seed": 0}
    return RunConfig(system=system, **sizes, **others).resolved().of_data(SHAPE, PUBLISHED)


def train_of(random_stream):
    """Returns every fourth pixel of the offline images, 7x7."""
    images, labels = offline_data()
    small = images.reshape(-1, 28, 28)[:, ::4, ::4].reshape(-1, SHAPE.size)
    return DataSet(np.ascontiguousarray(small), labels, random_stream, shape=SHAPE)


@pytest.fixture(scope="module", params=SHELF)
def recorded(request):
    """Returns a system's name and the arrays of its traces."""
    with np.load(FOLDER / f"trace_{request.param}_offline.npz") as arrays:
        return request.param, dict(arrays)


def drawn(system, first, count):
    """Yields what a run draws for some iterations, one by one."""
    random_stream = seeded(0)
    stream = stream_of(config_of(system), train_of(random_stream), random_stream)
    for draw in stream.draws(
        0, first + count, sample_every=100, checkpoint_every=first, longest=lambda: 7
    ):
        if isinstance(draw, StepsDraw) and draw.last > first:
            yield draw


def steps_of(further, last):
    """Yields what each step of D used, iteration by iteration."""
    for k, own in enumerate(last):
        yield from [] if further is None else further[k]
        yield own


def test_every_system_of_the_shelf_has_its_traces():
    # The program of 2014 is checked against steps by hand instead.
    others = [name for name in SYSTEMS if SYSTEMS[name].published and name != "goodfellow2014"]
    assert others == SHELF


@pytest.mark.parametrize("engine", ENGINES)
def test_it_computes_what_was_recorded(recorded, engine):
    system, arrays = recorded
    config = config_of(system, engine=engine, device="cpu")
    train = train_of(seeded(0))
    with open_model(config, choose_device("cpu"), train.images.shape) as model:
        variables = model.session.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
        trainer = engine_of(model, train)
        model.initialise()
        for T in STATES:
            state = {v.op.name: arrays[f"at{T}/{v.op.name}"] for v in variables}
            assign_weights(model.session, variables, state)
            rows, Z = arrays[f"at{T}/D_rows"].reshape(STEPS, -1, 8), arrays[f"at{T}/D_Z"]
            Z = Z.reshape(STEPS, -1, 8, Z.shape[-1])
            Z_G = arrays.get(f"at{T}/Z_G", Z[:, -1])
            classes = arrays.get(f"at{T}/classes", [None] * STEPS)
            found = {name: [] for name in LOSSES if f"at{T}/{name}" in arrays}
            for k in range(STEPS):
                one = slice(k, k + 1)
                more = rows[one, :-1], Z[one, :-1], None if classes[k] is None else classes[one]
                draw = StepsDraw(T + k, rows[one, -1], Z[one, -1], Z_G[one], {}, *more)
                block = trainer.train(draw)
                for name in found:
                    found[name] += block.scalars[name].tolist()
                if k == 0:
                    after = model.session.run({v.op.name: v for v in variables})
            for name, values in found.items():
                np.testing.assert_allclose(values, arrays[f"at{T}/{name}"], rtol=1e-6, atol=1e-6)
            # The first step of Adam divides by nearly zero, see `agreement.differences`.
            near = 6.5e-3 * config.learning_rate if T == 0 else 1e-6
            for name, value in after.items():
                expected = arrays[f"after{T}/{name}"]
                np.testing.assert_allclose(value, expected, rtol=1e-5, atol=near, err_msg=name)


def test_a_run_draws_what_was_recorded(recorded):
    system, arrays = recorded
    for T in STATES:
        draws = list(drawn(system, T, STEPS))
        for name, more, last in (("D_rows", "D_rows", "rows"), ("D_Z", "D_Z", "Z_D")):
            found = [one for d in draws for one in steps_of(getattr(d, more), getattr(d, last))]
            np.testing.assert_array_equal(found, arrays[f"at{T}/{name}"])
        for name in ("Z_G", "classes"):
            if f"at{T}/{name}" in arrays:
                found = np.concatenate([getattr(d, name) for d in draws])
                np.testing.assert_array_equal(found, arrays[f"at{T}/{name}"])
