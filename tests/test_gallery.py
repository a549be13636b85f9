"""latest.png, training.gif and losses.png: what they show during a run and at its end."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil

import numpy as np
import offline
import PIL.Image
import pytest

from vanilla_gan.drawing import picture_file
from vanilla_gan.drawing.animation import frame_paths, write_animation
from vanilla_gan.drawing.grid import GridRenderer
from vanilla_gan.engines.losses import LossBlock
from vanilla_gan.errors import OutputError
from vanilla_gan.observers import gallery
from vanilla_gan.observers.gallery import Gallery
from vanilla_gan.observers.refresh import Refresher
from vanilla_gan.report.curves import losses_png
from vanilla_gan.runfolder import pictures
from vanilla_gan.runfolder.losses_csv import read_losses
from vanilla_gan.runfolder.names import LATEST
from vanilla_gan.runfolder.pictures import picture_path, set_latest
from vanilla_gan.runfolder.record import read_record

MADE = ("latest.png", "losses.png", "training.gif")
SMALL = {"seed": 3, "h_dim": 5, "z_dim": 3, "batch_size": 11, "device": "cpu"}


def made(out: pathlib.Path) -> list[str]:
    return [name for name in MADE if (out / name).exists()]


@pytest.fixture(scope="module")
def original(tmp_path_factory, offline_data_dir):
    """Returns a finished run with six pictures, of which the GIF shows 0, 2 and 4."""
    settings = {"iters": 26, "sample_every": 5, "log_every": 2, "gif_frames": 3, "gif_stride": 2}
    out = tmp_path_factory.mktemp("gallery") / "out"
    return offline.train(out, offline_data_dir, **SMALL, **settings)


@pytest.fixture
def finished(tmp_path, original, monkeypatch):
    """Returns a copy of that run, in `out` below the current folder."""
    monkeypatch.chdir(tmp_path)
    return original._replace(out=shutil.copytree(original.out, pathlib.Path("out")))


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def watched(finished, warnings):
    """Returns a function from an iteration to the gallery of that run, continued there."""
    record = read_record(finished.out)
    record.config = dataclasses.replace(record.config, out=str(finished.out))

    def at(start: int) -> Gallery:
        return Gallery(record, start, warnings.append)

    return at


def losses_of(first: int) -> LossBlock:
    return LossBlock(first, dict.fromkeys(("D_loss", "G_loss"), np.ones(5, np.float32)))


class TestARun:
    def test_all_three_are_up_to_date_in_the_end(self, tmp_path, finished) -> None:
        out = finished.out
        assert (out / LATEST).read_bytes() == (out / "005.png").read_bytes()
        write_animation(tmp_path / "expected.gif", [out / f"00{n}.png" for n in (0, 2, 4)])
        assert (out / "training.gif").read_bytes() == (tmp_path / "expected.gif").read_bytes()
        rows = read_losses(out / "losses.csv")
        assert rows.iteration.tolist() == list(range(0, 26, 2))
        # The offline images are not MNIST, whatever their name: no recorded runs are drawn.
        expected = losses_png(rows, None, "vanilla on mnist, seed 3")
        assert (out / "losses.png").read_bytes() == expected

    def test_a_long_name_leaves_room_for_the_seed(self, finished) -> None:
        record = read_record(finished.out)
        record.dataset["name"] = 64 * "b"
        record.config = dataclasses.replace(record.config, out=str(finished.out))
        Gallery(record, 26, print).close()
        rows = read_losses(finished.out / "losses.csv")
        expected = losses_png(rows, None, f"vanilla on ...{33 * 'b'}, seed 3")
        assert (finished.out / "losses.png").read_bytes() == expected

    def test_other_flags_show_other_frames_when_it_is_continued(
        self, finished, offline_data_dir
    ) -> None:
        offline.train(finished.out, offline_data_dir, iters=27, gif_frames=11, gif_stride=1)
        with PIL.Image.open(finished.out / "training.gif") as gif:
            assert gif.n_frames == 6

    @pytest.mark.parametrize("system", ["conditional", "layers", "conv"])
    def test_other_systems_have_them_too(self, trained_run, system) -> None:
        assert made(trained_run(system)) == list(MADE)

    def test_a_picture_of_all_classes(self, tmp_path, offline_data_dir) -> None:
        out = tmp_path / "out"
        settings = {"system": "conditional", "sample_class": "all", "iters": 4, "sample_every": 2}
        offline.train(out, offline_data_dir, **SMALL, **settings)
        with PIL.Image.open(out / "training.gif") as gif, PIL.Image.open(out / LATEST) as latest:
            assert gif.n_frames == 2
            assert gif.size == latest.size > (600, 600)


class TestGoingBack:
    def test_nothing_still_to_come_is_shown(self, finished, watched) -> None:
        """At iteration 12 there are pictures 0, 1 and 2; later ones are from before going back."""
        watched(12)
        assert made(finished.out) == ["latest.png"]
        assert (finished.out / LATEST).read_bytes() == (finished.out / "002.png").read_bytes()

    def test_the_picture_that_comes_next_is_not_shown(self, finished, watched) -> None:
        watched(15)
        assert (finished.out / LATEST).read_bytes() == (finished.out / "002.png").read_bytes()

    def test_nothing_at_all_at_the_beginning(self, finished, watched) -> None:
        watched(0)
        assert made(finished.out) == []

    def test_they_return_even_if_nothing_happens(self, finished, watched) -> None:
        before = {name: (finished.out / name).read_bytes() for name in MADE}
        watched(26).close()
        assert {name: (finished.out / name).read_bytes() for name in MADE} == before

    def test_they_come_back_in_time_without_a_new_picture(
        self, finished, watched, monkeypatch
    ) -> None:
        now_s = [0.0]

        def clocked(make, share) -> Refresher:
            return Refresher(make, share, clock=lambda: now_s[0])

        monkeypatch.setattr(gallery, "Refresher", clocked)
        begun = watched(12)
        begun.losses(losses_of(12))
        assert made(finished.out) == ["latest.png"]
        now_s[0] = 11.0
        begun.losses(losses_of(17))
        assert made(finished.out) == list(MADE)


class TestWhileItGoesOn:
    def test_latest_follows_each_picture_at_once(self, finished, watched) -> None:
        begun = watched(12)
        for it in (15, 20):
            begun.picture(it, np.zeros((16, 784), np.float32))
            expected = (finished.out / f"00{it // 5}.png").read_bytes()
            assert (finished.out / LATEST).read_bytes() == expected

    def test_a_gif_that_has_all_of_its_frames_is_left_alone(self, finished, watched) -> None:
        begun = watched(12)
        begun.close()
        before = (finished.out / "training.gif").stat().st_ino
        begun.picture(25, np.zeros((16, 784), np.float32))  # picture 5, which it does not show
        begun.close()
        assert (finished.out / "training.gif").stat().st_ino == before
        begun.picture(20, np.zeros((16, 784), np.float32))  # picture 4, which it does
        begun.close()
        assert (finished.out / "training.gif").stat().st_ino != before

    def test_a_damaged_picture_is_set_aside(self, finished, watched, warnings) -> None:
        begun = watched(26)
        os.truncate(finished.out / "000.png", 100)
        begun.close()
        assert made(finished.out) == list(MADE)
        assert (finished.out / "000.png.1").stat().st_size == 100
        assert ["000.png.1" in line for line in warnings] == [True]

    def test_a_picture_too_large_for_the_gif_is_kept(
        self, finished, watched, warnings, monkeypatch
    ) -> None:
        for module in (gallery, picture_file):
            monkeypatch.setattr(module, "MAX_PIXELS", 1000)
        watched(26).close()
        assert made(finished.out) == ["latest.png", "losses.png"]
        assert not (finished.out / "000.png.1").exists()
        assert ["too large for training.gif" in line for line in warnings] == [True]

    def test_losses_that_are_gone(self, finished, watched) -> None:
        begun = watched(26)
        (finished.out / "losses.csv").unlink()
        with pytest.raises(
            OutputError, match=r"cannot write .*losses\.png: .*losses\.csv: No such"
        ):
            begun.close()

    def test_without_rows_no_losses_are_drawn(self, finished, watched) -> None:
        begun = watched(26)
        (finished.out / "losses.csv").write_text("iteration,d_loss,g_loss\n")
        begun.close()
        assert made(finished.out) == ["latest.png", "training.gif"]


class TestLatest:
    @pytest.fixture
    def folder(self, tmp_path):
        for number in range(2):
            GridRenderer(1, 1).save(picture_path(tmp_path, number), np.eye(28)[None] * number)
        return tmp_path

    def show(self, folder, number: int) -> None:
        set_latest(folder, picture_path(folder, number))
        assert (folder / LATEST).read_bytes() == picture_path(folder, number).read_bytes()
        assert list(folder.glob(".*")) == []

    def test_again_and_again(self, folder) -> None:
        for number in (0, 1, 1, 0):
            self.show(folder, number)
        assert len(frame_paths(folder, 11, 1)) == 2

    def test_a_picture_drawn_again_leaves_latest_alone(self, folder) -> None:
        self.show(folder, 1)
        before = (folder / LATEST).read_bytes()
        GridRenderer(1, 1).save(picture_path(folder, 1), np.eye(28)[None, ::-1])
        assert (folder / LATEST).read_bytes() == before
        self.show(folder, 1)

    def test_file_systems_without_hard_links(self, folder, monkeypatch) -> None:
        def no_link(*paths: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(pictures.os, "link", no_link)
        for number in (0, 1, 1, 0):
            self.show(folder, number)
        assert (folder / LATEST).stat().st_nlink == 1

    def test_it_cannot_be_written(self, folder) -> None:
        (folder / LATEST).mkdir()
        with pytest.raises(OutputError, match=r"cannot write .*latest\.png: Is a directory"):
            set_latest(folder, picture_path(folder, 1))
        assert list(folder.glob(".*")) == []

    def test_there_is_no_picture(self, folder) -> None:
        with pytest.raises(OutputError, match=r"cannot write .*latest\.png: No such file"):
            set_latest(folder, picture_path(folder, 2))
