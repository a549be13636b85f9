"""Draws samples as the published picture: a grid of grey tiles in a PNG, 330x337 px for 4x4.

The published program lets matplotlib lay out and draw sixteen axes for each picture, which takes
tenths of a second. The places of the tiles never change, so `grid_layout` computes them once. Only
what depends on the samples is left to matplotlib: scaling a tile to its own range, the grey map and
the bilinear resampling of its pixels. One `AxesImage` is kept for this and asked for its pixels
(`make_image`). None of matplotlib's arithmetic is rewritten here, so the picture has exactly the
pixels of a single figure with an axes for each tile, as the tests' `draw_reference` makes it, with
any installed version of matplotlib (tried: 3.8 to 3.11).

Milliseconds per 4x4 picture on a two-core server, matplotlib 3.11 (3.10): the published function
with its PNG 155 (180), `draw_reference` 60 (65), `GridRenderer` 4 (4) once and `draw` 4.5 (5.3),
`encode_png` 3.5, for noise 4.8. Resampling three tiles at once, as the channels of one RGB image,
would save 2 more, but the code would have to know how matplotlib treats channels. Importing this
module takes 0.3 s, nearly all for matplotlib: a command that draws nothing should not import it.

Source: `plot` of GAN/vanilla_gan/gan_tensorflow.py (wiseodd/generative-models), as matplotlib 1.5
drew it. Difference: `pyplot` is not even imported, so no display is needed, and matplotlib's
settings are restored afterwards.
"""

from __future__ import annotations

import dataclasses
import io
import math
import os

import matplotlib.image
import numpy as np
import numpy.typing as npt
import PIL.Image
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vanilla_gan.data.shape import PUBLISHED_SHAPE, ImageShape
from vanilla_gan.drawing.shown import shown, shown_shape
from vanilla_gan.drawing.style import drawn_in
from vanilla_gan.storage.whole import write_whole

_DPI = 100  # dots per inch at which the published figures are saved
_INCH_PX = 100.0  # px of figure for each row and column: figsize=(cols, rows)
_PAD_PX = 10.0  # `savefig.pad_inches` 0.1
# Each pixel of a sample is at least this many px wide and high.
_ENLARGED = 2
_SPACE = 0.05  # `wspace` and `hspace`, in cells
_USED_WIDTH = 0.9 - 0.125  # `figure.subplot.right - left` of matplotlib's classic style
_USED_HEIGHT = 0.9 - 0.1  # `figure.subplot.top - bottom`

# A tile's axes end this far inside its outer edges: matplotlib before 3.11 rounds a width up, and
# would turn the 76.0000000001 px that its transforms yield into 77.
_INSET_PX = 1e-6


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where the tiles of a grid lie, in whole pixels from the picture's top left corner.

    Attributes:
      height, width: of the picture.
      tops: first pixel row of each row of tiles.
      lefts: first pixel column of each column of tiles.
      tile_height, tile_width: of every tile.
    """

    height: int
    width: int
    tops: tuple[int, ...]
    lefts: tuple[int, ...]
    tile_height: int
    tile_width: int

    def corners(self) -> list[tuple[int, int]]:
        """Returns (top, left) of each tile, row by row."""
        return [(top, left) for top in self.tops for left in self.lefts]


def grid_layout(rows: int = 4, cols: int = 4, shape: ImageShape = PUBLISHED_SHAPE) -> Layout:
    """Computes where matplotlib puts the tiles of the published figure.

    The figure has one inch for each row and column, at 100 dpi. `GridSpec` shares the part that the
    classic style leaves to subplots among the cells and the spaces between them; a tile is the
    largest square in its cell; `bbox_inches='tight'` cuts the figure 0.1 inch around the tiles.

    The published figures were drawn by matplotlib 1.5, which gave an image one pixel column more
    than lies between its rounded edges (76 for the 74.7 px of a 4x4 grid); later versions draw 75.
    The published figures decide, so tiles are 76 px wide and 75 px high. In grids of other sizes
    all tiles have the same size, too, although matplotlib's rounding makes some a pixel larger.

    If images are not square, their longer side is as long as the side of a square, with the same
    spaces. If a pixel of a sample would be less than 2 px wide, the whole figure is enlarged.

    Args:
      rows, cols: tiles in the grid; 4 and 4 are the published figure's.
      shape: of a sample.

    Raises:
      ValueError: `rows` or `cols` is not positive.
    """
    if rows < 1 or cols < 1:
        raise ValueError(f"a grid has at least one row and one column, got {rows} x {cols}")
    tile = shown_shape(shape)
    longest = max(tile.height, tile.width)
    cell_width = _INCH_PX * cols * _USED_WIDTH / (cols + _SPACE * (cols - 1))
    cell_height = _INCH_PX * rows * _USED_HEIGHT / (rows + _SPACE * (rows - 1))
    scale = max(1.0, _ENLARGED * longest / min(cell_width, cell_height))
    cell_width, cell_height = scale * cell_width, scale * cell_height
    side = min(cell_width, cell_height)
    # How much narrower and lower a tile is than a square of that side.
    less_x, less_y = side * (1 - tile.width / longest), side * (1 - tile.height / longest)
    pitch_x = (1 + _SPACE) * cell_width - less_x
    pitch_y = (1 + _SPACE) * cell_height - less_y
    width = _whole_px(2 * _PAD_PX + (cols - 1) * pitch_x + side - less_x)
    height = _whole_px(2 * _PAD_PX + (rows - 1) * pitch_y + side - less_y)
    tile_height = round(side - less_y)
    # matplotlib measures from the bottom, where the padding is exact and nothing is cut off.
    bottoms = [round(_PAD_PX + (rows - 1 - row) * pitch_y) for row in range(rows)]
    return Layout(
        height=height,
        width=width,
        tops=tuple(height - bottom - tile_height for bottom in bottoms),
        lefts=tuple(round(_PAD_PX + col * pitch_x) for col in range(cols)),
        tile_height=tile_height,
        tile_width=round(side - less_x) + 1,
    )


class GridRenderer:
    """Draws grids of one size, fast; create it once and use it for every picture of a run.

    Attributes:
      layout: where the tiles lie.
    """

    def __init__(self, rows: int = 4, cols: int = 4, shape: ImageShape = PUBLISHED_SHAPE) -> None:
        """Lays out `rows` x `cols` tiles of samples of a shape; see `grid_layout`."""
        self.layout = grid_layout(rows, cols, shape)
        self._shape = shape
        tile_size = (self.layout.tile_height, self.layout.tile_width)
        with drawn_in("classic"):
            figure = _pixel_figure(*tile_size)
            self._image = _add_tile(figure, 0, 0, tile_size, shape)
            self._agg = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]

    def draw(self, samples: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Draws the samples row by row, each scaled to its own minimum (black) and maximum (white).

        The greys between are those of matplotlib's map `Greys_r`, which is lighter than linear; a
        sample of a single value is black. A sample with three channels is drawn in linear colours,
        scaled together. Any other number of channels is shown side by side in grey.

        Args:
          samples: float32 [rows * cols, size], or with the dimensions of `ImageShape.array` in
            place of the size; any range, finite.

        Returns:
          uint8 [height, width, 4]: red, green, blue, alpha; white between the tiles, opaque.

        Raises:
          ValueError: another shape, or a value that is not finite.
        """
        layout = self.layout
        tiles = _tiles(samples, len(layout.tops) * len(layout.lefts), self._shape)
        picture = np.full((layout.height, layout.width, 4), 255, np.uint8)
        for tile, (top, left) in zip(tiles, layout.corners(), strict=True):
            self._image.set_data(tile)
            self._image.autoscale()
            pixels = self._image.make_image(self._agg)[0][::-1]  # Agg counts rows from the bottom
            picture[top : top + layout.tile_height, left : left + layout.tile_width] = pixels
        return picture

    def save(self, path: str | os.PathLike[str], samples: npt.ArrayLike) -> None:
        """Draws the samples into the PNG file `path`, whole or not at all; see `draw`.

        Equal samples give equal bytes.

        Raises:
          OutputError: the file could not be written.
          ValueError: see `draw`.
        """
        write_whole(path, encode_png(self.draw(samples)))


def apart(picture: npt.NDArray[np.uint8], layout: Layout, each: int) -> npt.NDArray[np.uint8]:
    """Returns a picture with white gaps, half a tile wide, between groups of columns of tiles.

    Args:
      picture: uint8 [height, width, 4], of `layout`.
      layout: where its tiles lie.
      each: how many columns of tiles a group has.
    """
    gap = layout.tile_width // 2
    places = np.repeat(np.array(layout.lefts[each::each], np.intp), gap)
    return np.insert(picture, places, 255, axis=1)


def encode_png(picture: npt.NDArray[np.uint8]) -> bytes:
    """Encodes uint8 [height, width, 4] as an RGBA PNG, like those of the published program.

    The bytes depend only on the pixels: they hold neither a time nor the name of a program.
    """
    buffer = io.BytesIO()
    # Level 1 takes a third of the time of Pillow's default, 6, and the file is even smaller here:
    # 3.5 ms and 69 kB against 10.5 ms and 78 kB, after 2000 iterations.
    PIL.Image.fromarray(picture).save(buffer, "png", dpi=(_DPI, _DPI), compress_level=1)
    return buffer.getvalue()


def _whole_px(length_px: float) -> int:
    # A rounding error must not turn 330.0 px into 329.
    return math.floor(length_px + 1e-6)


def _pixel_figure(height: int, width: int) -> Figure:
    # At 100 dpi, 0.29 inches are 28.999999999999996 px; at 1 dpi, 29 inches are 29 px.
    return Figure(figsize=(width, height), dpi=1, facecolor="white")


def _add_tile(
    figure: Figure, top: int, left: int, tile_size: tuple[int, int], shape: ImageShape
) -> matplotlib.image.AxesImage:
    """Adds an image without axes that covers exactly `tile_size` (height, width) pixels."""
    height, width = tile_size
    figure_width, figure_height = figure.get_size_inches()
    axes = figure.add_axes(
        (
            (left + _INSET_PX) / figure_width,
            (figure_height - top - height + _INSET_PX) / figure_height,
            (width - 2 * _INSET_PX) / figure_width,
            (height - 2 * _INSET_PX) / figure_height,
        )
    )
    axes.set_axis_off()
    return axes.imshow(
        np.zeros(shown_shape(shape).array, np.float32),
        cmap="Greys_r",
        aspect="auto",  # the axes already fit the tile, to the pixel
        # Maps to grey before resampling, as matplotlib 1.5 did and 3.10 does again at this scale.
        interpolation_stage="rgba",
    )


def _tiles(samples: npt.ArrayLike, count: int, shape: ImageShape) -> npt.NDArray[np.float32]:
    """Checks the samples and returns what is shown of each: float32 [count, H, W], or with colours.

    Colours are scaled to [0, 1] here; matplotlib itself scales grey tiles.
    """
    tiles = np.asarray(samples, np.float32)
    if tiles.shape not in ((count, shape.size), (count, *shape.array)):
        raise ValueError(
            f"samples must have the shape [{count}, {shape.size}] or {[count, *shape.array]}, "
            f"got {list(tiles.shape)}"
        )
    tiles = tiles.reshape(count, *shape)
    finite = np.isfinite(tiles)
    if not finite.all():
        index, row, col, channel = (int(place) for place in np.argwhere(~finite)[0])
        raise ValueError(
            f"samples must be finite, got {tiles[index, row, col, channel]} in sample {index} "
            f"at row {row}, column {col}"
        )
    tiles = shown(tiles, shape)
    if tiles.ndim == 3:
        return tiles
    low, high = (of(tiles, axis=(1, 2, 3), keepdims=True) for of in (np.min, np.max))
    width = np.where(high > low, high - low, 1)
    return np.asarray(np.clip((tiles - low) / width, 0, 1), np.float32)
