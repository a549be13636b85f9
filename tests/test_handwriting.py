"""Tests of how a digit is centred in its image, and of what decides its looks."""

from __future__ import annotations

import numpy as np

from vanilla_gan.data.digits import glyphs, handwriting


class TestCentred:
    def test_moves_by_whole_pixels(self) -> None:
        images = np.zeros((3, 28, 28), np.uint8)
        images[0, 3, 5] = 7
        images[1, 20, 11] = images[1, 20, 12] = images[1, 23, 12] = 9
        images[2, 14, 14] = 1
        moved = handwriting.centred(images)
        expected = np.zeros_like(images)
        expected[0, 14, 14] = 7
        # The mean is (21, 11 2/3): 7 up, and 2 1/3, rounded to 2, to the right.
        expected[1, 13, 13] = expected[1, 13, 14] = expected[1, 16, 14] = 9
        expected[2, 14, 14] = 1
        assert np.array_equal(moved, expected)

    def test_keeps_ink_that_would_leave_the_image(self) -> None:
        image = np.zeros((1, 28, 28), np.uint8)
        image[0, 2:6, 4] = 255
        image[0, 25, 4] = 10  # far below the mean: the image can only move two rows down
        moved = handwriting.centred(image)
        assert moved[0, 4:8, 14].tolist() == [255] * 4
        assert moved[0, 27, 14] == 10
        assert moved.sum() == image.sum()


class TestDrawDigits:
    def test_takes_all_randomness_from_the_stream(self) -> None:
        fonts = glyphs.load_glyphs()
        labels = np.arange(10, dtype=np.uint8)
        stream = np.random.RandomState(1)
        first = handwriting.draw_digits(fonts, labels, stream)
        second = handwriting.draw_digits(fonts, labels, stream)
        np.random.seed(1)  # numpy's global stream must not matter
        again = handwriting.draw_digits(fonts, labels, np.random.RandomState(1))
        assert np.array_equal(first, again)
        assert all((a != b).any() for a, b in zip(first, second, strict=True))

    def test_an_image_does_not_depend_on_the_block_around_it(self) -> None:
        fonts = glyphs.load_glyphs()
        labels = np.arange(7, dtype=np.uint8)
        strokes = handwriting._random_strokes(fonts, labels, np.random.RandomState(2))
        together = handwriting._draw(fonts, strokes)
        for row in range(7):
            one = slice(row, row + 1)
            alone = handwriting._Strokes(
                strokes.glyph[one], strokes.terms[one], strokes.softness[one]
            )
            assert np.array_equal(handwriting._draw(fonts, alone)[0], together[row])

    def test_ink_is_where_the_pen_reaches(self) -> None:
        """On a field that is a plane, interpolation is exact, and a formula gives the ink."""
        rows, columns = np.indices((glyphs.FRAME_PX, glyphs.FRAME_PX), dtype=np.float32)
        fonts = glyphs.Glyphs(
            fields=np.stack([0 * rows, 0.5 * columns - 0.25 * rows + 3]),
            support=np.zeros((2, glyphs.SUPPORT_DIRECTIONS, 2)),
            choices=(),
        )
        terms = np.zeros((1, 3, handwriting._basis().shape[0]))
        # The pixel (row i, column j) lies at x = 10.25 + 2 j + 0.5 i, y = 5.5 + 2.25 i.
        terms[0, 0, :3] = 10.25, 2.0, 0.5
        terms[0, 1, :3] = 5.5, 0.0, 2.25
        terms[0, 2, 0] = 9.0
        strokes = handwriting._Strokes(np.array([1]), terms, np.array([8.0], np.float32))
        i, j = np.indices((28, 28))
        field = 0.5 * (10.25 + 2 * j + 0.5 * i) - 0.25 * (5.5 + 2.25 * i) + 3
        expected = 255 * np.clip((9 - field) / 8 + 0.5, 0, 1)
        got = handwriting._draw(fonts, strokes)[0].astype(float)
        assert ((expected > 0) & (expected < 255)).sum() > 50
        assert np.abs(got - expected).max() <= 0.5 + 1e-3
