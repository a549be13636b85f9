"""The cell of a notebook: the newest picture and both losses, while a run trains."""

from __future__ import annotations

import base64
import contextlib
import html
import importlib
import pathlib
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.errors import VanillaGanError
from vanilla_gan.observers.against import ensemble_or_none
from vanilla_gan.observers.observer import Observer
from vanilla_gan.observers.refresh import Refresher
from vanilla_gan.report.curves import losses_png
from vanilla_gan.runfolder.losses_csv import read_losses
from vanilla_gan.runfolder.names import LATEST, LOSSES
from vanilla_gan.runfolder.record import read_record
from vanilla_gan.storage.reading import read_file

# Share of a run's time spent on showing it: drawing the curves takes a third of a second.
SHARE = 0.02
FIRST_S = 3.0
_MAX_PICTURE = 1 << 24  # bytes
_PNG = b"\x89PNG\r\n\x1a\n"


class Cell(Observer):
    """Shows a run in the cell that trains it, and keeps that up to date."""

    def __init__(self, out_dir: pathlib.Path) -> None:
        self._out_dir = out_dir
        self._handle: Any = None
        self._refresher = Refresher(self._show, SHARE, first_s=FIRST_S)

    def picture(self, it: int, samples: npt.NDArray[np.float32]) -> None:
        """Notes that there is a new picture."""
        self._refresher.changed()

    def losses(self, block: LossBlock) -> None:
        """Shows the run as it is, if it is time to; the rows of `block` may not be there yet."""
        self._refresher.poll()
        self._refresher.changed()

    def close(self) -> None:
        """Shows the run as it ended."""
        self._refresher.finish()

    def _show(self) -> None:
        IPython = importlib.import_module("IPython.display")
        page = IPython.HTML(run_as_html(self._out_dir))
        if self._handle is None:
            self._handle = IPython.display(page, display_id=True)
        else:
            self._handle.update(page)


def in_notebook() -> bool:
    """Returns whether this is the kernel of a notebook, where output appears in a cell."""
    shell = sys.modules.get("IPython")
    return shell is not None and hasattr(shell.get_ipython(), "kernel")


def run_as_html(out_dir: pathlib.Path) -> str:
    """Returns the newest picture of a run and its losses side by side, as HTML with its images.

    What is missing in the folder, or cannot be read, is left out.
    """
    images = []
    with contextlib.suppress(OSError):
        png = read_file(out_dir / LATEST, _MAX_PICTURE)
        # A link may lead to any file, whose content would be passed on with the notebook.
        if png.startswith(_PNG):
            images.append((png, "the newest picture"))
    with contextlib.suppress(VanillaGanError):
        record, rows = read_record(out_dir), read_losses(out_dir / LOSSES)
        if record is not None and len(rows.iteration):
            curves = losses_png(rows, ensemble_or_none(record), f"iteration {rows.iteration[-1]}")
            images.append((curves, "the losses"))
    shown = "".join(
        # `contain`: in a narrower cell an image becomes smaller, but is not squeezed.
        f'<img alt="{alt}" style="height: 330px; max-width: 100%; object-fit: contain; margin: 4px"'
        f' src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        for png, alt in images
    )
    return f'<div title="{html.escape(str(out_dir))}">{shown}</div>'
