"""Tests of the shipped part of the recorded runs, against the recordings, and the post's GIF."""

from __future__ import annotations

import pathlib
import sys

import numpy as np
import PIL.Image
import pytest
from serving import served

from vanilla_gan.agreement.published import published_runs
from vanilla_gan.agreement.published_gif import frame_samples, read_published_gif
from vanilla_gan.agreement.statistics import picture_statistics, spread
from vanilla_gan.drawing.grid import GridRenderer
from vanilla_gan.drawing.tiles import read_tiles
from vanilla_gan.errors import DataError, DownloadError

DATA = pathlib.Path(__file__).parent / "data"


# --- The numbers.


def test_shapes_and_ranges():
    runs = published_runs("vanilla", "mnist")
    assert runs.iterations.tolist() == list(range(0, 10_001, 1000))
    assert runs.loss_iterations.tolist() == list(range(0, 10_001, 100))
    assert runs.seeds.tolist() == list(range(100, 110))
    assert runs.statistics.shape == runs.drawn_statistics.shape == (10, 11, 4)
    assert runs.uniform_initial_statistics.shape == (10, 4)
    assert runs.d_loss.shape == runs.g_loss.shape == (10, 101)
    for values in runs:
        if isinstance(values, np.ndarray):
            assert (values >= 0).all()
            with pytest.raises(ValueError, match="read-only"):
                values[...] = 0


def test_what_was_not_recorded():
    assert published_runs("vanilla", "digits") is None
    assert published_runs("conv", "fashion_mnist") is None


def test_losses_and_statistics_are_the_recordings(reference_dir):
    runs = published_runs("vanilla", "mnist")
    with np.load(reference_dir / "vanilla_mnist_10seeds.npz") as arrays:
        assert np.array_equal(np.float32(runs.d_loss), arrays["d_loss"][:, ::100])
        assert np.array_equal(np.float32(runs.g_loss), arrays["g_loss"][:, ::100])
        expected = picture_statistics(arrays["samples"] / 255)
    np.testing.assert_allclose(runs.statistics, expected, rtol=1e-6)


def test_the_script_makes_the_file(reference_dir, monkeypatch):
    monkeypatch.syspath_prepend(DATA)
    import make_published_spread

    shipped = make_published_spread.TARGET.read_text(encoding="utf-8")
    content = make_published_spread.content(reference_dir)
    assert list(content) == list(make_published_spread.json.loads(shipped))
    runs = published_runs("vanilla", "mnist")
    # Another version of matplotlib may round a grey differently.
    for name in ("drawn_statistics", "uniform_initial_statistics"):
        np.testing.assert_allclose(content[name], getattr(runs, name), rtol=1e-3, err_msg=name)
    if make_published_spread.text(content) != shipped:
        assert sys.version_info[:2] != (3, 11), "made by another version of matplotlib?"


def test_drawn_statistics_are_near_those_of_the_samples():
    runs = published_runs("vanilla", "mnist")
    # From 3000 on most samples reach from nearly black to nearly white; drawing stretches the rest.
    ratio = runs.drawn_statistics[:, 3:] / runs.statistics[:, 3:]
    assert np.abs(ratio - 1).max() < 0.12
    assert np.abs(ratio.mean(axis=(0, 1)) - 1).max() < 0.02


# --- The post's figure.


@pytest.fixture(scope="module")
def gif(tmp_path_factory):
    """Returns the path of a GIF of three frames of random samples."""
    samples = np.random.RandomState(3).uniform(size=(3, 16, 784))
    samples[..., 5], samples[..., 600] = 0, 1
    frames = [
        PIL.Image.fromarray(GridRenderer().draw(tiles)[..., 0]).convert("P") for tiles in samples
    ]
    path = tmp_path_factory.mktemp("gif") / "training.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=750, loop=0)
    return path


def test_a_gif_from_a_file_and_from_an_address(gif):
    frames = read_published_gif(str(gif))
    assert [(frame.shape, frame.dtype) for frame in frames] == [((337, 330, 3), np.uint8)] * 3
    assert not np.array_equal(frames[0], frames[1])
    with served(gif.parent) as (address, _):
        fetched = read_published_gif(f"{address}training.gif")
        assert np.array_equal(np.stack(fetched), np.stack(frames))
        with pytest.raises(DownloadError, match=r"cannot download .*/none.gif: HTTP 404") as caught:
            read_published_gif(f"{address}none.gif")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory; expected the path or URL"),
        (b"", "is not the blog post's GIF: it is not a GIF"),
        (b"hello", "is not the blog post's GIF: it is not a GIF"),
        ("half", "is not the blog post's GIF: it "),
        ("one frame", "it has one frame, expected an animation"),
        ("small", "its frames are 33x34 px, expected 330x337"),
    ],
)
def test_files_that_are_not_the_figure(gif, tmp_path, content, message):
    path = tmp_path / "x.gif"
    if content == "half":
        path.write_bytes(gif.read_bytes()[:5000])
    elif content == "one frame":
        PIL.Image.new("L", (330, 337)).save(path)
    elif content == "small":
        PIL.Image.new("L", (33, 34)).save(path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_published_gif(str(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_posts_own_pictures_lie_within_the_spread(reference_dir):
    frames = read_published_gif(str(reference_dir / "published_training.gif"))
    assert len(frames) == 11
    statistics = np.stack([picture_statistics(frame_samples(frame)) for frame in frames])
    ranges = spread(published_runs("vanilla", "mnist").drawn_statistics)
    assert not ranges.outside(statistics).any()
    # Read like our own tiles, its tiles would not fit: the noise comes out too smooth.
    assert ranges.outside(np.stack([picture_statistics(read_tiles(frames[0]))] * 11))[0, 3]
