"""Tests of the picture: places, greys, matplotlib's pixels, the PNG's bytes, untouched globals."""

from __future__ import annotations

import io

import matplotlib
import matplotlib.image
import matplotlib.style
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from processes import python
from reference_grid import draw_reference

from vanilla_gan.drawing import grid

# Measured in the published figures; [first, one past the last).
PUBLISHED_SIZE = (337, 330)
PUBLISHED_ROWS = [(9, 84), (90, 165), (171, 246), (252, 327)]
PUBLISHED_COLUMNS = [(10, 86), (88, 164), (167, 243), (245, 321)]


def noise(count: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).uniform(0, 1, (count, 784)).astype(np.float32)


def runs(inked: np.ndarray) -> list[tuple[int, int]]:
    """Finds the runs of True in a vector, as [first, one past the last)."""
    steps = np.diff(np.concatenate([[0], inked.astype(int), [0]]))
    return list(
        zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True)
    )


def tile_runs(picture: np.ndarray) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Finds the rows and the columns of pixels that are not all white."""
    inked = (picture[..., :3] != 255).any(axis=-1)
    return runs(inked.any(axis=1)), runs(inked.any(axis=0))


def published_plot(samples: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """Draws what the published function draws, with the installed matplotlib, without pyplot."""
    with matplotlib.style.context("classic"):
        figure = Figure(figsize=(cols, rows))
        FigureCanvasAgg(figure)
        cells = GridSpec(rows, cols, figure=figure)
        cells.update(wspace=0.05, hspace=0.05)
        for index, sample in enumerate(samples):
            axes = figure.add_subplot(cells[index])
            axes.axis("off")
            axes.set_xticklabels([])
            axes.set_yticklabels([])
            axes.set_aspect("equal")
            axes.imshow(sample.reshape(28, 28), cmap="Greys_r")
        buffer = io.BytesIO()
        figure.savefig(buffer, bbox_inches="tight", format="png")
    return decode(buffer.getvalue())


def decode(png: bytes) -> np.ndarray:
    """Reads a PNG of 8 bits a channel as uint8 [height, width, channels]."""
    return np.rint(matplotlib.image.imread(io.BytesIO(png), format="png") * 255).astype(np.uint8)


def chunks(png: bytes) -> list[bytes]:
    """Lists the names of a PNG's chunks: after the signature, length, name, data, checksum."""
    names, place = [], 8
    while place < len(png):
        names.append(png[place + 4 : place + 8])
        place += 12 + int.from_bytes(png[place : place + 4], "big")
    return names


def bilinear(sample: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resamples by the textbook: pixel centres to pixel centres, edges repeated."""

    def weights(length: int) -> np.ndarray:  # [length, 28]
        place = np.clip((np.arange(length) + 0.5) * 28 / length - 0.5, 0, 27)
        return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(28)))

    return weights(height) @ sample.reshape(28, 28) @ weights(width).T


def nasty_samples() -> dict[str, np.ndarray]:
    base = noise(seed=5)
    one_hot = np.zeros((16, 784), np.float32)
    one_hot[np.arange(16), np.arange(16) * 50 + 17] = 1
    offset = np.float32(1) + np.float32(1e-7) * np.rint(base)
    mixed = np.concatenate([base[:5] * 1e-8, base[:6] * 1e8, base[:5] * 0 + 0.3])
    return {
        "constant": np.repeat(np.linspace(-2, 2, 16, dtype=np.float32)[:, None], 784, axis=1),
        "zeros": np.zeros((16, 784), np.float32),
        "one hot pixel": one_hot,
        "two values": np.rint(base),
        "minus one to one": base * 2 - 1,
        "negative": -5 - base,
        "range of 1e-8": base * np.float32(1e-8),
        "neighbouring floats": offset,
        "range of 1e30": (base - np.float32(0.5)) * np.float32(1e30),
        "subnormal": base * np.float32(1e-40),
        "mixed": mixed,
    }


def test_layout_is_the_published_figures():
    layout = grid.grid_layout()

    assert (layout.height, layout.width) == PUBLISHED_SIZE
    assert [(top, top + layout.tile_height) for top in layout.tops] == PUBLISHED_ROWS
    assert [(left, left + layout.tile_width) for left in layout.lefts] == PUBLISHED_COLUMNS


def test_picture_has_the_published_size_and_tiles():
    picture = grid.GridRenderer().draw(noise())

    assert picture.shape == (*PUBLISHED_SIZE, 4)
    assert picture.dtype == np.uint8
    assert tile_runs(picture) == (PUBLISHED_ROWS, PUBLISHED_COLUMNS)
    assert (picture[..., 3] == 255).all()
    assert (picture[..., 0] == picture[..., 1]).all()
    assert (picture[..., 0] == picture[..., 2]).all()


def test_todays_matplotlib_draws_the_tiles_one_column_narrower():
    picture = published_plot(np.zeros((16, 784)), 4, 4)

    assert picture.shape == (*PUBLISHED_SIZE, 4)
    narrower = [(left, right - 1) for left, right in PUBLISHED_COLUMNS]
    assert tile_runs(picture) == (PUBLISHED_ROWS, narrower)


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (1, 10), (10, 1), (3, 5), (7, 3)])
def test_other_grids_are_within_a_pixel_of_the_published_function(rows, cols):
    picture = published_plot(np.zeros((rows * cols, 784)), rows, cols)
    layout = grid.grid_layout(rows, cols)

    row_runs, column_runs = tile_runs(picture)
    assert (layout.height, layout.width) == picture.shape[:2]
    ours = [(top, top + layout.tile_height) for top in layout.tops]
    np.testing.assert_allclose(ours, row_runs, atol=1)
    # Without the column that later versions of matplotlib do not draw.
    ours = [(left, left + layout.tile_width - 1) for left in layout.lefts]
    np.testing.assert_allclose(ours, column_runs, atol=1)


def test_samples_are_in_reading_order_upright_and_unmirrored():
    samples = noise(count=6, seed=3)
    samples[:, :2] = [0, 1]  # the full range in every tile, so that scaling changes nothing
    renderer = grid.GridRenderer(2, 3)
    picture = renderer.draw(samples)

    layout = renderer.layout
    for index, sample in enumerate(samples):
        top, left = layout.tops[index // 3], layout.lefts[index % 3]
        tile = picture[top : top + layout.tile_height, left : left + layout.tile_width, 0]
        greys = 255 * matplotlib.colormaps["Greys_r"](sample)[:, 0]
        # Agg truncates greys, and rounds positions, both ways, to 1/256 of a pixel.
        np.testing.assert_allclose(tile, bilinear(greys, *tile.shape), atol=3)


def test_each_tile_is_scaled_to_its_own_range():
    low = np.linspace(-2, 2, 16, dtype=np.float32)
    high = low + np.geomspace(1e-6, 1e6, 16, dtype=np.float32)
    halves = np.repeat(np.stack([low, high], axis=1)[:, None, :], 28, axis=1).repeat(14, axis=2)

    picture = grid.GridRenderer().draw(halves)

    for top, bottom in PUBLISHED_ROWS:
        for left, right in PUBLISHED_COLUMNS:
            tile = picture[top:bottom, left:right, 0]
            assert (tile[:, :36] == 0).all()
            assert (tile[:, -36:] == 255).all()


def any_range(seed: int) -> np.ndarray:
    random = np.random.RandomState(seed)
    scale, offset = 10.0 ** random.randint(-6, 6, (16, 1)), random.normal(0, 1, (16, 1))
    return (scale * (random.uniform(-1, 1, (16, 784)) + offset)).astype(np.float32)


@pytest.mark.parametrize("name", [*range(4), *nasty_samples()])
def test_draws_the_pixels_of_matplotlib(name):
    samples = any_range(name) if isinstance(name, int) else nasty_samples()[name]

    np.testing.assert_array_equal(grid.GridRenderer().draw(samples), draw_reference(samples))


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (2, 7), (5, 3)])
def test_draws_the_pixels_of_matplotlib_in_other_grids(rows, cols):
    samples = noise(rows * cols, seed=rows)

    picture = grid.GridRenderer(rows, cols).draw(samples)

    np.testing.assert_array_equal(picture, draw_reference(samples, rows, cols))


def test_a_renderer_forgets_earlier_pictures():
    renderer = grid.GridRenderer()
    first = renderer.draw(noise(seed=1))
    renderer.draw(noise(seed=2) * 1e9)

    np.testing.assert_array_equal(renderer.draw(noise(seed=1)), first)


def test_leaves_the_samples_alone():
    samples = noise()
    before = samples.copy()
    grid.GridRenderer().draw(samples)

    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize("shape", [(16, 784), (16, 28, 28)])
def test_png_decodes_to_what_was_drawn(tmp_path, shape):
    samples = noise().reshape(shape)
    path = tmp_path / "000.png"
    grid.GridRenderer().save(path, samples)

    np.testing.assert_array_equal(decode(path.read_bytes()), draw_reference(samples))
    assert [entry.name for entry in tmp_path.iterdir()] == ["000.png"]


def test_png_bytes_depend_only_on_the_samples(tmp_path):
    renderer = grid.GridRenderer()
    renderer.save(tmp_path / "a.png", noise())
    renderer.save(tmp_path / "other.png", noise(seed=1))
    grid.GridRenderer().save(tmp_path / "b.png", noise())

    png = (tmp_path / "a.png").read_bytes()
    assert png == (tmp_path / "b.png").read_bytes()
    assert png != (tmp_path / "other.png").read_bytes()
    assert set(chunks(png)) == {b"IHDR", b"pHYs", b"IDAT", b"IEND"}


@pytest.mark.parametrize("shape", [(15, 784), (16, 783), (16, 28, 28, 1), (784,), (28, 28, 16)])
def test_names_a_wrong_shape(shape):
    with pytest.raises(ValueError, match=r"\[16, 784\] or \[16, 28, 28\], got \[") as caught:
        grid.GridRenderer().draw(np.zeros(shape, np.float32))
    assert str(caught.value).endswith(f"got {list(shape)}")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_refuses_values_that_are_not_finite(tmp_path, value):
    samples = noise()
    samples[11, 28 * 3 + 5] = value
    with pytest.raises(ValueError, match=f"got {value} in sample 11 at row 3, column 5"):
        grid.GridRenderer().save(tmp_path / "000.png", samples)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("rows", "cols"), [(0, 4), (4, -1)])
def test_refuses_a_grid_without_tiles(rows, cols):
    with pytest.raises(ValueError, match=f"got {rows} x {cols}"):
        grid.GridRenderer(rows, cols)


def test_leaves_matplotlibs_settings_alone():
    with matplotlib.rc_context({"image.cmap": "hot", "figure.dpi": 37}):  # not classic's, for sure
        settings = dict(matplotlib.rcParams.copy())
        draw_reference(noise())
        grid.GridRenderer().draw(noise())

        assert dict(matplotlib.rcParams.copy()) == settings


def test_the_users_settings_change_nothing():
    expected = draw_reference(noise())
    other = {
        "figure.facecolor": "red",
        "figure.dpi": 37,
        "figure.autolayout": True,
        "image.interpolation": "nearest",
        "image.origin": "lower",
        "image.cmap": "jet",
        "image.resample": True,
    }
    with matplotlib.rc_context(other):
        np.testing.assert_array_equal(draw_reference(noise()), expected)
        np.testing.assert_array_equal(grid.GridRenderer().draw(noise()), expected)


def test_needs_neither_display_nor_pyplot(tmp_path):
    program = (
        "import sys, numpy\n"
        "from vanilla_gan.drawing import grid\n"
        "samples = numpy.random.RandomState(0).uniform(0, 1, (16, 784)).astype('float32')\n"
        "grid.GridRenderer().save(sys.argv[1], samples)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert 'tkinter' not in sys.modules\n"
    )
    path = tmp_path / "000.png"
    result = python("-c", program, path, DISPLAY=None, MPLBACKEND="TkAgg")

    assert result.returncode == 0, result.stderr
    np.testing.assert_array_equal(decode(path.read_bytes()), draw_reference(noise()))
