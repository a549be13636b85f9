"""Reads the samples of a grid back out of its picture: what `GridRenderer` drew, as numbers.

A run leaves pictures, not samples. In a picture each tile was scaled to its own minimum and
maximum, shown in the greys of matplotlib's `Greys_r`, and resampled bilinearly, as each pixel of a
tile is `rows @ greys @ columns.T` with two known matrices. Both are undone: the greys by least
squares, the values by reading the map backwards. What stays lost is each sample's range, and what
8 bits round off.

How well: random samples in [0, 1], which are the hardest to resample, come back to within 0.03 of a
value, 0.005 on average, and the four statistics to 1% (`tests/test_tiles.py`).
"""

from __future__ import annotations

import functools
import os

import matplotlib
import numpy as np
import numpy.typing as npt

from vanilla_gan.drawing.grid import grid_layout
from vanilla_gan.drawing.picture_file import open_png
from vanilla_gan.errors import DamagedRunError

_SIDE = 28  # px of a sample

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


def read_tiles(image: npt.ArrayLike, rows: int = 4, cols: int = 4, *, rows_cut: int = 0) -> Floats:
    """Returns the samples of a grid, each scaled to its own range.

    Args:
      image: uint8 [height, width], or [height, width, channels] with red, green and blue, of the
        size that `grid_layout` says.
      rows, cols: tiles in the grid.
      rows_cut: pixel rows that each tile had above those that are seen; 0 in our own pictures, 1 in
        the published ones (`published_gif.frame_samples`).

    Returns:
      float64 [rows * cols, 784] in [0, 1], row by row. A tile of one grey is 0.

    Raises:
      ValueError: the picture has another size.
    """
    layout = grid_layout(rows, cols)
    pixels = np.asarray(image)
    if pixels.ndim not in (2, 3) or pixels.shape[:2] != (layout.height, layout.width):
        raise ValueError(
            f"a picture of {rows} x {cols} tiles is {layout.width}x{layout.height} px, "
            f"got the shape {list(pixels.shape)}"
        )
    greys = pixels.astype(np.float64) if pixels.ndim == 2 else pixels[..., :3].mean(axis=-1)
    down = _least_squares(layout.tile_height, rows_cut)
    across = _least_squares(layout.tile_width, 0).T
    tiles = [
        down @ (greys[top : top + layout.tile_height, left : left + layout.tile_width]) @ across
        for top, left in layout.corners()
    ]
    values = _values(np.stack(tiles).reshape(rows * cols, _SIDE * _SIDE))
    return _stretched(values)


@functools.cache
def _least_squares(size: int, cut: int) -> Floats:
    """Returns how samples come from pixels along one axis, [28, size]."""
    return np.asarray(np.linalg.pinv(_resampling(size, cut)), np.float64)


def _resampling(size: int, cut: int) -> Floats:
    """Returns how pixels come from samples along one axis, [size, 28], by bilinear weights.

    `cut` pixels stood before the first of them.
    """
    centres = (np.arange(cut, cut + size) + 0.5) * _SIDE / (cut + size) - 0.5
    places = np.clip(centres, 0, _SIDE - 1)
    first = np.minimum(places.astype(np.int64), _SIDE - 2)
    share = places - first
    weights = np.zeros((size, _SIDE))
    weights[np.arange(size), first] = 1 - share
    weights[np.arange(size), first + 1] += share
    return weights


def _values(greys: Floats) -> Floats:
    """Returns the values in [0, 1] that `Greys_r` shows as these greys in [0, 255]."""
    levels, places = _grey_map()
    found: Floats = np.interp(greys, levels, places)
    return found


@functools.cache
def _grey_map() -> tuple[Floats, Floats]:
    """Returns the greys of `Greys_r`, ascending in [0, 255], and the values that they stand for."""
    steps = 256
    colours = matplotlib.colormaps["Greys_r"](np.arange(steps), bytes=True)
    levels, step = np.unique(np.asarray(colours)[:, 0], return_inverse=True)
    middles = (np.arange(steps) + 0.5) / steps
    places = np.bincount(step, weights=middles) / np.bincount(step)
    return levels.astype(np.float64), places


def _stretched(values: Floats) -> Floats:
    low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
    width = np.where(high > low, high - low, 1.0)
    stretched: Floats = (values - low) / width
    return stretched
