"""Tests of samples read back out of pictures, against known samples."""

from __future__ import annotations

import os

import matplotlib.style
import numpy as np
import PIL.EpsImagePlugin
import PIL.Image
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vanilla_gan.agreement.statistics import picture_statistics
from vanilla_gan.drawing.animation import DamagedPictureError, write_animation
from vanilla_gan.drawing.grid import GridRenderer, grid_layout
from vanilla_gan.drawing.tiles import open_picture, read_tiles
from vanilla_gan.errors import RunConflictError


def noise(n, seed=0):
    """Returns samples whose range is all of [0, 1], the hardest to resample: [n, 784]."""
    samples = np.random.RandomState(seed).uniform(size=(n, 784))
    samples[:, 17], samples[:, 700] = 0, 1
    return samples


def strokes(n):
    """Returns samples like digits: few pixels on, edges soft, [n, 784]."""
    down, across = np.mgrid[:28, :28]
    images = [
        np.clip(1.5 - np.abs(np.hypot(down - 9 - k % 7, across - 14) - 4.13 - k / 9), 0, 1)
        for k in range(n)
    ]
    return np.stack(images).reshape(n, 784)


@pytest.mark.parametrize(("rows", "cols"), [(4, 4), (2, 3), (1, 2), (5, 2)])
@pytest.mark.parametrize("make", [noise, strokes])
def test_known_samples_come_back(rows, cols, make):
    samples = make(rows * cols)
    read = read_tiles(GridRenderer(rows, cols).draw(samples), rows, cols)
    assert read.shape == samples.shape
    # In the light half of the map, a step of 1/255 in the picture is 2/255 of a value. For a
    # checkerboard of such errors, the worst case, least squares are off by four times as much.
    assert np.abs(read - samples).max() < 0.03
    assert np.abs(read - samples).mean() < 0.005
    np.testing.assert_allclose(
        picture_statistics(read), picture_statistics(samples), rtol=0.01, atol=0.002
    )


def test_a_tile_is_scaled_to_its_own_range():
    samples = noise(16)
    faint = 0.4 + 0.1 * samples
    drawn = GridRenderer().draw(faint)
    read = read_tiles(drawn)
    assert read.min(axis=1).tolist() == [0] * 16
    assert read.max(axis=1).tolist() == [1] * 16
    np.testing.assert_allclose(read, samples, atol=0.03)


def test_a_tile_of_one_grey_is_black():
    samples = noise(16)
    samples[3] = 0.7
    read = read_tiles(GridRenderer().draw(samples))
    assert not read[3].any()
    assert read[4].any()


def test_grey_and_colour_pixels_are_read_alike():
    picture = GridRenderer(2, 3).draw(noise(6))
    expected = read_tiles(picture, 2, 3)
    np.testing.assert_allclose(read_tiles(picture[..., :3], 2, 3), expected, atol=1e-12)
    np.testing.assert_allclose(read_tiles(picture[..., 0], 2, 3), expected, atol=1e-12)


def test_another_size_is_refused():
    with pytest.raises(ValueError, match=r"4 x 4 tiles is 330x337 px, got the shape \[329, 328\]"):
        read_tiles(np.zeros((329, 328), np.uint8))
    with pytest.raises(ValueError, match="2 x 3 tiles"):
        read_tiles(GridRenderer(3, 2).draw(noise(6)), 2, 3)


def old_tile(sample):
    """Returns what matplotlib 1.5 put into the published figure: 76 of 76 columns, 75 of 76 rows.

    Drawn by matplotlib itself, as a figure that holds only the image.
    """
    with matplotlib.style.context("classic"):
        figure = Figure(figsize=(0.76, 0.76), dpi=100)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.imshow(sample.reshape(28, 28), cmap="Greys_r", aspect="auto")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return np.array(canvas.buffer_rgba())[1:, :, :3]


def test_a_row_that_was_cut_off():
    samples = noise(16)
    layout = grid_layout()
    picture = np.full((layout.height, layout.width, 3), 255, np.uint8)
    for sample, (top, left) in zip(samples, layout.corners(), strict=True):
        picture[top : top + 75, left : left + 76] = old_tile(sample)
    assert np.abs(read_tiles(picture, rows_cut=1) - samples).max() < 0.03
    assert np.abs(read_tiles(picture) - samples).max() > 0.2


def test_pictures_are_read_from_files(tmp_path):
    samples = strokes(16)
    GridRenderer().save(tmp_path / "000.png", samples)
    pixels = open_picture(tmp_path / "000.png")
    assert (pixels.shape, pixels.dtype) == ((337, 330, 3), np.uint8)
    assert np.array_equal(pixels, GridRenderer().draw(samples)[..., :3])
    PIL.Image.fromarray(pixels[..., 0]).save(tmp_path / "grey.png")
    assert np.array_equal(open_picture(tmp_path / "grey.png"), pixels)


@pytest.mark.parametrize("content", [None, b"", b"no picture", "half"])
def test_files_that_are_no_pictures(tmp_path, content):
    path = tmp_path / "000.png"
    if content == "half":
        GridRenderer().save(path, strokes(16))
        content = path.read_bytes()[:900]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunConflictError) as caught:
        open_picture(path)
    assert str(caught.value).startswith(f"{path} cannot be read: ")
    assert "\n" not in str(caught.value)


def test_a_picture_that_somebody_else_made(tmp_path, monkeypatch):
    """An EPS starts Ghostscript, a pipe has no end, and a small file may hold a gigabyte."""
    monkeypatch.setattr(PIL.EpsImagePlugin, "Ghostscript", lambda *_, **__: 1 / 0)
    path = tmp_path / "000.png"
    PIL.Image.new("L", (8, 8)).save(path, "eps")
    with pytest.raises(RunConflictError, match=r"000\.png cannot be read"):
        open_picture(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(RunConflictError, match=r"not a regular file"):
        open_picture(path)
    path.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", None)
        PIL.Image.new("1", (16_000, 16_000)).save(path)
    assert path.stat().st_size < 40_000
    with pytest.raises(RunConflictError, match=r"16000x16000 px"):
        open_picture(path)
    with pytest.raises(DamagedPictureError, match=r"16000x16000 px"):
        write_animation(tmp_path / "training.gif", [path])
