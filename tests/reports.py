"""The report of a run, its page, and what is embedded in a page."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import numpy as np
from small_run import make_run, samples

from vanilla_gan.report.contents import Report, gather
from vanilla_gan.report.page import page
from vanilla_gan.report.pictures import Shelf, SmallPicture, sheet_png
from vanilla_gan.runfolder.record import read_record


def report_of(folder: pathlib.Path, **more: Any) -> Report:
    """Returns the report of the run in a folder."""
    record = read_record(folder)
    assert record is not None
    return gather(folder, record, Shelf(*record.config.picture_tiles), **more)


def text_of(folder: pathlib.Path) -> str:
    """Returns the page of the run in a folder, in HTML."""
    return page(report_of(folder)).decode()


def embedded(text: str) -> dict[str, Any]:
    """Returns the data that is embedded in a page for its scripts."""
    element = '<script type="application/json" id="report-data">(.*?)</script>'
    found = re.search(element, text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def thousand_pictures(folder: pathlib.Path) -> Report:
    """Returns the report of a million iterations with pictures of noise, which compress worst."""
    report = report_of(make_run(folder / "run", iters=1_000_000, pictures=1))
    pngs = [sheet_png(samples(seed).astype(np.float64), 4, 4) for seed in range(20)]
    pictures = [
        SmallPicture(k, pngs[k % 20], report.pictures[0].statistics + k / 1e4, k + 1.0)
        for k in range(1000)
    ]
    assert len(report.losses.iteration) == 10_000
    return report._replace(pictures=pictures, pictures_found=1000)
