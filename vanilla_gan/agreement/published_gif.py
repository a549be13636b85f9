"""The post's own figure, an animated GIF: reads its frames as pixels from a file or a URL.

The figure belongs to its author and does not ship with this package; users give its path or URL.
Its frame k is the picture that the post's run drew at iteration 1000 k.
"""

from __future__ import annotations

import contextlib
import io
import struct
import urllib.parse

import numpy as np
import numpy.typing as npt
import PIL.Image

from vanilla_gan.data.download.transfer import TransferError, receive
from vanilla_gan.drawing.grid import grid_layout
from vanilla_gan.drawing.tiles import read_tiles
from vanilla_gan.errors import DataError, DownloadError
from vanilla_gan.storage.reading import read_file

FRAME_ITERATIONS = 1000  # iterations between two frames
MAX_BYTES = 20_000_000
_MAX_FRAMES = 1000
_ROWS_CUT = 1

Pixels = npt.NDArray[np.uint8]


def read_published_gif(source: str) -> list[Pixels]:
    """Reads all frames of the figure.

    Args:
      source: path of a file, or an http or https URL.

    Returns:
      A picture for each frame, uint8 [337, 330, 3]: red, green, blue.

    Raises:
      DataError: it cannot be read, is no animation, or its frames have another size.
      DownloadError: it could not be downloaded.
    """
    try:
        return _frames(_content(source))
    except TransferError as error:
        raise DownloadError(
            f"cannot download {source}: {error}; download it by hand and give its path instead"
        ) from error
    except OSError as error:
        raise DataError(
            f"{source}: {error.strerror or error}; expected the path or URL of the blog post's GIF"
        ) from error
    except ValueError as error:
        raise DataError(
            f"{source} is not the blog post's GIF: {error}; give the path or URL of that GIF"
        ) from error


def frame_samples(frame: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Returns the samples of a frame, each scaled to its own range: float64 [16, size] in [0, 1].

    matplotlib 1.5 drew each tile with 76x76 px, and its figures show all but the first row. The
    frames of the published GIF have 64 greys.

    Raises:
      ValueError: the frame has another size than those of the GIF.
    """
    return read_tiles(frame, rows_cut=_ROWS_CUT)


def _content(source: str) -> bytes:
    """Returns the bytes of a file or of what a server sends."""
    if urllib.parse.urlsplit(source).scheme not in ("http", "https"):
        return read_file(source, MAX_BYTES)
    received = io.BytesIO()
    receive(
        source,
        received,
        max_bytes=MAX_BYTES,
        # The figure is small, so its download shows no progress.
        progress=lambda url, total_bytes: contextlib.nullcontext(lambda received_bytes: None),
    )
    return received.getvalue()


def _frames(content: bytes) -> list[Pixels]:
    """Returns the frames of a GIF.

    Raises:
      ValueError: it is not a GIF of the published size; the message says what it is.
    """
    layout = grid_layout()
    frames = []
    try:
        with PIL.Image.open(io.BytesIO(content), formats=["GIF"]) as gif:
            if gif.size != (layout.width, layout.height):
                width, height = gif.size
                raise ValueError(
                    f"its frames are {width}x{height} px, expected {layout.width}x{layout.height}"
                )
            for index in range(min(getattr(gif, "n_frames", 1), _MAX_FRAMES)):
                gif.seek(index)
                frames.append(np.asarray(gif.convert("RGB")))
    except PIL.UnidentifiedImageError as error:
        raise ValueError("it is not a GIF") from error
    except (OSError, SyntaxError, EOFError, IndexError, struct.error) as error:
        raise ValueError("it is damaged") from error
    if len(frames) < 2:
        raise ValueError("it has one frame, expected an animation")
    return frames
