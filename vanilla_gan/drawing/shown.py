"""How images look in a picture: grey, in colours, or with other channels side by side in grey."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.shape import ImageShape

T = TypeVar("T", bound=np.generic)


def shown_shape(shape: ImageShape) -> ImageShape:
    """Returns the shape of what is shown of an image: 1 channel, grey, or 3: red, green, blue."""
    if shape.channels in (1, 3):
        return shape
    return ImageShape(shape.height, shape.width * shape.channels)


def shown(samples: npt.NDArray[T], shape: ImageShape) -> npt.NDArray[T]:
    """Returns what is shown of samples, [n, size] or [n, H, W, ...]: [n, H, W] or [n, H, W, 3]."""
    images: npt.NDArray[T] = samples.reshape(-1, *shape)
    if shape.channels not in (1, 3):
        images = images.swapaxes(2, 3)
    return images.reshape(-1, *shown_shape(shape).array)


def samples_of(pictures: npt.NDArray[T], shape: ImageShape) -> npt.NDArray[T]:
    """Returns the samples, [n, size], that `shown` turns into `pictures`."""
    if shape.channels not in (1, 3):
        pictures = pictures.reshape(-1, shape.height, shape.channels, shape.width).swapaxes(2, 3)
    return pictures.reshape(len(pictures), shape.size)
