"""`training.gif`: which pictures it shows, and that it shows them as they are."""

from __future__ import annotations

import os

import numpy as np
import PIL.Image
import pytest

from vanilla_gan.drawing.animation import (
    DamagedPictureError,
    frame_paths,
    is_frame,
    write_animation,
)
from vanilla_gan.drawing.grid import GridRenderer

Grey = np.ndarray


@pytest.fixture
def pictures(tmp_path):
    """Returns the paths of five pictures as a run writes them, of 2x3 tiles."""
    renderer = GridRenderer(2, 3)
    samples = np.random.RandomState(11)
    paths = [tmp_path / f"{number:03d}.png" for number in range(5)]
    for path in paths:
        renderer.save(path, samples.uniform(-1, 1, (6, 784)).astype(np.float32))
    return paths


def frames_of(path) -> tuple[list[Grey], list[int]]:
    """Returns the frames that a viewer shows, uint8 [height, width, 3], and their times in ms."""
    with PIL.Image.open(path) as gif:
        frames, durations = [], []
        for number in range(gif.n_frames):
            gif.seek(number)
            frames.append(np.array(gif.convert("RGB")))
            durations.append(gif.info["duration"])
    return frames, durations


def pixels_of(path) -> Grey:
    with PIL.Image.open(path) as picture:
        return np.array(picture.convert("RGB"))


def test_each_frame_is_its_picture_to_the_pixel(tmp_path, pictures) -> None:
    write_animation(tmp_path / "training.gif", pictures)
    frames, durations = frames_of(tmp_path / "training.gif")
    assert durations == [750] * 5
    for frame, picture in zip(frames, pictures, strict=True):
        np.testing.assert_array_equal(frame, pixels_of(picture))


def test_it_is_like_the_published_one(tmp_path, reference_dir) -> None:
    """Compares size, time, loop, and that each frame is whole and replaces the one before."""
    renderer, samples = GridRenderer(), np.random.RandomState(1)
    for number in range(11):
        renderer.save(tmp_path / f"{number:03d}.png", samples.uniform(0, 1, (16, 784)))
    write_animation(tmp_path / "training.gif", frame_paths(tmp_path, 11, 1))
    published = reference_dir / "published_training.gif"
    with PIL.Image.open(tmp_path / "training.gif") as ours, PIL.Image.open(published) as theirs:
        for number in range(11):
            described = []
            for gif in (ours, theirs):
                gif.seek(number)
                described.append(
                    [
                        gif.n_frames,
                        gif.size,
                        gif.info["duration"],
                        gif.info["loop"],
                        gif.disposal_method,
                        gif.tile[0].extents,
                    ]
                )
            assert described[0] == described[1]


def test_equal_pictures_give_equal_bytes(tmp_path, pictures) -> None:
    for name in ("one.gif", "other.gif"):
        write_animation(tmp_path / name, pictures)
    assert (tmp_path / "one.gif").read_bytes() == (tmp_path / "other.gif").read_bytes()


def test_equal_pictures_share_one_longer_frame(tmp_path, pictures) -> None:
    write_animation(tmp_path / "training.gif", [pictures[0], pictures[0], pictures[1]])
    assert frames_of(tmp_path / "training.gif")[1] == [1500, 750]


def test_a_thousand_equal_pictures_share_the_longest_possible_frame(tmp_path, pictures) -> None:
    write_animation(tmp_path / "training.gif", [pictures[0]] * 1000 + [pictures[1]])
    first, second = frames_of(tmp_path / "training.gif")[1]
    assert 650_000 < first < 655_350
    assert second == 750


@pytest.mark.parametrize(
    ("there", "frames", "stride", "shown"),
    [
        (range(14), 11, 1, range(11)),
        (range(4), 11, 1, range(4)),
        (range(14), 3, 5, [0, 5, 10]),
        (range(10), 3, 5, [0, 5]),
        (range(1003), 4, 334, [0, 334, 668, 1002]),
        ([0, 2, 3], 3, 2, [0, 2]),
        ([], 11, 1, []),
    ],
)
def test_which_pictures_it_shows(tmp_path, there, frames, stride, shown) -> None:
    for number in there:
        (tmp_path / f"{number:03d}.png").touch()
    for other in ("latest.png", "losses.png", "0007.png", "-01.png"):
        (tmp_path / other).touch()
    expected = [f"{number:03d}.png" for number in shown]
    assert [path.name for path in frame_paths(tmp_path, frames, stride)] == expected
    assert [n for n in there if is_frame(n, frames, stride)] == list(shown)


def test_a_damaged_picture_is_named(tmp_path, pictures) -> None:
    (tmp_path / "training.gif").write_bytes(b"the one before")
    os.truncate(pictures[2], 300)
    with pytest.raises(DamagedPictureError, match=r"002\.png cannot be shown in") as raised:
        write_animation(tmp_path / "training.gif", pictures)
    assert raised.value.path == pictures[2]
    assert (tmp_path / "training.gif").read_bytes() == b"the one before"
    assert list(tmp_path.glob(".*")) == []
