"""Tests of a report's small pictures: what they show, and which of many are shown."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
import PIL.Image
import pytest
from reports import report_of, text_of
from small_run import make_run, samples

from vanilla_gan.agreement.statistics import picture_statistics
from vanilla_gan.report.data import page_data
from vanilla_gan.report.pictures import Shelf, spread_out


def test_small_pictures_are_the_samples_in_the_greys_of_the_picture(tmp_path):
    folder = make_run(tmp_path / "run", pictures=2)
    picture = report_of(folder).pictures[1]
    sheet = np.asarray(PIL.Image.open(io.BytesIO(picture.png)))
    assert (sheet.shape, sheet.dtype) == ((112, 112), np.uint8)
    drawn = samples(1)
    low, high = drawn.min(axis=1, keepdims=True), drawn.max(axis=1, keepdims=True)
    scaled = (drawn - low) / (high - low)
    # Row 1 and column 2 of the sheet hold sample 6, in the greys of the colour map.
    greys = matplotlib.colormaps["Greys_r"](scaled[6].reshape(28, 28), bytes=True)[..., 0]
    assert np.abs(sheet[28:56, 56:84].astype(int) - greys.astype(int)).mean() < 3
    np.testing.assert_allclose(picture.statistics, picture_statistics(scaled), rtol=0.02)


def test_pictures_are_read_again_only_when_they_changed(tmp_path):
    folder = make_run(tmp_path / "run", pictures=3)
    shelf = Shelf()
    before, _ = shelf.pictures(folder)
    (folder / "001.png").write_bytes((folder / "002.png").read_bytes())
    (folder / "002.png").unlink()
    after, _ = shelf.pictures(folder)
    assert after[0] is before[0]
    assert len(after) == 2
    assert after[1].png == before[2].png


def test_too_many_pictures_are_thinned_evenly(tmp_path):
    folder = make_run(tmp_path / "run", pictures=8)
    shelf = Shelf()
    every, _ = shelf.pictures(folder)
    some, _ = shelf.pictures(folder, max_pictures=5)
    assert [picture.number for picture in some] == [0, 2, 4, 6, 7]
    few, _ = shelf.pictures(folder, max_bytes=sum(len(picture.png) for picture in every) - 1)
    assert [picture.number for picture in few] == [0, 3, 6, 7]


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [
        (1, 2, [0]),
        (2, 2, [0, 1]),
        (3, 2, [0, 2]),
        (7, 4, [0, 2, 4, 6]),
        (8, 4, [0, 3, 6, 7]),
        (8, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_numbers_are_spread_out(count, most, expected):
    assert spread_out(range(count), most) == expected


def test_a_damaged_picture_is_left_out_and_reported(tmp_path):
    folder = make_run(tmp_path / "run", pictures=3)
    (folder / "001.png").write_bytes(b"no picture")
    PIL.Image.new("RGB", (5, 7)).save(folder / "002.png")
    report = report_of(folder)
    assert report.iterations() == [0]
    assert str(folder / "001.png") in report.warnings[0]
    assert "002.png is not a picture of this run" in report.warnings[1]
    assert "001.png cannot be read" in text_of(folder)


def test_pictures_of_all_classes_have_a_hundred_tiles(tmp_path):
    folder = make_run(
        tmp_path / "run", pictures=2, system="conditional", sample_class="all", sample_every=1000
    )
    report = report_of(folder)
    assert PIL.Image.open(io.BytesIO(report.pictures[0].png)).size == (280, 280)
    assert len(page_data(report)["pictures"]["layout"]["tops"]) == 10
    assert report.ensemble is None
