"""Tests of the built-in data set: its format, its look compared with MNIST's, its cache."""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

import matplotlib
import numpy as np
import numpy.typing as npt
import pytest
from offline import idx

from vanilla_gan.data.digits import digits
from vanilla_gan.data.idx import write_idx
from vanilla_gan.errors import DataError, OutputError

IMAGES = npt.NDArray[np.uint8]
NAMES = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
]


@pytest.fixture(scope="module")
def drawn() -> digits.Arrays:
    # Odd counts: multiples neither of ten classes nor of a block of images.
    return digits.render(5003, 507)


_render_few = functools.partial(digits.render, 23, 11, 5)


@functools.cache
def _sums_of_few() -> tuple[str, ...]:
    return tuple(hashlib.sha256(idx(array)).hexdigest() for array in _render_few())


def _ensure_few(folder: pathlib.Path, progress: digits.Progress | None = None) -> bool:
    """Does what `ensure` does, with few images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits, "render", _render_few)
        patch.setattr(digits, "SUMS", _sums_of_few())
        return digits.ensure(folder, progress)


@pytest.fixture(scope="module")
def few() -> digits.Arrays:
    return _render_few()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Returns a complete cache of the few images; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("written")
    _ensure_few(folder)
    return folder


def _centres(images: IMAGES) -> npt.NDArray[np.float64]:
    """Returns the centre of mass, (row, column), of each image: [N, 2]."""
    places = np.arange(28)
    mass = images.sum(axis=(1, 2), dtype=np.float64)
    return np.stack(
        [images.sum(axis=2) @ places / mass, images.sum(axis=1) @ places / mass], axis=1
    )


def _longer_sides(images: IMAGES) -> npt.NDArray[np.int64]:
    """Returns the longer side of the box around each image's ink: [N]."""
    sides = []
    for image in images:
        rows, columns = np.nonzero(image)
        sides.append(max(np.ptp(rows), np.ptp(columns)) + 1)
    return np.array(sides)


class TestRender:
    def test_format(self, drawn: digits.Arrays) -> None:
        train_images, train_labels, test_images, test_labels = drawn
        assert train_images.shape == (5003, 28, 28)
        assert train_labels.shape == (5003,)
        assert test_images.shape == (507, 28, 28)
        assert test_labels.shape == (507,)
        assert all(array.dtype == np.uint8 for array in drawn)

    @pytest.mark.parametrize("index", [1, 3])
    def test_classes_are_balanced_and_shuffled(self, drawn: digits.Arrays, index: int) -> None:
        labels = drawn[index]
        counts = np.bincount(labels, minlength=10)
        assert len(counts) == 10
        assert np.ptp(counts) == 1  # neither count is a multiple of ten
        # A tenth of neighbours are equal if shuffled, nearly all if sorted, and none if labels
        # count 0..9. The tolerance is four standard deviations for the smaller split.
        assert np.mean(labels[1:] == labels[:-1]) == pytest.approx(0.1, abs=0.055)

    def test_same_seed_same_bytes_other_seed_other_images(self, few: digits.Arrays) -> None:
        assert all(np.array_equal(a, b) for a, b in zip(few, _render_few(), strict=True))
        assert not np.array_equal(few[0], digits.render(23, 11, 6)[0])

    def test_no_image_comes_twice(self, drawn: digits.Arrays) -> None:
        images = np.concatenate([drawn[0], drawn[2]]).reshape(-1, 784)
        assert len(np.unique(images, axis=0)) == len(images)

    def test_progress_counts_every_image_once(self) -> None:
        calls: list[tuple[int, int]] = []
        digits.render(300, 11, progress=lambda done, total: calls.append((done, total)))
        assert [total for _, total in calls] == [311] * len(calls)
        done = [0, *(done for done, _ in calls)]
        assert done[-1] == 311
        assert (np.diff(done) > 0).all()

    def test_a_split_may_be_empty(self) -> None:
        train_images, train_labels, test_images, test_labels = digits.render(3, 0)
        assert len(train_images) == len(train_labels) == 3
        assert test_images.shape == (0, 28, 28)
        assert test_labels.shape == (0,)

    def test_refuses_a_negative_count(self) -> None:
        with pytest.raises(ValueError, match="3 and -1"):
            digits.render(3, -1)

    def test_says_which_font_is_missing(
        self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(matplotlib, "get_data_path", lambda: os.fspath(tmp_path))
        with pytest.raises(DataError, match="reinstall matplotlib") as caught:
            digits.render(1, 0)
        assert os.fspath(tmp_path / "fonts" / "ttf" / "DejaVuSans.ttf") in str(caught.value)
        assert "\n" not in str(caught.value)


class TestLook:
    """MNIST's numbers in the comments are those of its 60,000 training images."""

    def test_ink(self, drawn: digits.Arrays) -> None:
        images = drawn[0]
        assert images.mean() / 255 == pytest.approx(0.131, abs=0.010)  # MNIST: 0.1307
        assert (images > 127).mean() == pytest.approx(0.132, abs=0.010)  # 0.1323
        assert (images > 0).mean() == pytest.approx(0.191, abs=0.015)  # 0.1912
        # The deviation between images; MNIST: 0.0433.
        assert (images.mean(axis=(1, 2)) / 255).std() == pytest.approx(0.043, abs=0.008)

    def test_white_strokes_with_smooth_edges(self, drawn: digits.Arrays) -> None:
        images = drawn[0]
        # The brightest pixel of all but the thinnest digits is white.
        assert (images.max(axis=(1, 2)) >= 250).mean() > 0.97
        # A tenth of all pixels is grey, as in MNIST (0.087); without smooth edges none would be.
        assert ((images > 25) & (images < 230)).mean() == pytest.approx(0.092, abs=0.02)

    def test_mass_is_centred(self, drawn: digits.Arrays) -> None:
        centres = _centres(drawn[0])
        assert centres.mean(axis=0) == pytest.approx([14.0, 14.0], abs=0.03)
        # Moved by whole pixels, so uniform within half a pixel: 1 / sqrt(12). MNIST: also 0.29.
        assert centres.std(axis=0) == pytest.approx([0.289, 0.289], abs=0.03)
        # A few digits would reach beyond the edge, so they are moved less.
        assert (np.abs(centres - 14.0) <= 0.5 + 1e-9).all(axis=1).mean() > 0.995

    def test_digits_fill_their_box_and_vary(self, drawn: digits.Arrays) -> None:
        sides = _longer_sides(drawn[0])
        assert np.median(sides) == 20  # MNIST: always 20
        assert sides.min() >= 15
        assert sides.max() <= 26
        assert sides.std() > 0.5

    def test_edges_of_the_image_stay_black(self, drawn: digits.Arrays) -> None:
        images = drawn[0]
        edges = np.concatenate(
            [images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1
        )
        assert (edges > 0).any(axis=1).mean() < 0.04  # MNIST: 0.013

    def test_slant_varies_and_leans_to_the_right(self, drawn: digits.Arrays) -> None:
        ones = drawn[0][drawn[1] == 1].astype(np.float64)
        places = np.arange(28)
        centres = _centres(drawn[0][drawn[1] == 1])
        down = places[None, :, None] - centres[:, 0, None, None]
        across = places[None, None, :] - centres[:, 1, None, None]
        slants = -(ones * down * across).sum(axis=(1, 2)) / (ones * down**2).sum(axis=(1, 2))
        assert 0.05 < slants.mean() < 0.4
        assert slants.std() > 0.15

    def test_every_class_is_told_from_the_others(self, drawn: digits.Arrays) -> None:
        train_images, train_labels, test_images, test_labels = drawn
        known = train_images.reshape(-1, 784).astype(np.float64)
        asked = test_images.reshape(-1, 784).astype(np.float64)
        distances = (known**2).sum(axis=1) - 2 * asked @ known.T
        right = train_labels[distances.argmin(axis=1)] == test_labels
        assert right.mean() > 0.9
        assert min(right[test_labels == digit].mean() for digit in range(10)) > 0.75


def _identities(folder: pathlib.Path) -> dict[str, tuple[int, int]]:
    """Returns what changes when a file is written again, for each file in a folder."""
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in sorted(folder.iterdir())
    }


def _assert_whole(folder: pathlib.Path, arrays: digits.Arrays) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
    for name, array in zip(NAMES, arrays, strict=True):
        assert (folder / name).read_bytes() == idx(array)


class TestEnsure:
    def test_draws_once_and_then_leaves_the_files_alone(
        self, tmp_path: pathlib.Path, few: digits.Arrays
    ) -> None:
        folder = tmp_path / "a folder" / "digits"
        assert _ensure_few(folder)
        _assert_whole(folder, few)
        before = _identities(folder)
        calls: list[tuple[int, int]] = []
        again = _ensure_few(folder, progress=lambda done, total: calls.append((done, total)))
        assert not again
        assert calls == []
        assert _identities(folder) == before

    @pytest.mark.parametrize("damage", ["one byte", "a file is missing"])
    def test_draws_again_what_is_damaged(
        self, tmp_path: pathlib.Path, written: pathlib.Path, few: digits.Arrays, damage: str
    ) -> None:
        shutil.copytree(written, tmp_path, dirs_exist_ok=True)
        if damage == "one byte":
            content = bytearray((tmp_path / NAMES[0]).read_bytes())
            content[-400] ^= 1
            (tmp_path / NAMES[0]).write_bytes(content)
        else:
            (tmp_path / NAMES[3]).unlink()
        assert _ensure_few(tmp_path)
        _assert_whole(tmp_path, few)

    def test_two_processes_at_once_leave_a_whole_cache(
        self, tmp_path: pathlib.Path, few: digits.Arrays
    ) -> None:
        program = (
            "import functools, sys; from vanilla_gan.data.digits import digits; "
            "digits.render = functools.partial(digits.render, 23, 11, 5); "
            "sys.stdin.readline(); "
            "digits.ensure(sys.argv[1])"
        )
        root = pathlib.Path(digits.__file__).parents[3]
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", program, tmp_path],
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=root,
            )
            for _ in range(2)
        ]
        for process in processes:  # both wait for this line, so that they start together
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors.decode()
        _assert_whole(tmp_path, few)
        assert not _ensure_few(tmp_path)

    def test_a_folder_that_cannot_be_made_is_one_line(self, tmp_path: pathlib.Path) -> None:
        in_the_way = tmp_path / "digits"
        in_the_way.write_bytes(b"a file")
        with pytest.raises(OutputError) as caught:
            _ensure_few(in_the_way)
        assert os.fspath(in_the_way) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert in_the_way.read_bytes() == b"a file"


class TestSums:
    def test_other_images_are_not_used(self, tmp_path: pathlib.Path) -> None:
        """Black images, in a folder that others can write to."""
        shapes = [(60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,)]
        for name, shape in zip(NAMES, shapes, strict=True):
            write_idx(tmp_path / name, np.zeros(shape, np.uint8))

        class Drawn(Exception):
            pass

        def drawn(done: int, total: int) -> None:
            raise Drawn

        with pytest.raises(Drawn):
            digits.ensure(tmp_path, progress=drawn)

    @pytest.mark.slow
    def test_what_is_drawn_has_the_checksums(self, tmp_path: pathlib.Path) -> None:
        assert digits.ensure(tmp_path)
        sums = [hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in NAMES]
        assert tuple(sums) == digits.SUMS
        assert not digits.ensure(tmp_path)
