"""Draws points of the plane, samples of one row with two values, as a scatter plot in a PNG."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.shape import POINT, ImageShape
from vanilla_gan.drawing.grid import GridRenderer, Layout, encode_png, grid_layout
from vanilla_gan.storage.whole import write_whole

SIDE_PX = 337  # about that of the published picture
_MARGIN_PX = 8
_FRAME, _DOT = 160, 0.45  # grey of the frame; the share of the light that a dot takes away
_DISC = [(x, y) for x in range(-2, 3) for y in range(-2, 3) if x * x + y * y <= 5]


class PointsRenderer:
    """Draws many points into one picture: the darker a place, the more points are there.

    Attributes:
      layout: one tile, the whole picture.
    """

    def __init__(self, count: int, low: float = 0.0, high: float = 1.0) -> None:
        """Prepares pictures of `count` points with values from `low` to `high`."""
        self.layout = Layout(SIDE_PX, SIDE_PX, (0,), (0,), SIDE_PX, SIDE_PX)
        self._count, self._low, self._width = count, low, high - low

    def draw(self, samples: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Draws points: the first value across, the second one up.

        Args:
          samples: float32 [count, 2], or [count, 1, 2]; finite. Points outside the range are drawn
            at its edge.

        Returns:
          uint8 [SIDE_PX, SIDE_PX, 4]: red, green, blue, alpha; grey and opaque.

        Raises:
          ValueError: another shape, or a value that is not finite.
        """
        points = np.asarray(samples, np.float64)
        if points.shape not in ((self._count, 2), (self._count, 1, 2)):
            raise ValueError(
                f"samples must have the shape [{self._count}, 2], got {list(points.shape)}"
            )
        if not np.isfinite(points).all():
            raise ValueError("samples must be finite")
        unit = np.clip((points.reshape(-1, 2) - self._low) / self._width, 0.0, 1.0)
        across, up = np.rint(_MARGIN_PX + unit * (SIDE_PX - 1 - 2 * _MARGIN_PX)).astype(int).T
        dots = np.zeros((SIDE_PX, SIDE_PX))
        for x, y in _DISC:
            np.add.at(dots, (SIDE_PX - 1 - up + y, across + x), 1)
        grey = np.rint(255 * (1 - _DOT) ** np.minimum(dots, 12)).astype(np.uint8)
        grey[[0, -1]] = grey[:, [0, -1]] = _FRAME
        picture = np.full((SIDE_PX, SIDE_PX, 4), 255, np.uint8)
        picture[..., :3] = grey[..., None]
        return picture

    def save(self, path: str | os.PathLike[str], samples: npt.ArrayLike) -> None:
        """Draws the points into the PNG file `path`, whole or not at all; see `draw`.

        Raises:
          OutputError: the file could not be written.
          ValueError: see `draw`.
        """
        write_whole(path, encode_png(self.draw(samples)))


def renderer(
    rows: int, cols: int, shape: ImageShape, low: float = 0.0, high: float = 1.0
) -> GridRenderer | PointsRenderer:
    """Returns what draws `rows * cols` samples of a shape in one picture.

    Args:
      rows, cols: tiles of a grid; for points, only their number, `rows * cols`, counts.
      shape: of a sample.
      low, high: range of the values, for points; tiles are scaled to their own ranges.
    """
    if shape == POINT:
        return PointsRenderer(rows * cols, low, high)
    return GridRenderer(rows, cols, shape)


def picture_layout(rows: int, cols: int, shape: ImageShape) -> Layout:
    """Returns where the tiles of a picture of `rows` x `cols` samples lie."""
    return PointsRenderer(rows * cols).layout if shape == POINT else grid_layout(rows, cols, shape)
