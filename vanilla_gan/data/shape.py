"""ImageShape: height, width and channels of a data set's images, and the published shape."""

from __future__ import annotations

from typing import NamedTuple


class ImageShape(NamedTuple):
    """The shape of an image, in pixels; an image without a channel dimension has one channel."""

    height: int
    width: int
    channels: int = 1

    @property
    def size(self) -> int:
        """How many values an image has."""
        return self.height * self.width * self.channels

    @property
    def array(self) -> tuple[int, ...]:
        """The shape of an image in an array: [H, W] with one channel, else [H, W, C]."""
        return self[:2] if self.channels == 1 else tuple(self)

    def __str__(self) -> str:
        """Returns `28x28` or `16x16x3`."""
        return "x".join(map(str, self.array))


def shape_of(images: tuple[int, ...]) -> ImageShape:
    """Returns the shape of one image, given that of an array, [N, H, W] or [N, H, W, C].

    Flat images, [N, size], count as one row of pixels each.
    """
    return ImageShape(1, images[1]) if len(images) == 2 else ImageShape(*images[1:])


# A point in the plane: x, then y. A picture shows many of them, as a scatter plot.
POINT = ImageShape(1, 2, 1)
POINT_TILES = (25, 40)
# Those of MNIST, Fashion-MNIST and the built-in digits, and of all runs of early versions.
PUBLISHED_SHAPE = ImageShape(28, 28, 1)
PUBLISHED_CLASSES = 10
# A label is a byte. Memory limits a side long before `MAX_SIDE` does.
MAX_CLASSES = 256
MAX_SIDE = 1 << 16
