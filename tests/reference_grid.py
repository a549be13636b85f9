"""The picture drawn by matplotlib only, slowly: what `GridRenderer.draw` is compared with."""

from __future__ import annotations

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg

from vanilla_gan.data.shape import PUBLISHED_SHAPE, ImageShape
from vanilla_gan.drawing.grid import _add_tile, _pixel_figure, _tiles, grid_layout


def draw_reference(
    samples: npt.ArrayLike, rows: int = 4, cols: int = 4, shape: ImageShape = PUBLISHED_SHAPE
) -> npt.NDArray[np.uint8]:
    """Draws one figure with an axes for each tile; arguments and result are those of `draw`.

    The tiles are where the published figure has them. If today's matplotlib places the axes itself,
    only the last pixel column of each tile differs (see `grid_layout`).
    """
    layout = grid_layout(rows, cols, shape)
    tile_size = (layout.tile_height, layout.tile_width)
    tiles = _tiles(samples, rows * cols, shape)
    with matplotlib.style.context("classic"):
        figure = _pixel_figure(layout.height, layout.width)
        canvas = FigureCanvasAgg(figure)
        for tile, (top, left) in zip(tiles, layout.corners(), strict=True):
            image = _add_tile(figure, top, left, tile_size, shape)
            image.set_data(tile)
            image.autoscale()
        canvas.draw()
    return np.array(canvas.buffer_rgba())
