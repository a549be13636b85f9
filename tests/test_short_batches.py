"""Epochs that end with a short batch: what the stream draws, in any blocks and from any point."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from vanilla_gan.data.dataset import DataSet
from vanilla_gan.engines.stream import PictureDraw, StepsDraw, Stream
from vanilla_gan.graph.system import Draws
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS

CONV = SYSTEMS["conv"]
Z_DIM = 3
N, B, EPOCH = 20, 8, 3  # batches of 8, 8 and 4


def new_stream(count=N, batch_size=B, system=CONV, **settings):
    random_stream = np.random.RandomState(5)
    data = DataSet(np.zeros((count, 784), np.uint8), np.zeros(count, np.uint8), random_stream)
    noise = np.zeros((16, Z_DIM), np.float32)
    settings = {"batch_size": batch_size, "z_dim": Z_DIM, "picture_noise": noise, **settings}
    return Stream(system, data, random_stream, **settings)


def blocks(stream, first=0, last=3 * EPOCH, longest=50, sample_every=EPOCH, checkpoint_every=0):
    draws = stream.draws(
        first,
        last,
        sample_every=sample_every,
        checkpoint_every=checkpoint_every,
        longest=lambda: longest,
    )
    return list(draws)


def iterations(draws):
    """Returns rows and noise of each iteration, whatever the blocks."""
    return [
        (rows.tolist(), Z_mb.tolist())
        for draw in draws
        if isinstance(draw, StepsDraw)
        for rows, Z_mb in zip(draw.rows, draw.Z_D, strict=True)
    ]


def all_rows(drawn):
    return [row for rows, _ in drawn for row in rows]


def test_each_epoch_hands_out_every_image_once():
    drawn = iterations(blocks(new_stream()))
    assert [len(rows) for rows, _ in drawn] == [8, 8, 4] * 3
    orders = [all_rows(drawn[k : k + EPOCH]) for k in (0, 3, 6)]
    for order in orders:
        assert sorted(order) == list(range(N))
    assert orders[0] != orders[1]
    assert orders[1] != orders[2]


def test_noise_is_one_stream_that_the_shuffles_share():
    expected = np.random.RandomState(5)
    drawn = iterations(blocks(new_stream()))
    for it, (_, Z_mb) in enumerate(drawn):
        if it % EPOCH == 0:
            expected.shuffle(np.arange(N))
        Z = np.float32(expected.normal(size=(len(Z_mb), Z_DIM)))
        np.testing.assert_array_equal(np.float32(Z_mb), Z)


@pytest.mark.parametrize(("count", "batch_size"), [(20, 8), (24, 8), (7, 7), (9, 8), (17, 1)])
@pytest.mark.parametrize("longest", [1, 2, 50])
def test_blocks_change_no_number(count, batch_size, longest):
    def drawn(longest):
        return iterations(blocks(new_stream(count, batch_size), last=40, longest=longest))

    one = drawn(1)
    assert len(one) == 40
    assert drawn(longest) == one


@pytest.mark.parametrize("system", ["vanilla", "layers", "conv"])
def test_blocks_change_no_number_of_a_prior_that_is_made_of_two(system):
    """A plug-in's prior, which draws other numbers if it is asked for several batches at once."""

    def prior(stream, m, n):
        return np.hstack([stream.uniform(-1, 1, (m, n - 1)), stream.normal(size=(m, 1))])

    own = dataclasses.replace(SYSTEMS[system], sample_Z=prior)
    one, many = (
        iterations(blocks(new_stream(system=own), last=9, sample_every=99, longest=longest))
        for longest in (1, 9)
    )
    assert one == many


def test_no_block_mixes_sizes_and_whole_batches_come_together():
    draws = blocks(new_stream(67, 8), last=18, sample_every=1000)
    # Eight whole batches and one of three images, twice. The first of a later epoch comes alone:
    # before its shuffle the data set does not know how many will follow.
    shapes = [draw.rows.shape for draw in draws if isinstance(draw, StepsDraw)]
    assert shapes == [(8, 8), (1, 3), (1, 8), (7, 8), (1, 3)]


@pytest.mark.parametrize("cut", range(1, 2 * EPOCH + 1))
def test_a_restored_stream_goes_on_with_the_same_numbers(cut):
    whole = iterations(blocks(new_stream()))
    begun = blocks(new_stream(), last=cut)
    state = [draw for draw in begun if isinstance(draw, StepsDraw)][-1].after
    other = new_stream()
    other.restore(state)
    assert iterations(begun) + iterations(blocks(other, first=cut)) == whole


@pytest.mark.parametrize("last", [2 * EPOCH, 2 * EPOCH + 1])
def test_a_picture_that_is_due_at_the_end_is_drawn(last):
    draws = blocks(new_stream(), last=last)
    shown = [draw.it for draw in draws if isinstance(draw, PictureDraw)]
    assert shown == [0, EPOCH, 2 * EPOCH]
    # If it is due after the last iteration, it shows the result of that one.
    assert isinstance(draws[-1], PictureDraw) == (last == 2 * EPOCH)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("longest", [1, 4])
def test_further_steps_of_D_come_first_each_with_a_batch_of_its_own(system, longest):
    """The draws are those of a loop over single draws, also after a stop."""
    one, stream = SYSTEMS[system], np.random.RandomState(5)
    data = DataSet(np.zeros((N, 1), np.uint8), np.zeros(N, np.uint8), stream)

    def noise():
        return np.float32(one.sample_Z(stream, B, Z_DIM)).tolist()

    def batch():
        """Draws rows and noise of a step of D, then its classes if the system draws any."""
        found = data.next_indices(B).tolist(), noise()
        if one.draws.classes:
            stream.multinomial(1, data.num_classes * [1 / data.num_classes], size=B)
        return found

    expected = []
    for _ in range(6):
        further = [batch() for _ in range(2)]
        rows, Z_D = batch()
        if one.draws.unused:
            data.next_indices(B)
            noise()
        expected.append((further, rows, Z_D, Z_D if one.update.shared_noise else noise()))
    cut = new_stream(system=SYSTEMS[system], D_steps=3)
    first = blocks(cut, last=2, longest=longest, sample_every=99)
    resumed = new_stream(system=SYSTEMS[system], D_steps=3)
    resumed.restore(cut.state())
    drawn = [*first, *blocks(resumed, first=2, last=6, longest=longest, sample_every=99)]
    got = [
        (
            [
                (rows.tolist(), Z.tolist())
                for rows, Z in zip(draw.D_rows[k], draw.D_Z[k], strict=True)
            ],
            *(of[k].tolist() for of in (draw.rows, draw.Z_D, draw.Z_G)),
        )
        for draw in drawn
        if isinstance(draw, StepsDraw)
        for k in range(len(draw.rows))
    ]
    assert got == expected


@pytest.mark.parametrize("longest", [1, 50])
@pytest.mark.parametrize(("other", "sizes"), [("classes", [8, 8, 4]), ("unused", [8, 8, 8])])
def test_whatever_else_a_system_draws(other, sizes, longest):
    """If an iteration takes several batches, all of them are whole."""
    draws = Draws(short_batches=True, **{other: True})
    stream = new_stream(system=dataclasses.replace(SYSTEMS["infogan"], draws=draws))
    steps = [draw for draw in blocks(stream, longest=longest) if isinstance(draw, StepsDraw)]
    assert [len(rows) for draw in steps for rows in draw.rows] == 3 * sizes
    for draw in steps:
        assert draw.Z_D.shape == (*draw.rows.shape, Z_DIM)
        assert draw.classes is None or draw.classes.shape == draw.rows.shape


def test_a_system_without_short_batches_reaches_into_the_next_epoch():
    drawn = iterations(blocks(new_stream(system=SYSTEMS["layers"]), last=5))
    assert [len(rows) for rows, _ in drawn] == [8] * 5
    assert sorted(all_rows(drawn)) == sorted([*range(N)] * 2)


@pytest.mark.parametrize(
    ("system", "examples", "batch_size", "epoch"),
    [("conv", 20, 8, 3), ("conv", 24, 8, 3), ("conv", 8, 8, 1), ("layers", 20, 8, 2)],
)
def test_iterations_per_epoch(system, examples, batch_size, epoch):
    config = RunConfig(system=system, batch_size=batch_size, epochs=7).resolved()
    counted = config.counted(examples)
    assert (counted.iters, counted.sample_every) == (7 * epoch, epoch)
