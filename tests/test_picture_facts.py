"""Tests of the published size and places, on pictures that have them and on ones that do not."""

from __future__ import annotations

import numpy as np
import pytest
from reference_grid import draw_reference

from vanilla_gan.agreement.picture_facts import size_fault, tiles_fault
from vanilla_gan.agreement.published_gif import read_published_gif
from vanilla_gan.drawing.grid import grid_layout
from vanilla_gan.drawing.tiles import open_picture

PUBLISHED = grid_layout()


def picture(rows=4, cols=4):
    """Returns a picture of noise drawn by matplotlib only, uint8 [height, width, 3]."""
    samples = np.random.RandomState(0).uniform(size=(rows * cols, 784))
    return draw_reference(samples, rows, cols)[..., :3].copy()


@pytest.mark.parametrize(("rows", "cols"), [(4, 4), (2, 3)])
def test_nothing_is_wrong_with_our_pictures(rows, cols):
    pixels = picture(rows, cols)
    assert size_fault(pixels, grid_layout(rows, cols)) is None
    assert tiles_fault(pixels, grid_layout(rows, cols)) is None


def test_nothing_is_wrong_with_the_published_ones(reference_dir):
    pictures = read_published_gif(str(reference_dir / "published_training.gif"))
    pictures += [open_picture(reference_dir / f"published_conditional_{k}.png") for k in (5, 7)]
    for pixels in pictures:
        assert size_fault(pixels, PUBLISHED) is None
        assert tiles_fault(pixels, PUBLISHED) is None


def test_another_size():
    assert size_fault(picture()[:-1], PUBLISHED) == "it has 330x336 px, expected 330x337"
    assert size_fault(picture()[:, :328], PUBLISHED) == "it has 328x337 px, expected 330x337"


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("by", [1, -1])
def test_tiles_one_pixel_off(axis, by):
    fault = tiles_fault(np.roll(picture(), by, axis=axis), PUBLISHED)
    assert fault is not None
    assert "is not white" in fault


@pytest.mark.parametrize(
    ("where", "edge"),
    [
        (np.s_[171, 88:164], "top"),
        (np.s_[245, 88:164], "bottom"),
        (np.s_[171:246, 88], "left"),
        (np.s_[171:246, 163], "right"),
    ],
)
def test_a_tile_that_is_too_small(where, edge):
    # By the published geometry: the tile in the third row and the second column.
    pixels = picture()
    pixels[where] = 255
    assert tiles_fault(pixels, PUBLISHED) == f"tile 9 does not reach its {edge} edge"
    # A white margin is not a fault in images that may have one.
    assert tiles_fault(pixels, PUBLISHED, has_dark_edges=False) is None
