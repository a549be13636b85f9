"""One picture file, of any size and kind that Pillow reads -> 28x28 grey values."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageOps

from vanilla_gan.data.shape import PUBLISHED_SHAPE
from vanilla_gan.errors import DataError
from vanilla_gan.storage.reading import open_file

FITS = ("contain", "cover", "stretch")
SIDE_PX = PUBLISHED_SHAPE.height

# A JPEG may be decoded smaller, by a whole factor, as long as both its sides keep this length: a
# photograph of 12 megapixels takes half the time and 1/64 of the memory. The last step still
# shrinks it eightfold, so that even of detail as fine as the result's own pixels a value changes by
# 1 on average.
_DRAFT_PX = 8 * SIDE_PX
# Pillow hands these to Ghostscript: a picture is not to run a program.
_UNTRUSTED_FORMATS = ("EPS",)


def read_picture(
    path: str | os.PathLike[str], *, fit: str, background: int, invert: bool
) -> npt.NDArray[np.uint8]:
    """Returns a picture as 28x28 grey values; the first frame of one that has several.

    It is turned as its EXIF orientation says, laid on the background where it is transparent, made
    grey (luma, ITU-R 601-2), then scaled. Of 16-bit grey values the upper 8 bits' range is kept;
    floating-point ones are taken to be in [0, 1]. A picture of 28x28 is not resampled.

    Args:
      path: the file.
      fit: `contain`: all of it, centred, the background around it; `cover`: its largest centred
        square; `stretch`: all of it, both sides scaled to fit.
      background: grey value, 0..255.
      invert: return 255 minus each value; the background is inverted with the rest.

    Returns:
      uint8 [28, 28].

    Raises:
      DataError: it cannot be read as a picture; the line begins with the path.
    """
    try:
        with open_file(path) as stream, PIL.Image.open(stream, formats=_formats()) as image:
            image.draft("L", (_DRAFT_PX, _DRAFT_PX))
            PIL.ImageOps.exif_transpose(image, in_place=True)
            grey = _fitted(_grey(image, background), fit, background)
    except PIL.UnidentifiedImageError as error:
        raise DataError(f"{os.fspath(path)}: not a picture that Pillow can read") from error
    except Exception as error:
        # Pillow's decoders raise whatever damaged bytes lead them to: OSError, SyntaxError,
        # struct.error, IndexError, ...
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise DataError(f"{os.fspath(path)}: {reason or type(error).__name__}") from error
    values = np.array(grey, np.uint8)
    return 255 - values if invert else values


def _formats() -> list[str]:
    PIL.Image.init()
    return [name for name in PIL.Image.ID if name not in _UNTRUSTED_FORMATS]


def _grey(image: PIL.Image.Image, background: int) -> PIL.Image.Image:
    """Returns the whole picture, mode L, without transparency."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _from_wide_values(image)
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        opaque = image.convert("RGBA")
        behind = PIL.Image.new("L", image.size, background)
        return PIL.Image.composite(opaque.convert("L"), behind, opaque.getchannel("A"))
    return image.convert("L")


def _from_wide_values(image: PIL.Image.Image) -> PIL.Image.Image:
    # Pillow's own conversion cuts off at 255 instead of scaling.
    values = np.asarray(image, np.float64)
    largest = 1.0 if image.mode == "F" else 65535.0
    if not ((values >= 0) & (values <= largest)).all():
        raise ValueError(
            f"its values reach from {values.min():g} to {values.max():g}, expected 0 to {largest:g}"
        )
    return PIL.Image.fromarray(np.rint(values * (255 / largest)).astype(np.uint8))


def _fitted(grey: PIL.Image.Image, fit: str, background: int) -> PIL.Image.Image:
    """Returns a picture of mode L scaled to 28x28."""
    width, height = grey.size
    box: tuple[float, float, float, float] = (0, 0, width, height)
    size = (SIDE_PX, SIDE_PX)
    if fit == "cover":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    elif fit == "contain":
        scale = SIDE_PX / max(width, height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
    scaled = grey.resize(size, PIL.Image.Resampling.LANCZOS, box)
    if size == (SIDE_PX, SIDE_PX):
        return scaled
    framed = PIL.Image.new("L", (SIDE_PX, SIDE_PX), background)
    framed.paste(scaled, ((SIDE_PX - size[0]) // 2, (SIDE_PX - size[1]) // 2))
    return framed
