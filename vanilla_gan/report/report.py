"""`./run.sh report`: a run as one HTML page that needs neither a server nor a network."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from vanilla_gan.agreement.published_gif import read_published_gif
from vanilla_gan.report.contents import gather
from vanilla_gan.report.explorer import explorer_of
from vanilla_gan.report.page import is_page, page
from vanilla_gan.report.pictures import Shelf
from vanilla_gan.report.settings import ReportConfig
from vanilla_gan.runfolder.place import Place
from vanilla_gan.runfolder.record import record_from


def write_report(config: ReportConfig, inform: Callable[[str], None]) -> pathlib.Path:
    """Writes the report of a run, in place of an earlier one, and returns its path.

    Raises:
      VanillaGanError: no run or no sweep there, nothing to show yet, a figure that cannot be read,
        or an unwritable file.
    """
    out_dir = pathlib.Path(config.source)
    record = record_from(config.source)
    is_given_up = config.overwrite or is_page(config.path)
    place = Place(config.path, is_given_up, report=True)
    place.check()
    frames = [] if config.published_gif is None else read_published_gif(config.published_gif)
    shelf = Shelf(*record.config.picture_tiles, record.config.image_shape)
    report = gather(out_dir, record, shelf, frames=frames, against=config.against)
    for line in report.warnings:
        inform(f"warning: {line}")
    if config.explore:
        explorer = explorer_of(config.source, inform)
        if explorer.reason:
            inform(f"warning: {explorer.reason}")
        report = report._replace(explorer=explorer)
    content = page(report)
    with place.whole() as path:
        path.write_bytes(content)
    inform(f"{config.path}: {len(report.pictures)} pictures, {len(content) / 1e6:.1f} MB")
    return config.path
