"""Glyphs -> images of digits that look like MNIST's, each in a handwriting of its own.

Each digit is drawn with a pen of its own width and pressure, slanted, turned, stretched, bent,
fitted to MNIST's box of 20 pixels and centred by its mass, in whole pixels, like MNIST's digits.
The bytes depend neither on the processor nor on the number of threads: the inputs of a matrix
product are rounded first, so that its sums are exact in any order, and everything else works
element by element or in integers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.digits.glyphs import FRAME_PX, Glyphs
from vanilla_gan.data.shape import PUBLISHED_SHAPE

IMAGE_PX = PUBLISHED_SHAPE.height

_CENTRE_PX = 14  # the row and the column at which MNIST puts the centre of mass
# Bends: products of cosines of these half periods over the image, along y and x.
_WAVES = [(i, j) for i in range(4) for j in range(4) if 2 <= i + j <= 3]
_BEND_PX = 2.2  # standard deviation of a bend's slowest waves, in the image
_PRESSURE = 0.25  # the same for the pen's radius, as a share of it
_WIDEST_PX = 11  # the pen's largest radius in the frame, so that it stays within the margin
_STEPS = 2.0**16


class _Strokes(NamedTuple):
    """How the images of a block are drawn. N images, W = 3 + len(_WAVES) terms.

    Attributes:
      glyph: int64 [N], row of `Glyphs.fields`.
      terms: float64 [N, 3, W]: the factors of `_basis`'s rows that give, for each pixel of the
        image, its x and its y in the glyph's frame and the pen's radius there.
      softness: float32 [N]: the number of frame pixels over which ink fades out.
    """

    glyph: npt.NDArray[np.int64]
    terms: npt.NDArray[np.float64]
    softness: npt.NDArray[np.float32]


def draw_digits(
    glyphs: Glyphs, labels: npt.NDArray[np.uint8], random_stream: np.random.RandomState
) -> npt.NDArray[np.uint8]:
    """Draws one image for each label; all random draws are from `random_stream`.

    Needs about 50 KiB of memory per image while it draws: pass a few hundred labels at a time.

    Args:
      glyphs: what the digits are drawn from.
      labels: uint8 [N] in 0..9.
      random_stream: decides how the digits differ; how many numbers it gives depends only on N.

    Returns:
      uint8 [N, 28, 28], ink 255 on 0.
    """
    strokes = _random_strokes(glyphs, labels, random_stream)
    return centred(_draw(glyphs, strokes))


def _basis() -> npt.NDArray[np.float64]:
    """Returns the functions of a pixel's position that its terms multiply: float64 [W, 784]."""
    y, x = np.indices((IMAGE_PX, IMAGE_PX), dtype=np.float64).reshape(2, -1)
    return _rounded(np.concatenate([np.stack([np.ones_like(x), x, y]), _waves_at(x, y)]))


def _waves_at(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns the bending functions at positions in the image, in pixels: [len(_WAVES), ...]."""
    half_period = np.pi / IMAGE_PX
    return np.stack(
        [
            np.cos(i * half_period * (y + 0.5)) * np.cos(j * half_period * (x + 0.5))
            for i, j in _WAVES
        ]
    )


def _rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rounds so coarsely that products and their sums are exact in float64, in any order."""
    return np.round(values * _STEPS) / _STEPS


def _random_strokes(
    glyphs: Glyphs, labels: npt.NDArray[np.uint8], random_stream: np.random.RandomState
) -> _Strokes:
    """Draws the random look of one image for each label."""
    count = len(labels)
    uniform, normal = random_stream.uniform, random_stream.standard_normal
    pick = uniform(size=count)
    glyph = np.array(
        [
            glyphs.choices[label][int(chance * len(glyphs.choices[label]))]
            for label, chance in zip(labels, pick, strict=True)
        ],
        dtype=np.int64,
    )
    angle = np.deg2rad(uniform(-12.0, 12.0, count))
    slant = np.clip(0.12 + 0.20 * normal(count), -0.35, 0.6)
    stretch = np.exp(np.clip(0.06 + 0.16 * normal(count), -0.3, 0.4))
    longer_side = uniform(18.0, 20.0, count)
    pen_px = np.clip(2.3 * np.exp(0.25 * normal(count)), 1.5, 3.8)
    fade_px = uniform(0.8, 1.4, count)
    middle = (IMAGE_PX - 1) / 2 + uniform(-0.5, 0.5, (2, count))
    waves = normal((3, count, len(_WAVES))) / np.array([i * i + j * j for i, j in _WAVES])

    # From the frame to the image: stretched along x, slanted, turned; the scale comes below.
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos * stretch, -slant * cos - sin], [sin * stretch, -slant * sin + cos]])
    outermost = np.moveaxis(glyphs.support[glyph], 2, 0)  # [2, N, S]
    scale, origin = _fit(matrix, outermost, longer_side - pen_px, middle)
    # The bends also move the outermost points, and so the box; fitting once more is close enough.
    bend = _BEND_PX / (scale * np.sqrt(stretch))[:, None] * waves[:2]
    place = scale[:, None] * _mapped(matrix, outermost) + origin[:, :, None]
    outermost = outermost - np.einsum("anw,wns->ans", bend, _waves_at(place[0], place[1]))
    scale, origin = _fit(matrix, outermost, longer_side - pen_px, middle)

    # From the image to the frame; the determinant of the matrix is `stretch`.
    inverse = np.array([[matrix[1, 1], -matrix[0, 1]], [-matrix[1, 0], matrix[0, 0]]])
    inverse /= scale * stretch
    frame_px = 1.0 / (scale * np.sqrt(stretch))  # pixels of the frame per pixel of the image
    radius = 0.5 * pen_px * frame_px
    terms = np.empty((3, count, 3 + len(_WAVES)))
    terms[:2, :, 0] = -(inverse * origin).sum(axis=1)
    terms[:2, :, 1:3] = np.moveaxis(inverse, 1, 2)
    terms[:2, :, 3:] = bend
    terms[2, :, 0] = radius
    terms[2, :, 1:3] = 0.0
    terms[2, :, 3:] = _PRESSURE * radius[:, None] * waves[2]
    return _Strokes(
        glyph, _rounded(np.moveaxis(terms, 1, 0)), (fade_px * frame_px).astype(np.float32)
    )


def _mapped(
    matrix: npt.NDArray[np.float64], points: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Returns each image's points [2, N, S], mapped by its matrix [2, 2, N]: [2, N, S]."""
    mapped: npt.NDArray[np.float64] = (
        matrix[:, 0, :, None] * points[0] + matrix[:, 1, :, None] * points[1]
    )
    return mapped


def _fit(
    matrix: npt.NDArray[np.float64],
    points: npt.NDArray[np.float64],
    longer_side: npt.NDArray[np.float64],
    middle: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Returns the scale [N] and the origin [2, N] that fit the mapped points into their box.

    The box around `scale * mapped + origin` has this longer side [N] and this middle [2, N].
    """
    mapped = _mapped(matrix, points)
    low, high = mapped.min(axis=2), mapped.max(axis=2)
    scale = longer_side / (high - low).max(axis=0)
    return scale, middle - scale * (low + high) / 2


def _draw(glyphs: Glyphs, strokes: _Strokes) -> npt.NDArray[np.uint8]:
    """Returns the images of a block: uint8 [N, 28, 28]."""
    limit = np.float32(FRAME_PX - 1.001)
    # One product per image, not one for all: each is too small for BLAS to start its threads,
    # which would spin and slow down everything else on the machine.
    x, y, radius = np.moveaxis(strokes.terms @ _basis(), 1, 0).astype(np.float32)
    np.minimum(radius, np.float32(_WIDEST_PX), out=radius)
    left = np.clip(x, np.float32(0), limit, out=x).astype(np.int32)
    top = np.clip(y, np.float32(0), limit, out=y).astype(np.int32)
    x -= left
    y -= top
    corner = (strokes.glyph * FRAME_PX**2)[:, None] + top * FRAME_PX + left
    flat = glyphs.fields.reshape(-1)

    def along_x(first: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        start = flat.take(first)
        between: npt.NDArray[np.float32] = start + x * (flat.take(first + 1) - start)
        return between

    above = along_x(corner)
    field = above + y * (along_x(corner + FRAME_PX) - above)
    ink = (radius - field) / strokes.softness[:, None] + np.float32(0.5)
    np.clip(ink, np.float32(0), np.float32(1), out=ink)
    images: npt.NDArray[np.uint8] = np.rint(ink * np.float32(255)).astype(np.uint8)
    return images.reshape(-1, IMAGE_PX, IMAGE_PX)


def centred(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Moves each image by whole pixels, so that its centre of mass is at or next to pixel (14, 14).

    No ink is moved out of the image: a digit that would cross the edge stops at it.

    Args:
      images: uint8 [N, 28, 28], none of them blank.
    """
    places = np.arange(IMAGE_PX)
    sources = []
    for axis in (1, 2):
        profile = images.sum(axis=3 - axis, dtype=np.int64)
        mean = (profile * places).sum(axis=1) / profile.sum(axis=1)
        first = (profile > 0).argmax(axis=1)
        last = IMAGE_PX - 1 - (profile[:, ::-1] > 0).argmax(axis=1)
        shift = np.clip(np.rint(_CENTRE_PX - mean).astype(np.int64), -first, IMAGE_PX - 1 - last)
        sources.append((places - shift[:, None]) % IMAGE_PX)  # only blank rows wrap around
    rows, columns = sources
    images_at = np.arange(len(images))[:, None, None]
    moved: npt.NDArray[np.uint8] = images[images_at, rows[:, :, None], columns[:, None, :]]
    return moved
