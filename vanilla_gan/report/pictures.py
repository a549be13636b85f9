"""The pictures of a run in small form: what a report shows of each, and its statistics.

A picture of a run takes 50 to 110 kB, nearly all of it for interpolated pixels. Its tiles are read
back to the samples' own pixels, 28x28 or the size of the data, and kept as one PNG, 4 to 13 kB,
that the browser enlarges as matplotlib did.
"""

from __future__ import annotations

import io
import pathlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
import numpy.typing as npt
import PIL.Image

from vanilla_gan.agreement.statistics import picture_statistics
from vanilla_gan.data.shape import POINT, PUBLISHED_SHAPE, ImageShape
from vanilla_gan.drawing.shown import shown, shown_shape
from vanilla_gan.drawing.tiles import open_picture, read_tiles
from vanilla_gan.errors import DamagedRunError
from vanilla_gan.runfolder.pictures import numbered_pictures

# Pages larger than some 25 MB are slow to open; base64 makes 4 bytes of 3.
MAX_BYTES = 16_000_000
# Each takes some 15 ms to read back when it is first seen.
MAX_PICTURES = 2000
_NONE: npt.NDArray[np.float64] = np.full(4, np.nan)


class SmallPicture(NamedTuple):
    """What a report shows of one picture.

    Attributes:
      number: the number of its file: 7 for `007.png`.
      png: its samples side by side without spaces, as a PNG.
      statistics: float64 [4], of its samples as they were drawn; see `agreement.statistics`.
        NaN for points of the plane.
      written_s: when its file was written, in seconds since 1970.
    """

    number: int
    png: bytes
    statistics: npt.NDArray[np.float64]
    written_s: float


class Shelf:
    """Keeps the small pictures of one run's folder from one report to the next."""

    def __init__(self, rows: int = 4, cols: int = 4, shape: ImageShape = PUBLISHED_SHAPE) -> None:
        """Makes an empty shelf for pictures of `rows` x `cols` samples of a shape."""
        self._rows = rows
        self._cols = cols
        self._shape = shape
        # For each file, its state when it was read and the result: a reason if reading failed.
        self._kept: dict[pathlib.Path, tuple[tuple[int, int], SmallPicture | str]] = {}

    def pictures(
        self, out_dir: pathlib.Path, max_pictures: int = MAX_PICTURES, max_bytes: int = MAX_BYTES
    ) -> tuple[list[SmallPicture], list[str]]:
        """Reads the pictures that are new or have changed.

        If there are more than `max_pictures`, or their PNGs take more than `max_bytes`, only every
        second, third, ... is taken, and always the first and the last.

        Returns:
          The small pictures, in ascending order, and a line for each that could not be read.
        """
        paths = numbered_pictures(out_dir)
        numbers = spread_out(list(paths), max_pictures)
        while True:
            found = [self._read(number, paths[number]) for number in numbers]
            small = [picture for picture in found if isinstance(picture, SmallPicture)]
            if len(numbers) <= 2 or sum(len(picture.png) for picture in small) <= max_bytes:
                break
            numbers = spread_out(numbers, (len(numbers) + 1) // 2)
        self._kept = {paths[number]: self._kept[paths[number]] for number in numbers}
        return small, [reason for reason in found if isinstance(reason, str)]

    def statistics(
        self, out_dir: pathlib.Path, numbers: Collection[int]
    ) -> dict[int, npt.NDArray[np.float64]]:
        """Returns statistics by picture number, without pictures that are missing or damaged."""
        paths = numbered_pictures(out_dir)
        found = [self._read(number, paths[number]) for number in paths if number in numbers]
        return {
            picture.number: picture.statistics
            for picture in found
            if isinstance(picture, SmallPicture)
        }

    def _read(self, number: int, path: pathlib.Path) -> SmallPicture | str:
        try:
            status = path.stat()
            state = status.st_mtime_ns, status.st_size
        except OSError:
            state = 0, 0
        if path in self._kept and self._kept[path][0] == state:
            return self._kept[path][1]
        made: SmallPicture | str
        try:
            picture = open_picture(path)
            if self._shape == POINT:
                # Samples cannot be read back from a plot.
                png, statistics = encode_pixels(picture[..., :1]), _NONE
            else:
                samples = read_tiles(picture, self._rows, self._cols, self._shape)
                png = sheet_png(samples, self._rows, self._cols, self._shape)
                statistics = picture_statistics(samples, self._shape)
            made = SmallPicture(number, png, statistics, state[0] / 1e9)
        except DamagedRunError as error:
            made = str(error)
        except ValueError as error:
            made = f"{path} is not a picture of this run: {error}"
        self._kept[path] = state, made
        return made


def spread_out(numbers: Sequence[int], most: int) -> list[int]:
    """Returns at most `most` (2 or more) of the numbers, evenly: each k-th, and the last."""
    step = 1
    while -(-(len(numbers) - 1) // step) + 1 > most:
        step += 1
    chosen = list(numbers[:-1:step])
    return [*chosen, *numbers[-1:]]


def sheet_png(
    samples: npt.NDArray[np.float64], rows: int, cols: int, shape: ImageShape = PUBLISHED_SHAPE
) -> bytes:
    """Returns the samples side by side in the greys or colours that pictures have, as a PNG.

    Args:
      samples: float64 [rows * cols, size] in [0, 1].
      rows, cols: of the sheet, [H * rows, W * cols] px.
      shape: of a sample.
    """
    height, width, channels = shown_shape(shape)
    tiles = shown(samples, shape)
    if channels == 1:
        greys = matplotlib.colormaps["Greys_r"](tiles, bytes=True)
        pixels = np.asarray(greys)[..., 0]
    else:
        pixels = np.rint(tiles * 255).astype(np.uint8)
    sheet = pixels.reshape(rows, cols, height, width, -1).swapaxes(1, 2)
    return encode_pixels(sheet.reshape(rows * height, cols * width, -1))


def encode_pixels(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Encodes uint8 [height, width, 1 or 3] as a small PNG, in greyscale if it has no colours.

    Equal pixels give equal bytes.
    """
    is_grey = (pixels == pixels[..., :1]).all()
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels[..., 0] if is_grey else pixels).save(buffer, "png", compress_level=9)
    return buffer.getvalue()
