"""Digit glyphs of the fonts that matplotlib ships, as distance fields that strokes are drawn from.

A field holds, for every point of a glyph's frame, the radius that a pen needs to leave ink there:
thresholding it at a radius draws the digit with a pen of that radius, at any width and with smooth
edges. The pen's path is the glyph's skeleton; a share of the font's own contrast between thick and
thin strokes can be mixed in.
"""

from __future__ import annotations

import os
import pathlib
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.ft2font import FT2Font, LoadFlags

from vanilla_gan.data.shape import PUBLISHED_CLASSES
from vanilla_gan.errors import DataError

FRAME_PX = 96
"""Height and width of a glyph's frame."""
GLYPH_PX = 66
"""The longer side of a glyph's outline in its frame; the margin leaves room for the widest pen."""
REACH_PX = 16
"""Distances are exact up to here and cut off beyond."""
SUPPORT_DIRECTIONS = 16
"""Directions in which a skeleton's outermost point is recorded."""
CONTRASTS = (0.0, 0.3, 0.6)
"""Shares of the font's own stroke contrast that are mixed into the pen of constant width."""

HAIRLINE_PX = np.float32(1.0)
"""The most by which contrast may reduce the pen's radius, so that hairlines do not break."""

_ASCII = ord("0")
# STIX has further faces at Unicode's "mathematical alphanumeric" code points.
_SANS, _SANS_BOLD, _MONO = 0x1D7E2, 0x1D7EC, 0x1D7F6

# File (without .ttf), code point of its zero, digits taken from it. Faces that are new in
# matplotlib 3.11 are left out, because 3.10 must do, too.
_ALL = "0123456789"
_NO_ZERO = "123456789"  # the zeros of DejaVu Sans Mono are dotted
_FACES = (
    ("DejaVuSans", _ASCII, _ALL),
    ("DejaVuSans-Bold", _ASCII, _ALL),
    ("DejaVuSans-Oblique", _ASCII, _ALL),
    ("DejaVuSans-BoldOblique", _ASCII, _ALL),
    ("DejaVuSansMono", _ASCII, _NO_ZERO),
    ("DejaVuSansMono-Bold", _ASCII, _NO_ZERO),
    ("DejaVuSansMono-Oblique", _ASCII, _NO_ZERO),
    ("DejaVuSerif", _ASCII, _ALL),
    ("DejaVuSerif-Bold", _ASCII, _ALL),
    ("DejaVuSerif-Italic", _ASCII, _ALL),
    ("DejaVuSerif-BoldItalic", _ASCII, _ALL),
    ("STIXGeneral", _ASCII, _ALL),
    ("STIXGeneral", _SANS, _ALL),
    ("STIXGeneral", _MONO, _ALL),
    ("STIXGeneralBol", _ASCII, _ALL),
    ("STIXGeneralBol", _SANS_BOLD, _ALL),
    ("STIXGeneralItalic", _ASCII, _ALL),
    ("STIXGeneralBolIta", _ASCII, _ALL),
    ("cmb10", _ASCII, _ALL),
    ("cmr10", _ASCII, _ALL),
    ("cmss10", _ASCII, _ALL),
    ("cmtt10", _ASCII, _ALL),
)
# Most people write a one as a plain bar. No font has such a digit, but a sans-serif "l" looks so.
_BAR_FACES = ("DejaVuSans", "DejaVuSans-Oblique", "cmss10")
_BAR_SHARE = 8  # how often each bar is listed among the ones


class Glyphs(NamedTuple):
    """The glyphs that digits are drawn from. P glyphs, S = SUPPORT_DIRECTIONS, F = FRAME_PX.

    Attributes:
      fields: float32 [P, F, F], pixels of the frame: the pen's radius that reaches this point.
      support: float64 [P, S, 2], (x, y) in the frame: outermost points of the skeleton.
      choices: ten int64 arrays: for each digit, the glyphs to choose from, all equally likely.
    """

    fields: npt.NDArray[np.float32]
    support: npt.NDArray[np.float64]
    choices: tuple[npt.NDArray[np.int64], ...]


def load_glyphs() -> Glyphs:
    """Reads the fonts and returns their digits as distance fields (about a second).

    Raises:
      DataError: a font that matplotlib ships is missing or has no such digit.
    """
    masks: list[npt.NDArray[np.bool_]] = []
    digits: list[list[int]] = [[] for _ in range(PUBLISHED_CLASSES)]
    for face, zero, wanted in _FACES:
        for digit in map(int, wanted):
            digits[digit].append(len(masks))
            masks.append(_glyph_mask(face, zero + digit))
    for face in _BAR_FACES:
        digits[1] += [len(masks)] * _BAR_SHARE
        masks.append(_glyph_mask(face, ord("l")))

    outlines = np.stack(masks)
    skeletons = thin(outlines)
    fields = _contrast_fields(outlines, skeletons)
    support = np.stack([_outermost(skeleton) for skeleton in skeletons])
    variants = len(CONTRASTS)
    choices = tuple(
        (np.array(of_digit)[:, None] * variants + np.arange(variants)).ravel()
        for of_digit in digits
    )
    fields = fields.reshape(-1, FRAME_PX, FRAME_PX)
    return Glyphs(fields, np.repeat(support, variants, axis=0), choices)


def thin(masks: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Returns the skeletons of shapes, one pixel wide and connected like the shapes.

    Source: T. Y. Zhang, C. Y. Suen, "A fast parallel algorithm for thinning digital patterns",
    Communications of the ACM 27 (1984).

    Args:
      masks: bool [G, H, W]; the outermost rows and columns must be False.
    """
    shape = np.pad(masks, ((0, 0), (1, 1), (1, 1))).astype(np.uint8)
    inside = shape[:, 1:-1, 1:-1]
    height, width = masks.shape[1:]
    # The eight neighbours, clockwise from the one above: views that follow `shape`.
    ring = [
        shape[:, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        for dy, dx in ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    ]
    north, _, east, _, south, _, west, _ = ring
    while True:
        before = int(inside.sum(dtype=np.int64))
        for first in (True, False):
            neighbours = sum(ring[1:], ring[0].copy())
            turns: npt.NDArray[Any] = np.zeros_like(neighbours)
            for here, following in zip(ring, ring[1:] + ring[:1], strict=True):
                turns += following & (here ^ 1)
            corner = (east & south & (north | west)) if first else (north & west & (east | south))
            removable = (
                (inside == 1) & (neighbours >= 2) & (neighbours <= 6) & (turns == 1) & (corner == 0)
            )
            inside[removable] = 0
        if int(inside.sum(dtype=np.int64)) == before:
            return inside.astype(bool)


def distances(masks: npt.NDArray[np.bool_], reach_px: int) -> npt.NDArray[np.float32]:
    """Returns each point's Euclidean distance to the nearest point of its shape.

    Args:
      masks: bool [G, H, W].
      reach_px: distances are exact up to here and at least this much beyond.

    Returns:
      float32 [G, H, W], pixels.
    """
    squares = np.where(masks, 0, 2 * reach_px**2).astype(np.int32)
    for axis in (1, 2):
        # One axis after the other: min over offsets k of (value k pixels away) + k^2, in integers.
        source = np.moveaxis(squares.copy(), axis, 1)
        target = np.moveaxis(squares, axis, 1)
        for offset in range(1, reach_px + 1):
            cost = source + offset**2
            np.minimum(target[:, offset:], cost[:, :-offset], out=target[:, offset:])
            np.minimum(target[:, :-offset], cost[:, offset:], out=target[:, :-offset])
    return np.sqrt(squares, dtype=np.float32)


def _glyph_mask(face: str, code_point: int) -> npt.NDArray[np.bool_]:
    """Returns a glyph centred in its frame, with GLYPH_PX as its longer side: bool [F, F]."""
    path = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf", f"{face}.ttf")
    try:
        font = FT2Font(os.fspath(path))
    except OSError as error:
        raise _bad_font(path, error.strerror or str(error)) from error
    except RuntimeError as error:  # FreeType's
        raise _bad_font(path, str(error)) from error
    if code_point not in font.get_charmap():
        raise _bad_font(path, f"it has no character U+{code_point:04X}")
    size_pt = float(GLYPH_PX)
    for _ in range(2):  # once to measure, once at the size that fits
        font.set_size(size_pt, 72)
        font.set_text(chr(code_point), 0.0, flags=LoadFlags.NO_HINTING)
        font.draw_glyphs_to_bitmap(antialiased=True)
        inked = np.asarray(font.get_image()) >= 128
        rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
        inked = inked[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        size_pt *= GLYPH_PX / max(inked.shape)
    frame = np.zeros((FRAME_PX, FRAME_PX), dtype=bool)
    top, left = ((FRAME_PX - side) // 2 for side in inked.shape)
    frame[top : top + inked.shape[0], left : left + inked.shape[1]] = inked
    return frame


def _bad_font(path: pathlib.Path, reason: str) -> DataError:
    return DataError(
        f"cannot draw the data set digits: font {path}: {reason}; expected the fonts that "
        "matplotlib ships: reinstall matplotlib, or choose another data set with --dataset"
    )


def _contrast_fields(
    outlines: npt.NDArray[np.bool_], skeletons: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Returns the fields of each glyph at each contrast: float32 [G, len(CONTRASTS), F, F]."""
    from_path = distances(skeletons, REACH_PX)
    # Signed distance to the outline, less half a pixel because it runs between two pixels.
    from_outline = distances(outlines, REACH_PX) - distances(~outlines, REACH_PX)
    from_outline -= 0.5 * np.sign(from_outline)
    fields = np.empty((len(outlines), len(CONTRASTS), FRAME_PX, FRAME_PX), np.float32)
    for glyph, skeleton in enumerate(skeletons):
        # The font's typical pen radius: with it, full contrast restores the font's own outline.
        radius = -np.median(from_outline[glyph][skeleton])
        for variant, contrast in enumerate(CONTRASTS):
            thinner = np.float32(contrast) * (from_outline[glyph] + radius - from_path[glyph])
            fields[glyph, variant] = from_path[glyph] + np.minimum(thinner, HAIRLINE_PX)
    # A skeleton has steps at the pixels; smoothing rounds them and the corners.
    for axis in (2, 3):
        lines = np.moveaxis(fields, axis, 2)
        for _ in range(2):
            lines[:, :, 1:-1] = (
                0.25 * (lines[:, :, :-2] + lines[:, :, 2:]) + 0.5 * lines[:, :, 1:-1]
            )
    return fields


def _outermost(skeleton: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Returns the outermost point, (x, y), of a skeleton in each direction: float64 [S, 2]."""
    angles = np.arange(SUPPORT_DIRECTIONS) * (2 * np.pi / SUPPORT_DIRECTIONS)
    # Integers, so that rounding does not decide between points that are equally far out.
    directions = np.round(1024 * np.stack([np.cos(angles), np.sin(angles)])).astype(np.int64)
    points = np.argwhere(skeleton)[:, ::-1]
    outermost: npt.NDArray[np.float64] = points[(points @ directions).argmax(axis=0)].astype(float)
    return outermost
