"""Tests for `import_images`: single pictures against arithmetic by hand, folders, files, errors."""

from __future__ import annotations

import gzip
import io
import json
import os
import pathlib
import struct
import warnings
from typing import Any

import numpy as np
import PIL.Image
import pytest

from vanilla_gan.cli import main as cli
from vanilla_gan.data import folder
from vanilla_gan.data.pictures.import_images import (
    CLASSES_JSON,
    Imported,
    import_images,
)
from vanilla_gan.data.pictures.picture import read_picture
from vanilla_gan.data.pictures.settings import ImportConfig
from vanilla_gan.errors import DataError, OutputError, UsageError

FILES = [
    "classes.json",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
]


def greymap(values: np.ndarray) -> bytes:
    """Returns a binary greymap (netpbm's P5), by the format's definition."""
    rows, columns = values.shape
    return b"P5 %d %d 255\n" % (columns, rows) + values.astype(np.uint8).tobytes()


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)


def read(path: pathlib.Path, **settings: Any) -> np.ndarray:
    """Returns the picture as signed numbers, so that differences are what they are."""
    chosen = {"fit": "contain", "background": 0, "invert": False, **settings}
    values = read_picture(path, **chosen)
    assert (values.shape, values.dtype) == ((28, 28), np.uint8)
    return values.astype(int)


def saved(path: pathlib.Path, image: PIL.Image.Image, **options: Any) -> pathlib.Path:
    image.save(path, **options)
    return path


def halves(width: int, height: int, left: int, right: int) -> np.ndarray:
    values = np.full((height, width), left, np.uint8)
    values[:, width // 2 :] = right
    return values


class TestPicture:
    @pytest.mark.parametrize("fit", ["contain", "cover", "stretch"])
    def test_one_of_28x28_is_taken_as_it_is(self, tmp_path, fit):
        values = noise(28, 28)
        (tmp_path / "x.pgm").write_bytes(greymap(values))
        np.testing.assert_array_equal(read(tmp_path / "x.pgm", fit=fit), values)
        inverted = read(tmp_path / "x.pgm", fit=fit, invert=True)
        np.testing.assert_array_equal(inverted, 255 - values.astype(int))

    def test_contain_centres_the_whole_and_lays_it_on_the_background(self, tmp_path):
        # 56x24 becomes 28x12: 8 rows above and below.
        (tmp_path / "x.pgm").write_bytes(greymap(halves(56, 24, 40, 200)))
        values = read(tmp_path / "x.pgm", background=7)
        np.testing.assert_array_equal(values[[*range(8), *range(20, 28)]], 7)
        np.testing.assert_array_equal(values[8:20, :10], 40)
        np.testing.assert_array_equal(values[8:20, 18:], 200)

    def test_contain_of_a_tall_one_leaves_margins_at_the_sides(self, tmp_path):
        # 13x35: 28 rows, 10.4 columns, so 10 between 9 and 9.
        (tmp_path / "x.pgm").write_bytes(greymap(np.full((35, 13), 90)))
        values = read(tmp_path / "x.pgm", background=255, invert=True)
        np.testing.assert_array_equal(values[:, 9:19], 165)
        np.testing.assert_array_equal(values[:, [*range(9), *range(19, 28)]], 0)

    def test_cover_takes_the_central_square(self, tmp_path):
        # 84 wide: the middle 28 columns, unscaled.
        values = noise(28, 84)
        (tmp_path / "x.pgm").write_bytes(greymap(values))
        np.testing.assert_array_equal(read(tmp_path / "x.pgm", fit="cover"), values[:, 28:56])
        (tmp_path / "y.pgm").write_bytes(greymap(values.T))
        np.testing.assert_array_equal(read(tmp_path / "y.pgm", fit="cover"), values.T[28:56])

    def test_stretch_uses_all_of_it(self, tmp_path):
        (tmp_path / "x.pgm").write_bytes(greymap(halves(560, 5, 30, 220)))
        values = read(tmp_path / "x.pgm", fit="stretch")
        np.testing.assert_array_equal(values[:, :10], 30)
        np.testing.assert_array_equal(values[:, 18:], 220)

    @pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (1, 1)])
    @pytest.mark.parametrize("fit", ["contain", "cover", "stretch"])
    def test_the_thinnest_ones_are_read(self, tmp_path, size, fit):
        values = read(saved(tmp_path / "x.png", PIL.Image.new("L", size, 77)), fit=fit)
        assert set(np.unique(values)) <= {0, 77}
        assert (values == 77).any()

    def test_colours_become_luma(self, tmp_path):
        rgb = noise(28, 28, 3, seed=5)
        values = read(saved(tmp_path / "x.png", PIL.Image.fromarray(rgb)))
        luma = rgb @ np.array([0.299, 0.587, 0.114])
        assert np.abs(values - luma).max() <= 0.51

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("x.png", {}),
            ("x.bmp", {}),
            ("x.tiff", {}),
            ("x.webp", {"lossless": True}),
            ("x.jpg", {"quality": 95, "subsampling": 0}),
            ("x.gif", {}),
        ],
    )
    def test_all_formats_give_the_same(self, tmp_path, name, options):
        columns = np.linspace(0, 255, 60).astype(np.uint8)
        image = PIL.Image.fromarray(np.broadcast_to(columns, (40, 60)).copy())
        values = read(saved(tmp_path / name, image.convert("RGB"), **options))
        assert np.abs(values - read(saved(tmp_path / "y.png", image))).max() <= 3

    @pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK", "I", "I;16"])
    def test_all_modes_show_white_on_black(self, tmp_path, mode):
        image = PIL.Image.fromarray(halves(30, 30, 0, 255))
        if mode.startswith("I"):
            image = PIL.Image.fromarray(halves(30, 30, 0, 255).astype(np.uint16) * 257)
            image = image.convert("I") if mode == "I" else image
        else:
            image = image.convert("RGB").convert(mode) if mode == "CMYK" else image.convert(mode)
        assert image.mode == mode
        values = read(saved(tmp_path / "x.tiff", image))
        assert values[:, :12].max() <= 1
        assert values[:, 16:].min() >= 254

    def test_16_bits_keep_their_range(self, tmp_path):
        wide = np.random.RandomState(0).randint(0, 65536, (28, 28)).astype(np.uint16)
        values = read(saved(tmp_path / "x.png", PIL.Image.fromarray(wide)))
        np.testing.assert_array_equal(values, np.rint(wide / 257.0))

    def test_floats_are_in_0_to_1(self, tmp_path):
        fractions = np.random.RandomState(0).rand(28, 28).astype(np.float32)
        values = read(saved(tmp_path / "x.tiff", PIL.Image.fromarray(fractions)))
        np.testing.assert_array_equal(values, np.rint(fractions.astype(np.float64) * 255))
        fractions[3, 5] = np.nan
        with pytest.raises(DataError, match="expected 0 to 1"):
            read(saved(tmp_path / "x.tiff", PIL.Image.fromarray(fractions)))

    @pytest.mark.parametrize("background", [0, 130, 255])
    def test_transparent_parts_show_the_background(self, tmp_path, background):
        rgba = np.zeros((28, 28, 4), np.uint8)
        rgba[..., :3] = 50
        rgba[:, :9, 3] = 255
        rgba[:, 9:20, 3] = 51  # a fifth
        values = read(saved(tmp_path / "x.png", PIL.Image.fromarray(rgba)), background=background)
        np.testing.assert_array_equal(values[:, :9], 50)
        assert np.abs(values[:, 9:20] - (50 * 0.2 + background * 0.8)).max() <= 1
        np.testing.assert_array_equal(values[:, 20:], background)

    def test_a_transparent_colour_of_a_palette_shows_the_background(self, tmp_path):
        image = PIL.Image.fromarray(halves(28, 28, 0, 1), "P")
        image.putpalette([10, 10, 10, 200, 200, 200])
        path = saved(tmp_path / "x.gif", image, transparency=1)
        values = read(path, background=99)
        np.testing.assert_array_equal(values[:, :14], 10)
        np.testing.assert_array_equal(values[:, 14:], 99)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_it_is_turned_as_exif_says(self, tmp_path, orientation):
        upright = np.zeros((28, 28), np.uint8)
        upright[2:10, 3:25] = 200
        upright[2:26, 3:8] = 200
        # How the camera must have stored it, by the EXIF standard's table of row 0 and column 0.
        stored = {
            1: upright,
            2: upright[:, ::-1],
            3: upright[::-1, ::-1],
            4: upright[::-1],
            5: upright.T,
            6: upright.T[::-1],
            7: upright.T[::-1, ::-1],
            8: upright.T[:, ::-1],
        }[orientation]
        exif = PIL.Image.Exif()
        exif[0x0112] = orientation
        path = saved(tmp_path / "x.png", PIL.Image.fromarray(stored.copy()), exif=exif)
        np.testing.assert_array_equal(read(path), upright)

    def test_the_first_frame_counts(self, tmp_path):
        first, second = (PIL.Image.new("L", (28, 28), grey) for grey in (60, 180))
        path = saved(tmp_path / "x.gif", first, save_all=True, append_images=[second])
        np.testing.assert_array_equal(read(path), 60)

    @pytest.mark.parametrize("size", [(1213, 907), (303, 241), (113, 112)])
    def test_a_photograph_is_what_its_full_decoding_gives(self, tmp_path, size):
        image = PIL.Image.fromarray(noise(24, 32, 3)).resize(size, PIL.Image.Resampling.BICUBIC)
        from_jpeg = read(saved(tmp_path / "x.jpg", image, quality=97))
        from_png = read(saved(tmp_path / "x.png", image))
        assert np.abs(from_jpeg - from_png).mean() <= 1.5
        assert from_png[12].std() > 20

    def test_no_program_is_run_for_a_picture(self, tmp_path):
        # Pillow would hand this to Ghostscript.
        (tmp_path / "x.eps").write_bytes(
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
        )
        with pytest.raises(DataError, match=r"x\.eps: not a picture that Pillow can read"):
            read(tmp_path / "x.eps")

    @pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.gif", "x.tiff", "x.bmp", "x.webp"])
    def test_damage_is_one_line_or_a_picture(self, tmp_path, name):
        whole = saved(
            tmp_path / name, PIL.Image.fromarray(noise(33, 47, 3)), **{"compression": "tiff_lzw"}
        ).read_bytes()
        stream = np.random.RandomState(1)
        lines = []
        for _ in range(150):
            damaged = bytearray(whole[: stream.randint(len(whole) + 1)])
            for _ in range(min(len(damaged), 4)):
                damaged[stream.randint(len(damaged))] = stream.randint(256)
            (tmp_path / name).write_bytes(damaged)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    read(tmp_path / name)
                except DataError as error:
                    lines.append(str(error))
        assert len(lines) > 50
        assert all(line.startswith(f"{tmp_path / name}: ") for line in lines)
        assert not any("\n" in line for line in lines)


def pictures(
    where: pathlib.Path, counts: dict[str, int], size: tuple[int, int] = (28, 28)
) -> dict[str, np.ndarray]:
    """Makes folders of different pictures; returns them by class, in the order of their names."""
    made = {}
    for label, (name, count) in enumerate(counts.items()):
        made[name] = noise(count, *size, seed=label)
        (where / name).mkdir(parents=True, exist_ok=True)
        for number, values in enumerate(made[name]):
            (where / name / f"{number:04d}.pgm").write_bytes(greymap(values))
    return made


def run(source: pathlib.Path, out: pathlib.Path, **settings: Any) -> tuple[Imported, list[str]]:
    lines: list[str] = []
    config = ImportConfig(source=str(source), out=str(out), **settings)
    return import_images(config, lines.append), lines


def rows(images: np.ndarray) -> list[bytes]:
    return sorted(image.tobytes() for image in images)


@pytest.fixture(scope="module")
def enough(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, dict[str, np.ndarray]]:
    """Makes 5834 pictures, the fewest of which 6/7 are 5001."""
    where = tmp_path_factory.mktemp("enough") / "pictures"
    # Their order by name is another one than here: B, a, c.
    return where, pictures(where, {"c": 34, "B": 3300, "a": 2500}, size=(28, 28))


class TestDataSet:
    def test_every_picture_is_in_one_split_with_its_label(self, enough, tmp_path):
        source, made = enough
        imported, lines = run(source, tmp_path / "own" / "mnist")
        assert imported.classes == ["B", "a", "c"]
        assert (imported.train, imported.test) == (5001, 833)
        raw = folder.load("mnist", tmp_path / "own", allow_unverified=True)
        assert (len(raw.train_images), len(raw.test_images)) == (5001, 833)
        images = np.concatenate([raw.train_images, raw.test_images])
        labels = np.concatenate([raw.train_labels, raw.test_labels])
        for label, name in enumerate(["B", "a", "c"]):
            assert rows(images[labels == label]) == rows(made[name])
        # Shuffled, or whoever trains on the rest would see one class only.
        assert 0 < (raw.test_labels == 0).mean() < 1
        assert lines[:3] == [
            "class 0: B, 3300 pictures",
            "class 1: a, 2500 pictures",
            "class 2: c, 34 pictures",
        ]
        content = json.loads((tmp_path / "own" / "mnist" / CLASSES_JSON).read_bytes())
        assert [content["classes"][k]["name"] for k in "012"] == ["B", "a", "c"]

    def test_one_picture_less_is_too_few(self, enough, tmp_path):
        source = tmp_path / "pictures"
        source.mkdir()
        for path in sorted(enough[0].rglob("*.pgm"))[1:]:
            os.link(path, source / f"{path.parent.name}{path.name}")
        with pytest.raises(DataError) as raised:
            run(source, tmp_path / "mnist")
        assert "5833 pictures, of which 5000 are left for training" in str(raised.value)
        assert "expected at least 5001" in str(raised.value)
        assert "\n" not in str(raised.value)
        assert not (tmp_path / "mnist").exists()
        # A smaller share for the tests is enough.
        imported, _ = run(source, tmp_path / "mnist", test_share=0.1)
        assert (imported.train, imported.test) == (5250, 583)

    def test_repeat_fills_the_validation_split_with_copies(self, tmp_path):
        made = pictures(tmp_path / "pictures", {"one": 6, "two": 5}, size=(9, 13))
        imported, lines = run(tmp_path / "pictures", tmp_path / "mnist", repeat=True)
        assert (imported.train, imported.test) == (9, 2)
        raw = folder.read_folder(tmp_path / "mnist")
        train, validation = raw.train_images[5000:], raw.train_images[:5000]
        assert len(train) == 9
        assert len(set(rows(np.concatenate([train, raw.test_images])))) == 11
        assert set(rows(validation)) == set(rows(train))
        # As even as may be: 5000 / 9.
        counts = np.unique(validation, axis=0, return_counts=True)[1]
        assert set(counts) == {555, 556}
        assert (np.bincount(raw.train_labels[5000:]) + np.bincount(raw.test_labels)).tolist() == [
            len(made["one"]),
            len(made["two"]),
        ]
        assert lines[-1].endswith("--allow_unverified_data --batch_size 9")

    def test_the_same_again_gives_the_same_bytes_and_a_seed_another_split(self, tmp_path):
        pictures(tmp_path / "pictures", {"one": 40}, size=(9, 13))
        run(tmp_path / "pictures", tmp_path / "1" / "mnist", repeat=True)
        run(tmp_path / "pictures", tmp_path / "2" / "mnist", repeat=True)
        run(tmp_path / "pictures", tmp_path / "3" / "mnist", repeat=True, seed=1)
        for name in FILES[1:]:
            first, second, third = (
                (tmp_path / k / "mnist" / name).read_bytes() for k in ("1", "2", "3")
            )
            assert first == second
            assert (first == third) == ("labels" in name)

    def test_without_subfolders_all_are_class_0(self, tmp_path):
        pictures(tmp_path, {"flat": 7})
        imported, _ = run(tmp_path / "flat", tmp_path / "mnist", repeat=True)
        assert imported.classes == ["flat"]
        assert not folder.read_folder(tmp_path / "mnist").train_labels.any()

    def test_pictures_may_stand_deeper_and_folders_be_links(self, tmp_path):
        pictures(tmp_path / "real", {"a/x/y": 3, "a": 2, "b": 4})
        (tmp_path / "linked").mkdir()
        for name in ("a", "b"):
            (tmp_path / "linked" / name).symlink_to(tmp_path / "real" / name)
        imported, lines = run(tmp_path / "linked", tmp_path / "mnist", repeat=True)
        assert lines[:2] == ["class 0: a, 5 pictures", "class 1: b, 4 pictures"]
        assert imported.skipped == []

    def test_what_file_managers_leave_is_no_picture(self, tmp_path):
        pictures(tmp_path / "p", {"a": 3})
        for name in (".DS_Store", "Thumbs.db", "a/desktop.ini", "a/._0000.pgm"):
            (tmp_path / "p" / name).write_bytes(b"?")
        (tmp_path / "p" / "__MACOSX").mkdir()
        (tmp_path / "p" / ".git").mkdir()
        imported, _ = run(tmp_path / "p", tmp_path / "mnist", repeat=True)
        assert (imported.classes, imported.train + imported.test) == (["a"], 3)

    def test_files_have_the_format_of_mnist(self, tmp_path):
        pictures(tmp_path / "p", {"a": 3})
        run(tmp_path / "p", tmp_path / "mnist", repeat=True)
        assert sorted(os.listdir(tmp_path / "mnist")) == FILES
        content = gzip.decompress((tmp_path / "mnist" / FILES[3]).read_bytes())
        assert struct.unpack(">IIII", content[:16]) == (0x803, 5002, 28, 28)
        assert len(content) == 16 + 5002 * 784


@pytest.fixture
def broken(tmp_path: pathlib.Path) -> pathlib.Path:
    """Makes 12 pictures and 7 things that are none."""
    source = tmp_path / "broken"
    pictures(source, {"a": 6, "b": 6})
    (source / "a" / "0_empty.png").write_bytes(b"")
    (source / "a" / "1_text.png").write_bytes(b"no picture\nat all\n")
    whole = io.BytesIO()
    PIL.Image.fromarray(noise(99, 99, 3)).save(whole, "jpeg")
    (source / "b" / "2_cut.jpg").write_bytes(whole.getvalue()[:1500])
    (source / "b" / "3_nowhere.png").symlink_to(source / "gone.png")
    os.mkfifo(source / "b" / "4_pipe.png")
    (source / "b" / "5_loop").symlink_to(source / "b")
    (source / "6_readme.txt").write_bytes(b"about these pictures")
    return source


class TestBadFiles:
    def test_each_is_listed_and_nothing_is_written(self, broken, tmp_path):
        lines: list[str] = []
        config = ImportConfig(source=str(broken), out=str(tmp_path / "mnist"), repeat=True)
        with pytest.raises(DataError, match=r"7 of 19 files cannot be imported.*--skip_bad"):
            import_images(config, lines.append)
        names = sorted(pathlib.Path(line.partition(": ")[0]).name for line in lines)
        assert names == [
            "0_empty.png",
            "1_text.png",
            "2_cut.jpg",
            "3_nowhere.png",
            "4_pipe.png",
            "5_loop",
            "6_readme.txt",
        ]
        assert all(line.count("\n") == 0 and len(line.partition(": ")[2]) > 5 for line in lines)
        assert os.listdir(tmp_path) == ["broken"]

    def test_skip_bad_leaves_them_out(self, broken, tmp_path):
        imported, lines = run(broken, tmp_path / "mnist", repeat=True, skip_bad=True)
        assert imported.train + imported.test == 12
        assert len(imported.skipped) == 7
        assert lines[:7] == imported.skipped
        raw = folder.read_folder(tmp_path / "mnist")
        images = np.concatenate([raw.train_images[5000:], raw.test_images])
        labels = np.concatenate([raw.train_labels[5000:], raw.test_labels])
        for label in range(2):
            assert rows(images[labels == label]) == rows(noise(6, 28, 28, seed=label))

    def test_a_class_of_bad_ones_only_is_an_error(self, broken, tmp_path):
        (broken / "c").mkdir()
        (broken / "c" / "x.png").write_bytes(b"x")
        with pytest.raises(DataError, match="subfolder c holds no picture"):
            run(broken, tmp_path / "mnist", repeat=True, skip_bad=True)
        assert not (tmp_path / "mnist").exists()


class TestErrors:
    @pytest.mark.parametrize(
        ("words", "line"),
        [
            (["--out=own/mnist"], "--from is missing: give the folder of pictures"),
            (["p"], "--out is missing: give the folder to make"),
            (["p", "q", "--out=own/mnist"], "'q': expected one DIR and flags only"),
            (["q", "--from=p", "--out=own/mnist"], "'q': expected one DIR and flags only"),
            (["gone", "--out=own/mnist"], "--from=gone: expected a folder of pictures"),
            (["p", "--out=taken/mnist"], "--out=taken/mnist: it exists already"),
            (["eleven", "--out=own/mnist"], "it has 11 subfolders"),
            (["p", "--out=own/mnist"], "p: 3 pictures, of which 2 are left for training"),
            (["hollow", "--out=own/mnist", "--repeat"], "its subfolder a holds no picture"),
            (["hollow/a", "--out=own/mnist", "--repeat"], "hollow/a: 0 pictures; expected"),
            (["p", "--out=p/a/0000.pgm/mnist", "--repeat"], "cannot write"),
        ],
    )
    def test_each_is_one_line(self, tmp_path, monkeypatch, capsys, words, line):
        monkeypatch.chdir(tmp_path)
        pictures(tmp_path / "p", {"a": 3})
        for number in range(11):
            (tmp_path / "eleven" / str(number)).mkdir(parents=True)
        (tmp_path / "hollow" / "a").mkdir(parents=True)
        (tmp_path / "taken" / "mnist").mkdir(parents=True)
        (tmp_path / "taken" / "mnist" / "train-images-idx3-ubyte").touch()
        assert cli.main(["import_images", *words]) in (1, 2)
        (said,) = capsys.readouterr().err.splitlines()
        assert line in said
        assert not (tmp_path / "own").exists() or os.listdir(tmp_path / "own") == []

    def test_folders_that_may_not_be_read_or_written(self, tmp_path, monkeypatch, unprivileged):
        pictures(tmp_path / "closed", {"a": 3})
        pictures(tmp_path / "open", {"a": 3})
        (tmp_path / "full").mkdir()
        tmp_path.chmod(0o755)
        (tmp_path / "full").chmod(0o555)
        (tmp_path / "closed" / "a").chmod(0o000)
        (tmp_path / "open" / "a" / "0001.pgm").chmod(0o000)
        monkeypatch.chdir(tmp_path)
        out = pathlib.Path("full", "mnist")
        lines: list[str] = []
        with unprivileged():
            with pytest.raises(DataError, match="cannot read closed/a: Permission denied"):
                run(pathlib.Path("closed"), out, repeat=True)
            with pytest.raises(OutputError, match="cannot write full/mnist: Permission denied"):
                run(pathlib.Path("open"), out, repeat=True)
        (tmp_path / "full").chmod(0o777)
        config = ImportConfig(source="open", out="full/mnist", repeat=True)
        with unprivileged(), pytest.raises(DataError, match="1 of 3 files"):
            import_images(config, lines.append)
        assert lines == ["open/a/0001.pgm: Permission denied"]
        (tmp_path / "closed" / "a").chmod(0o755)

    def test_a_failure_half_way_leaves_nothing(self, tmp_path):
        pictures(tmp_path / "p", {"a": 3})

        def stop(done: int, total: int) -> None:
            raise KeyboardInterrupt

        config = ImportConfig(source=str(tmp_path / "p"), out=str(tmp_path / "mnist"), repeat=True)
        with pytest.raises(KeyboardInterrupt):
            import_images(config, lambda line: None, stop)
        assert os.listdir(tmp_path) == ["p"]

    def test_an_empty_folder_may_be_taken(self, tmp_path):
        pictures(tmp_path / "p", {"a": 3})
        (tmp_path / "mnist").mkdir()
        run(tmp_path / "p", tmp_path / "mnist", repeat=True)
        assert sorted(os.listdir(tmp_path / "mnist")) == FILES
        with pytest.raises(UsageError, match="it exists already"):
            run(tmp_path / "p", tmp_path / "mnist", repeat=True)


class TestCommand:
    @pytest.mark.parametrize(
        "words",
        [
            ["p", "--out", "own/mnist", "--repeat"],
            ["--out=own/mnist", "p", "--repeat"],
            ["--repeat", "--from=p", "--out=own/mnist"],
        ],
    )
    def test_the_folder_may_stand_anywhere(self, tmp_path, monkeypatch, capsys, words):
        monkeypatch.chdir(tmp_path)
        pictures(tmp_path / "p", {"a": 3})
        assert cli.main(["import_images", *words]) == 0
        assert capsys.readouterr().err.splitlines() == [
            "class 0: a, 3 pictures",
            "wrote own/mnist: 2 training images (and 5000 copies for validation), 1 test images",
            "train with --dataset mnist --data_dir own --allow_unverified_data --batch_size 2",
        ]

    def test_help_says_where_the_folder_stands(self, capsys):
        assert cli.main(["import_images", "--help"]) == 0
        shown = capsys.readouterr().out
        assert shown.startswith("usage: ./run.sh import_images DIR [--flag=value ...]\n")
        assert "--fit contain|cover|stretch (default contain)" in shown

    def test_progress_counts_pictures(self, tmp_path):
        pictures(tmp_path / "p", {"a": 300})
        seen: list[tuple[int, int]] = []
        config = ImportConfig(source=str(tmp_path / "p"), out=str(tmp_path / "mnist"), repeat=True)
        import_images(config, lambda line: None, lambda *counts: seen.append(counts))
        assert seen == [(256, 300), (300, 300)]
