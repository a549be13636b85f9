"""Opens a picture of a run: a PNG, in a regular file, of a size that a run's picture can have."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator

import PIL.Image

from vanilla_gan.storage.reading import open_file

# A limit, because run folders may come from others. A picture of 100 tiles has some 700,000 px; one
# with ten tiles for each of 256 classes has 18 million.
MAX_PIXELS = 1 << 25


@contextlib.contextmanager
def open_png(path: str | os.PathLike[str]) -> Iterator[PIL.Image.Image]:
    """Opens a PNG and checks its size before any pixel is read.

    Other formats are refused, whatever the name says: Pillow hands some of them to other programs.

    Raises:
      OSError: the file is missing, not a regular file, not a PNG, or too large.
      SyntaxError, ValueError: Pillow's errors for some kinds of damage, also within the block.
    """
    with open_file(path) as stream:
        # Skips the signature and the first chunk's header; Pillow would only warn, or accept it.
        width, height = struct.unpack(">16xII", stream.read(24).ljust(24, b"\0"))
        if width * height > MAX_PIXELS:
            raise OSError(f"it has {width}x{height} px, expected at most {MAX_PIXELS} in all")
        stream.seek(0)
        try:
            picture = PIL.Image.open(stream, formats=["PNG"])
        except PIL.UnidentifiedImageError as error:
            raise OSError("it is damaged, or no PNG") from error
        yield picture
