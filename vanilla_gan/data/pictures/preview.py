"""A contact sheet of a new data set: one or more rows of images for each class."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import PIL.Image

COLUMNS = 16
ROWS = 10
_GAP_PX = 2
_GAP_GREY = 128
_TILE_PX = 56  # small images are enlarged to at most this, by a whole factor
_MOST_PX = 128  # larger images lose rows and columns: many classes would take gigabytes


def contact_sheet(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.intp]) -> bytes:
    """Returns a PNG of images, uint8 [N, H, W] or [N, H, W, 3], by class; large ones are reduced.

    Each class gets up to the same number of rows, of evenly chosen images: at most 10 rows in all,
    or one row each for more than 10 classes.
    """
    classes = np.unique(labels)
    every = -(-images.shape[2] // _MOST_PX)
    images = images[:, ::every, ::every]
    shown = COLUMNS * max(1, ROWS // len(classes))
    height, width = images.shape[1] + _GAP_PX, images.shape[2] + _GAP_PX
    colours, rows = images.shape[3:], []
    for label in classes:
        of_class = np.flatnonzero(labels == label)
        count = min(len(of_class), shown)
        chosen = of_class[np.linspace(0, len(of_class) - 1, count).astype(int)]
        for start in range(0, count, COLUMNS):
            row = np.full((height, COLUMNS * width + _GAP_PX, *colours), _GAP_GREY, np.uint8)
            for column, index in enumerate(chosen[start : start + COLUMNS]):
                left = _GAP_PX + column * width
                row[_GAP_PX:, left : left + images.shape[2]] = images[index]
            rows.append(row)
    rows.append(np.full((_GAP_PX, rows[0].shape[1], *colours), _GAP_GREY, np.uint8))
    scale = max(1, _TILE_PX // images.shape[2])
    sheet = np.concatenate(rows).repeat(scale, axis=0).repeat(scale, axis=1)
    buffer = io.BytesIO()
    PIL.Image.fromarray(sheet).save(buffer, "png")
    return buffer.getvalue()
