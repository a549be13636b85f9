"""A picture file, of any size and format that Pillow reads -> images of the data set's size."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import PIL.ExifTags
import PIL.Image
import PIL.ImageOps
import PIL.ImageSequence

from vanilla_gan.data.shape import PUBLISHED_SHAPE
from vanilla_gan.errors import DataError
from vanilla_gan.storage.reading import open_file

FITS = ("contain", "cover", "stretch")
# A JPEG may be decoded at a size reduced by a whole factor if both sides keep at least this length:
# a photograph of 12 megapixels then takes half the time and 1/64 of the memory. The last step still
# shrinks it at least eightfold, so that values change by only 1 on average, even with detail as
# fine as the result's own pixels.
_DRAFT = 8  # times the side of the result
# Pillow passes these to Ghostscript, and a picture must not run a program.
_UNTRUSTED_FORMATS = ("EPS",)
# The smallest difference between grey values that counts as visible.
_CONTRAST = 16
# Pillow returns their 16-bit values as 32-bit ones; they never have more than 16 bits.
_WIDE_FORMATS = ("PPM", "PNG")
# How to turn a picture for each EXIF orientation; 1 is upright.
_TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
# Pillow may need a plugin for HEIC files: those that begin with an "ftyp" box of these kinds.
_HEIC_KINDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


class Fitting(NamedTuple):
    """How pictures become images of one size.

    Attributes:
      fit: `contain`: the whole picture, centred on the background; `cover`: its largest centred
        square; `stretch`: the whole picture, both sides scaled to fit.
      background: grey value, 0..255.
      invert: whether each value becomes 255 minus itself, the background's, too.
      visible: whether a transparent picture that would not show on the background is put on the
        opposite one, 255 minus `background`.
      white: the value (of more than 8 bits) that becomes 255, like all larger ones; None for the
        first that none exceeds: 1 or 255 of floats, 65535 of 16-bit pictures, else 255 or 65535.
      all_frames: whether to take every frame of an animation, not only the first.
      size: height and width of an image.
      color: whether an image has red, green and blue, not only grey values.
    """

    fit: str
    background: int
    invert: bool
    visible: bool = False
    white: float | None = None
    all_frames: bool = False
    size: int = PUBLISHED_SHAPE.height
    color: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an image: `(size, size)`, or `(size, size, 3)`."""
        return (self.size, self.size, *([3] if self.color else []))

    @property
    def mode(self) -> str:
        """Pillow's mode for an image."""
        return "RGB" if self.color else "L"

    def blank(self, size: tuple[int, int], grey: int) -> PIL.Image.Image:
        """Returns a picture of one grey value."""
        return PIL.Image.new(self.mode, size, (grey, grey, grey) if self.color else grey)


class Fitted(NamedTuple):
    """The images from one file.

    Attributes:
      images: uint8 [N, *Fitting.shape], one for each frame.
      turned: how many of them are on the opposite background.
    """

    images: npt.NDArray[np.uint8]
    turned: int = 0


def read_picture(path: str | os.PathLike[str], fitting: Fitting) -> Fitted:
    """Returns a picture as images of the data set, one for each frame that is read.

    It is turned as its EXIF orientation says, put on the background if it is transparent, made grey
    (luma, ITU-R 601-2) unless colours are wanted, then scaled. A picture that already has the right
    size is not resampled.

    Raises:
      DataError: it cannot be read as a picture; the line begins with the path.
    """
    try:
        with open_file(path) as stream, PIL.Image.open(stream, formats=_formats()) as image:
            # After `draft` Pillow cannot find the next picture in a JPEG with several.
            if not (fitting.all_frames and getattr(image, "n_frames", 1) > 1):
                image.draft(fitting.mode, (_DRAFT * fitting.size, _DRAFT * fitting.size))
            images, turned = [], 0
            for frame in _frames(image, fitting.all_frames):
                opaque, background = _opaque(frame, fitting)
                turned += background != fitting.background
                images.append(np.array(_fitted(opaque, fitting, background), np.uint8))
    except PIL.UnidentifiedImageError as error:
        why = "not a picture that Pillow can read"
        if _is_heic(path):
            why = "HEIC, which needs a plugin: install pillow-heif where this program is installed"
        raise DataError(f"{os.fspath(path)}: {why}") from error
    except Exception as error:
        # Pillow's decoders raise anything on damaged bytes: OSError, SyntaxError, struct.error,
        # IndexError, ...
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise DataError(f"{os.fspath(path)}: {reason or type(error).__name__}") from error
    values = np.stack(images)
    return Fitted(255 - values if fitting.invert else values, turned)


def fitted_values(values: npt.NDArray[np.uint8], fitting: Fitting) -> npt.NDArray[np.uint8]:
    """Returns grey values or colours, uint8 [H, W] or [H, W, 3], as uint8 `Fitting.shape`."""
    picture = PIL.Image.fromarray(values).convert(fitting.mode)
    image = np.array(_fitted(picture, fitting, fitting.background), np.uint8)
    return np.subtract(255, image, dtype=np.uint8) if fitting.invert else image


def narrowed(
    values: npt.NDArray[np.generic], white: float | None, *, wide: bool = False
) -> npt.NDArray[np.uint8]:
    """Returns numbers as grey values; see `Fitting.white`.

    Args:
      values: any numbers, of any shape.
      white: the value that becomes 255; `Fitting.white` describes None.
      wide: whether None means 65535 for whole numbers, even if no value exceeds 255.

    Raises:
      ValueError: values are negative or not finite, or too large if `white` is None.
    """
    if values.dtype == np.uint8 and (white == 255 or (white is None and not wide)):
        # Returned unchanged: float64 would take eight times the memory, several times over.
        return values.astype(np.uint8, copy=False)
    numbers = np.asarray(values, np.float64)
    whites = (1.0, 255.0) if values.dtype.kind in "fb" else (255.0, 65535.0)
    least, largest = numbers.min(initial=0), numbers.max(initial=0)
    if white is None:
        fitting = [each for each in (whites[1:] if wide else whites) if largest <= each]
        white = fitting[0] if fitting else None
    if white is None or not (numbers >= 0).all() or not np.isfinite(largest):
        raise ValueError(
            f"its values range from {least:g} to {largest:g}, expected 0 to {whites[-1]:g}; "
            + (
                "if none is negative, set the value of white with import_images --white"
                if np.isfinite(least + largest)
                else "replace those that are not finite"
            )
        )
    grey: npt.NDArray[np.uint8] = np.rint(np.minimum(numbers / white, 1.0) * 255).astype(np.uint8)
    return grey


def _frames(image: PIL.Image.Image, every: bool) -> Iterator[PIL.Image.Image]:
    for frame in PIL.ImageSequence.Iterator(image):
        # Not `PIL.ImageOps.exif_transpose`, which rewrites all tags and fails on odd ones. Pillow
        # itself turns a TIFF when it is loaded, and then reports no orientation.
        frame.load()
        turn = _TURNS.get(frame.getexif().get(PIL.ExifTags.Base.Orientation) or 1)
        yield frame if turn is None else frame.transpose(turn)
        if not every:
            return


def _is_heic(path: str | os.PathLike[str]) -> bool:
    with open_file(path) as stream:
        head = stream.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC_KINDS


def _formats() -> list[str]:
    PIL.Image.init()
    if importlib.util.find_spec("pillow_heif") is not None:
        importlib.import_module("pillow_heif").register_heif_opener()
    return [name for name in PIL.Image.ID if name not in _UNTRUSTED_FORMATS]


def _opaque(image: PIL.Image.Image, fitting: Fitting) -> tuple[PIL.Image.Image, int]:
    """Returns the whole picture without transparency, and the background that it is on."""
    background = fitting.background
    if image.mode == "F" or image.mode.startswith("I"):
        # Pillow's own conversion clips at 255 instead of scaling.
        wide = image.mode.startswith("I;16") or (
            image.mode == "I" and image.format in _WIDE_FORMATS
        )
        values = narrowed(np.asarray(image), fitting.white, wide=wide)
        return PIL.Image.fromarray(values).convert(fitting.mode), background
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        opaque = image.convert("RGBA")
        drawn, alpha = opaque.convert(fitting.mode), opaque.getchannel("A")

        def laid_on(grey: int) -> PIL.Image.Image:
            return PIL.Image.composite(drawn, fitting.blank(image.size, grey), alpha)

        laid = laid_on(background)
        if fitting.visible and np.asarray(alpha).min() < 255 and not _shows(laid):
            opposite = laid_on(255 - background)
            if _shows(opposite):
                return opposite, 255 - background
        return laid, background
    if image.mode == "LAB":
        image = image.convert("RGB")  # Pillow cannot convert LAB to grey directly.
    return image.convert(fitting.mode), background


def _shows(picture: PIL.Image.Image) -> bool:
    values = np.asarray(picture)
    return bool(np.ptp(values, axis=(0, 1)).max() >= _CONTRAST)


def _fitted(picture: PIL.Image.Image, fitting: Fitting, background: int) -> PIL.Image.Image:
    """Returns a picture that has no transparency, scaled to the size of an image."""
    width, height = picture.size
    box: tuple[float, float, float, float] = (0, 0, width, height)
    whole = size = (fitting.size, fitting.size)
    if fitting.fit == "cover":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    elif fitting.fit == "contain":
        scale = fitting.size / max(width, height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
    scaled = picture.resize(size, PIL.Image.Resampling.LANCZOS, box)
    if size == whole:
        return scaled
    framed = fitting.blank(whole, background)
    framed.paste(scaled, ((whole[0] - size[0]) // 2, (whole[1] - size[1]) // 2))
    return framed
