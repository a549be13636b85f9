"""`training.gif`: the numbered pictures one after the other, as the post shows its run."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence

import PIL.Image

from vanilla_gan.drawing.picture_file import open_png
from vanilla_gan.errors import DamagedRunError
from vanilla_gan.runfolder.names import TRAINING_GIF
from vanilla_gan.runfolder.pictures import numbered_pictures
from vanilla_gan.storage.whole import whole_file

FRAME_MS = 750
# Each frame is a whole picture, as in the published file, and does not build on earlier ones.
_FRAME_IS_REMOVED = 2
# Pillow merges identical frames into one, which can be shown for 655 s at most.
_MOST_ALIKE = 65535 * 10 // FRAME_MS


class DamagedPictureError(DamagedRunError):
    """A picture of a run cannot be read.

    Attributes:
      path: the picture.
    """

    def __init__(self, path: pathlib.Path, message: str) -> None:
        """Makes the error for a picture; `message` is the whole line."""
        super().__init__(message)
        self.path = path


def is_frame(number: int, frames: int, stride: int) -> bool:
    """Returns whether picture `number` is one of those that the animation shows."""
    return number % stride == 0 and number // stride < frames


def frame_paths(out_dir: pathlib.Path, frames: int, stride: int) -> list[pathlib.Path]:
    """Returns those pictures that the animation shows and that exist, in its order.

    Args:
      out_dir: the run's folder.
      frames: how many pictures the finished animation shows.
      stride: it shows every `stride`-th picture, from 000.png on.
    """
    return [
        path
        for number, path in numbered_pictures(out_dir).items()
        if is_frame(number, frames, stride)
    ]


def write_animation(
    path: pathlib.Path, pictures: Sequence[pathlib.Path], *, colour: bool = False
) -> None:
    """Writes a GIF of the pictures, whole or not at all: 750 ms each, in an endless loop.

    Equal pictures give equal bytes. Identical pictures in a row share one frame, which is shown as
    long as all of them, up to 655 s. Takes some 5 ms and 110 kB of memory for a picture of
    330x337 px.

    Source: `published_training.gif`, the figure of the 2016 post. Difference: its greys are reduced
    to 63; here all are kept.

    Args:
      path: the file to write.
      pictures: at least one PNG file, all of one size.
      colour: whether they have colours, of which 256 are kept; otherwise they are grey.

    Raises:
      DamagedPictureError: a picture cannot be read.
      OutputError: the file could not be written.
    """
    frames = _frames(pictures, "RGB" if colour else "L")
    with whole_file(path) as stream:
        next(frames).save(
            stream,
            "gif",
            save_all=True,
            append_images=frames,
            duration=FRAME_MS,
            loop=0,
            disposal=_FRAME_IS_REMOVED,
        )


def _frames(pictures: Sequence[pathlib.Path], mode: str) -> Iterator[PIL.Image.Image]:
    before, alike = b"", 0
    for path in pictures:
        try:
            with open_png(path) as picture:
                frame = picture.convert(mode)
            alike, before = (alike + 1 if frame.tobytes() == before else 0), frame.tobytes()
            if alike < _MOST_ALIKE:
                yield frame
        except (OSError, SyntaxError, ValueError) as error:
            # Pillow reports some kinds of damage by errors that are not its own.
            raise DamagedPictureError(
                path, f"{path} cannot be shown in {TRAINING_GIF}: {error}"
            ) from error
