"""Whether a picture has the published size, and its tiles the published places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vanilla_gan.drawing.grid import Layout

# Enough for the published GIF, whose white is a colour of its palette.
_NEARLY_WHITE = 250


def size_fault(pixels: npt.NDArray[np.uint8], layout: Layout) -> str | None:
    """Returns what is wrong with a picture's size, uint8 [height, width, ...]; None if nothing."""
    height, width = pixels.shape[:2]
    if (height, width) == (layout.height, layout.width):
        return None
    return f"it has {width}x{height} px, expected {layout.width}x{layout.height}"


def tiles_fault(
    pixels: npt.NDArray[np.uint8], layout: Layout, *, has_dark_edges: bool = True
) -> str | None:
    """Returns what is wrong with the places of the tiles; None if nothing.

    Everything between the tiles must be white, and each tile must reach its four edges: some pixel
    at each edge must be darker.

    Args:
      pixels: uint8 [height, width, 3], of the right size.
      layout: what it should have.
      has_dark_edges: whether the images have dark edges. If not, edges are not checked, because a
        white margin cannot be told from the space between tiles.
    """
    light = pixels.min(axis=-1) >= _NEARLY_WHITE
    between = np.ones(light.shape, bool)
    for top, left in layout.corners():
        between[_tile(layout, top, left)] = False
    if not light[between].all():
        y, x = (int(place) for place in np.argwhere(between & ~light)[0])
        return f"row {y}, column {x} is not white, expected the space between the tiles"
    for number, (top, left) in enumerate(layout.corners() if has_dark_edges else ()):
        tile = light[_tile(layout, top, left)]
        edges = {"top": tile[0], "bottom": tile[-1], "left": tile[:, 0], "right": tile[:, -1]}
        white = [name for name, edge in edges.items() if edge.all()]
        if white:
            return f"tile {number} does not reach its {white[0]} edge"
    return None


def _tile(layout: Layout, top: int, left: int) -> tuple[slice, slice]:
    return slice(top, top + layout.tile_height), slice(left, left + layout.tile_width)
