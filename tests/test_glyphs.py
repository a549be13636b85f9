"""Tests of the distance fields and skeletons that digits are drawn from."""

from __future__ import annotations

import os

import matplotlib
import numpy as np
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from vanilla_gan.data.digits import glyphs


class TestGlyphs:
    def test_distances_are_euclidean_up_to_the_reach(self) -> None:
        masks = np.random.RandomState(3).uniform(size=(2, 19, 13)) < 0.02
        masks[:, 4, 7] = True
        got = glyphs.distances(masks, reach_px=5)
        for mask, field in zip(masks, got, strict=True):
            for row, column in np.ndindex(mask.shape):
                exact = min(np.hypot(row - r, column - c) for r, c in np.argwhere(mask))
                if exact <= 5:
                    assert field[row, column] == pytest.approx(exact, rel=1e-6)
                else:
                    assert field[row, column] > 5

    def test_a_thick_bar_thins_to_a_line(self) -> None:
        mask = np.zeros((1, 15, 23), bool)
        mask[0, 5:10, 3:20] = True
        rows, columns = np.nonzero(glyphs.thin(mask)[0])
        assert set(rows) == {7}
        assert np.array_equal(columns, np.arange(columns[0], columns[-1] + 1))
        assert len(columns) >= 17 - 5

    def test_a_ring_stays_a_ring(self) -> None:
        rows, columns = np.indices((33, 37))
        radius = np.hypot(rows - 16, columns - 17)
        mask = ((radius > 6) & (radius < 12))[None]
        skeleton = glyphs.thin(mask)[0]
        assert not (skeleton & ~mask[0]).any()
        assert np.abs(radius[skeleton] - 9).max() < 1.5
        # Closed and thin: each of 24 sectors has some of its pixels, but few.
        sector = np.floor(np.arctan2(rows - 16, columns - 17) / (2 * np.pi) * 24).astype(int) % 24
        counts = np.bincount(sector[skeleton], minlength=24)
        assert counts.min() >= 1
        assert counts.max() <= 6


class TestLoadGlyphs:
    def test_fields_draw_the_glyph_of_the_font(self) -> None:
        """A pen along the path of DejaVu Sans' digits stays near matplotlib's own outline."""
        fonts = glyphs.load_glyphs()
        assert fonts.fields.dtype == np.float32
        assert [len(choices) > 50 for choices in fonts.choices] == [True] * 10
        font = FontProperties(
            fname=os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
        )
        rows, columns = np.indices((glyphs.FRAME_PX, glyphs.FRAME_PX))
        points = np.stack([columns.ravel(), rows.ravel()], axis=1)
        for digit in range(10):
            outline = TextPath((0, 0), str(digit), size=100, prop=font)
            box = outline.get_extents()
            scale = glyphs.GLYPH_PX / max(box.width, box.height)
            middle = (glyphs.FRAME_PX - 1) / 2
            vertices = (outline.vertices - (box.p0 + box.p1) / 2) * [scale, -scale] + middle
            # One contour at a time, by the even-odd rule, because an inner contour is a hole.
            inside = np.zeros(rows.shape, bool)
            for contour in Path(vertices, outline.codes).to_polygons():
                inside ^= Path(contour).contains_points(points).reshape(rows.shape)
            # DejaVu Sans is the first face, and its first variant is the pen of even width.
            field = fonts.fields[fonts.choices[digit][0]]
            path = field < 1.5
            assert path.sum() > 100
            assert (path & ~inside).sum() <= 0.02 * path.sum()
            # A pen wide enough to leave as much ink as the font leaves it in the same places,
            # except at its round ends and in the corners that its path leaves out.
            pen = field < np.sort(field, axis=None)[inside.sum()]
            assert (pen & inside).sum() > 0.75 * (pen | inside).sum()
