"""Reads the samples of a grid back out of its picture: what `GridRenderer` drew, as numbers.

A run leaves pictures, not samples. In a picture each tile was scaled to its own minimum and
maximum, shown in the greys of matplotlib's `Greys_r`, and resampled bilinearly: a tile is
`rows @ greys @ columns.T` with two known matrices. The resampling is undone by least squares, and
the map to greys by inverting it. Each sample's range is lost, and so is what 8 bits round off.

Random samples in [0, 1], which are the hardest to resample, come back to within 0.03 of a value,
0.005 on average, and the four statistics to 1% (`tests/test_tiles.py`).
"""

from __future__ import annotations

import functools
import os

import matplotlib
import numpy as np
import numpy.typing as npt

from vanilla_gan.data.shape import PUBLISHED_SHAPE, ImageShape
from vanilla_gan.drawing.grid import grid_layout
from vanilla_gan.drawing.picture_file import open_png
from vanilla_gan.drawing.shown import samples_of, shown_shape
from vanilla_gan.errors import DamagedRunError

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]


def open_picture(path: str | os.PathLike[str]) -> Pixels:
    """Returns the pixels of a picture file, uint8 [height, width, 3].

    Raises:
      DamagedRunError: the file is missing, or not a picture.
    """
    try:
        with open_png(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DamagedRunError(
            f"{os.fspath(path)} cannot be read: {reason}; expected a picture of a run"
        ) from error


def read_tiles(
    image: npt.ArrayLike,
    rows: int = 4,
    cols: int = 4,
    shape: ImageShape = PUBLISHED_SHAPE,
    *,
    rows_cut: int = 0,
) -> Floats:
    """Returns the samples of a grid, each scaled to its own range.

    Args:
      image: uint8 [height, width], or [height, width, channels] with red, green and blue, of the
        size that `grid_layout` says.
      rows, cols: tiles in the grid.
      shape: of a sample.
      rows_cut: pixel rows that are missing at the top of each tile: 0 in our own pictures, 1 in the
        published ones (`published_gif.frame_samples`).

    Returns:
      float64 [rows * cols, size] in [0, 1], row by row. A tile of a single grey or colour gives 0.

    Raises:
      ValueError: the picture has another size.
    """
    layout = grid_layout(rows, cols, shape)
    pixels = np.asarray(image)
    if pixels.ndim not in (2, 3) or pixels.shape[:2] != (layout.height, layout.width):
        raise ValueError(
            f"a picture of {rows} x {cols} tiles is {layout.width}x{layout.height} px, "
            f"got the shape {list(pixels.shape)}"
        )
    tile = shown_shape(shape)
    if pixels.ndim == 2:
        planes = [pixels.astype(np.float64)] * tile.channels
    elif tile.channels == 1:
        planes = [pixels[..., :3].mean(axis=-1)]
    else:
        planes = [pixels[..., channel].astype(np.float64) for channel in range(tile.channels)]
    down = _least_squares(layout.tile_height, rows_cut, tile.height)
    across = _least_squares(layout.tile_width, 0, tile.width).T
    tiles = [
        down @ (plane[top : top + layout.tile_height, left : left + layout.tile_width]) @ across
        for top, left in layout.corners()
        for plane in planes
    ]
    found = np.stack(tiles).reshape(rows * cols, tile.channels, tile.height, tile.width)
    values = samples_of(np.moveaxis(found, 1, -1).reshape(-1, *tile.array), shape)
    return stretched(np.interp(values, *_grey_map()) if tile.channels == 1 else values / 255)


@functools.cache
def _least_squares(size: int, cut: int, side: int) -> Floats:
    """Returns the matrix that computes samples from pixels along one axis, [side, size]."""
    return np.asarray(np.linalg.pinv(_resampling(size, cut, side)), np.float64)


def _resampling(size: int, cut: int, side: int) -> Floats:
    """Returns the bilinear weights that compute pixels from samples on one axis, [size, side].

    `cut` pixels before the first one are missing.
    """
    centres = (np.arange(cut, cut + size) + 0.5) * side / (cut + size) - 0.5
    places = np.clip(centres, 0, side - 1)
    first = np.minimum(places.astype(np.int64), max(side - 2, 0))
    second = np.minimum(first + 1, side - 1)
    share = places - first
    weights = np.zeros((size, side))
    weights[np.arange(size), first] = 1 - share
    weights[np.arange(size), second] += share
    return weights


@functools.cache
def _grey_map() -> tuple[Floats, Floats]:
    """Returns the greys of `Greys_r`, ascending in [0, 255], and the values that they stand for."""
    steps = 256
    colours = matplotlib.colormaps["Greys_r"](np.arange(steps), bytes=True)
    levels, step = np.unique(np.asarray(colours)[:, 0], return_inverse=True)
    middles = (np.arange(steps) + 0.5) / steps
    places = np.bincount(step, weights=middles) / np.bincount(step)
    return levels.astype(np.float64), places


def stretched(values: Floats) -> Floats:
    """Returns samples, [n, size], as a picture shows them: from the darkest, 0, to the lightest, 1.

    A sample of a single value becomes 0.
    """
    low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
    width = np.where(high > low, high - low, 1.0)
    scaled: Floats = (values - low) / width
    return scaled
