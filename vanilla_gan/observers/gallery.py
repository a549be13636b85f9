"""Gallery: a run at a glance, in latest.png, training.gif and losses.png."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from vanilla_gan.drawing.animation import (
    DamagedPictureError,
    frame_paths,
    is_frame,
    write_animation,
)
from vanilla_gan.drawing.picture_file import MAX_PIXELS
from vanilla_gan.drawing.points import picture_layout
from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.errors import DamagedRunError, OutputError
from vanilla_gan.observers.against import ensemble_or_none
from vanilla_gan.observers.refresh import Refresher
from vanilla_gan.report.curves import losses_png, shortened
from vanilla_gan.runfolder.losses_csv import read_losses
from vanilla_gan.runfolder.names import LATEST, LOSSES, LOSSES_PNG, TRAINING_GIF
from vanilla_gan.runfolder.parent import parent_losses
from vanilla_gan.runfolder.pictures import numbered_pictures, picture_path, set_latest
from vanilla_gan.runfolder.record import RunRecord
from vanilla_gan.storage.own import clear, set_aside
from vanilla_gan.storage.whole import write_whole

# Share of a run's time for each of the two files that take a while to make.
SHARE = 0.005
# How many characters of the data set's name the title of losses.png has at most.
_MAX_NAME = 36


class Gallery:
    """Keeps the three files fresh; an `Observer`.

    They are made from the numbered pictures and `losses.csv` on the disk, so a run that is killed
    loses nothing of them. `latest.png` is updated at each picture, the others by the clock, and all
    of them are up to date when the run ends.
    """

    def __init__(self, record: RunRecord, start: int, warn: Callable[[str], None]) -> None:
        """Begins a gallery that shows nothing from iteration `start` on; see `observers_of`.

        `warn` is also called if `--against` gives no range, or pictures are too large for a GIF.

        Raises:
          OutputError: a file of an earlier start cannot be removed or replaced.
        """
        config = record.config
        self._record = record
        self._warn = warn
        self._out_dir = config.out_dir
        self._sample_every = config.resolved_int("sample_every")
        self._colour = config.image_shape.channels == 3
        self._frames, self._stride = config.gif_frames, config.gif_stride
        layout = picture_layout(*config.picture_tiles, config.image_shape)
        self._are_too_large = layout.height * layout.width > MAX_PIXELS
        if self._are_too_large:
            warn(
                f"warning: pictures of {layout.width}x{layout.height} px are too large for "
                f"{TRAINING_GIF} and for a report, which read at most {MAX_PIXELS} px"
            )
        self._ensemble = ensemble_or_none(record, warn)
        self._parent = parent_losses(record.parent)
        # Otherwise a long name of the data would push the seed out of the title.
        name = shortened(str(record.dataset["name"]), _MAX_NAME)
        self._title = f"{config.system} on {name}, seed {config.seed}"
        self._gif = Refresher(self._write_gif, SHARE)
        self._losses_png = Refresher(self._write_losses_png, SHARE)
        # They may show what lies beyond the checkpoint that the run goes back to.
        for name in (LATEST, TRAINING_GIF, LOSSES_PNG):
            clear(self._out_dir / name, warn)
        if start > 0:
            self._set_latest_before(-(-start // self._sample_every))
            self._gif.changed()
            self._losses_png.changed()

    def picture(self, it: int, samples: npt.NDArray[np.float32]) -> None:
        """Makes `latest.png` the picture of iteration `it`."""
        number = it // self._sample_every
        set_latest(self._out_dir, picture_path(self._out_dir, number))
        if is_frame(number, self._frames, self._stride):
            self._gif.changed()

    def losses(self, block: LossBlock) -> None:
        """Makes the other two again if it is time to.

        The rows of `block` may not be in `losses.csv` yet, so what is made now may lack them.
        """
        self._gif.poll()
        self._losses_png.poll()
        self._losses_png.changed()

    def close(self) -> None:
        """Brings all of them up to date."""
        try:
            self._gif.finish()
        finally:
            self._losses_png.finish()

    def _set_latest_before(self, number: int) -> None:
        before = [
            path
            for n, path in numbered_pictures(self._out_dir).items()
            if n < number and os.path.isfile(path)
        ]
        if before:
            set_latest(self._out_dir, before[-1])

    def _write_gif(self) -> None:
        self._record.check_still_there(self._out_dir)
        if self._are_too_large:
            return  # They are whole, but `write_animation` would take them for damaged.
        while pictures := frame_paths(self._out_dir, self._frames, self._stride):
            try:
                write_animation(self._out_dir / TRAINING_GIF, pictures, colour=self._colour)
                return
            except DamagedPictureError as error:
                self._warn(f"warning: {error}; it was renamed to {set_aside(error.path)}")

    def _write_losses_png(self) -> None:
        self._record.check_still_there(self._out_dir)
        path = self._out_dir / LOSSES_PNG
        try:
            rows = read_losses(self._out_dir / LOSSES)
        except DamagedRunError as error:
            raise OutputError(
                f"cannot write {path}: {error}; put that file back, then give the same command "
                "again"
            ) from error
        if len(rows.iteration):
            write_whole(path, losses_png(rows, self._ensemble, self._title, self._parent))
            # A figure has reference cycles: without this, tens of MB would stay allocated.
            gc.collect()
