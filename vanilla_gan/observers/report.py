"""Keeps `report.html` fresh while a run goes on, for `--report`."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from vanilla_gan.agreement.normal import ensemble_for
from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.errors import DamagedRunError, RunConflictError
from vanilla_gan.observers.refresh import Refresher
from vanilla_gan.report.contents import gather
from vanilla_gan.report.page import is_page, page
from vanilla_gan.report.pictures import Shelf
from vanilla_gan.runfolder.names import REPORT
from vanilla_gan.runfolder.pictures import numbered_pictures
from vanilla_gan.runfolder.record import RunRecord
from vanilla_gan.storage.own import clear, set_aside
from vanilla_gan.storage.whole import write_whole

# The share of a run's time that goes into its report.
SHARE = 0.02
# Seconds after which an open page reloads.
RELOAD_S = 20


class ReportObserver:
    """Writes the report now and then, and at the end."""

    def __init__(self, record: RunRecord, start: int, warn: Callable[[str], None]) -> None:
        """Writes nothing yet; iteration `start` comes next.

        `warn` is called with one line if the run's files are too damaged for a report, and if
        something else has the report's name, which is then renamed.

        Raises:
          OutputError: it could not be renamed.
        """
        self._warn = warn
        path = record.config.out_dir / REPORT
        if os.path.isdir(path):
            clear(path, warn)
        elif os.path.isfile(path) and not is_page(path):
            warn(f"warning: {path} is not a report; it was renamed to {set_aside(path)}")
        self._out_dir = record.config.out_dir
        self._record = record
        self._reached = start
        self._is_over = False
        config = record.config
        try:
            self._ensemble = ensemble_for(record, config.against)
        except RunConflictError as error:
            self._ensemble = str(error)
        self._shelf = Shelf(*config.picture_tiles, config.image_shape)
        self._refresher = Refresher(self._write, SHARE)

    def picture(self, it: int, samples: npt.NDArray[np.float32]) -> None:
        """Notes that there is a new picture."""
        self._reached = it
        self._refresher.changed()

    def losses(self, block: LossBlock) -> None:
        """Writes the report, if it is time."""
        self._reached = block.first + len(block.D_loss)
        self._refresher.changed()
        self._refresher.poll()

    def close(self) -> None:
        """Writes the report one last time, which stops the reloading of an open page."""
        self._is_over = True
        self._refresher.changed()
        self._refresher.finish()

    def _write(self) -> None:
        self._record.check_still_there(self._out_dir)
        # A run that fails before its first picture has nothing to show.
        if numbered_pictures(self._out_dir):
            try:
                report = gather(
                    self._out_dir,
                    self._record,
                    self._shelf,
                    reached=self._reached,
                    against=self._record.config.against,
                    ensemble=self._ensemble,
                )
            except DamagedRunError as error:
                self._warn(f"warning: {REPORT} is left as it is: {error}")
                return
            report = report._replace(reload_s=0 if self._is_over else RELOAD_S)
            write_whole(self._out_dir / REPORT, page(report))
