"""Tests for `import_images`: single pictures against arithmetic by hand, folders, files, errors."""

from __future__ import annotations

import gzip
import io
import json
import os
import pathlib
import re
import struct
import warnings
from typing import Any

import numpy as np
import PIL.Image
import pytest

from vanilla_gan.cli import main as cli
from vanilla_gan.data import folder
from vanilla_gan.data.classes import CLASSES_JSON, read_class_names
from vanilla_gan.data.own_split import SPLIT_JSON
from vanilla_gan.data.pictures.import_images import Imported, import_images
from vanilla_gan.data.pictures.picture import Fitting, read_picture
from vanilla_gan.data.pictures.settings import ImportConfig
from vanilla_gan.data.pictures.table import read_table
from vanilla_gan.data.read import read_data_sets
from vanilla_gan.data.streams import unread
from vanilla_gan.errors import DataError, OutputError, UsageError

FILES = [
    "classes.json",
    "import_preview.png",
    "split.json",
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
    values = read_picture(path, Fitting(**chosen)).images
    assert (values.shape, values.dtype) == ((1, 28, 28), np.uint8)
    return values[0].astype(int)


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
        with pytest.raises(DataError, match="expected 0 to 255"):
            read(saved(tmp_path / "x.tiff", PIL.Image.fromarray(fractions)))

    @pytest.mark.parametrize(
        ("kind", "largest", "white", "scale"),
        [
            # What it holds says what white is, but for 16 bits.
            (np.int32, 255, None, 255),
            (np.int32, 65535, None, 65535),
            (np.float32, 255, None, 255),
            (np.uint16, 4095, None, 65535),
            # Unless somebody says it.
            (np.uint16, 4095, 4095, 4095),
            (np.int32, 10**6, 10**6, 10**6),
            (np.float32, 17.5, 17.5, 17.5),
            (np.uint16, 5000, 4095, 4095),
        ],
    )
    def test_what_white_is(self, tmp_path, kind, largest, white, scale):
        values = (np.random.RandomState(0).rand(28, 28) * largest).astype(kind)
        values[0, 0] = largest
        found = read(saved(tmp_path / "x.tiff", PIL.Image.fromarray(values)), white=white)
        expected = np.rint(np.minimum(values.astype(float) / scale, 1) * 255)
        np.testing.assert_array_equal(found, expected)

    def test_values_that_no_white_is_known_of(self, tmp_path):
        for low, high in ((0, 65536), (-1, 9)):
            values = np.full((28, 28), low, np.int32)
            values[0, 0] = high
            with pytest.raises(DataError, match=f"reach from {low} to {high}, expected 0 to 65535"):
                read(saved(tmp_path / "x.tiff", PIL.Image.fromarray(values)))

    @pytest.mark.parametrize(("ink", "invert", "on"), [(0, False, 255), (255, True, 0)])
    def test_line_art_on_nothing_stays_visible(self, tmp_path, ink, invert, on):
        """Black on transparent was black on black."""
        drawing = np.full((28, 28, 4), ink, np.uint8)
        drawing[..., 3] = 0
        drawing[5:9, :, 3] = 255
        path = saved(tmp_path / "x.png", PIL.Image.fromarray(drawing))
        fitting = Fitting("contain", 255 if invert else 0, invert, visible=True)
        (values,), turned = read_picture(path, fitting)
        assert turned == 1
        flip = 255 if invert else 0
        np.testing.assert_array_equal(values[5:9], abs(flip - ink))
        np.testing.assert_array_equal(values[9:], abs(flip - on))
        # Ink that shows on the background that was meant stays there.
        drawing[..., :3] = 255 - ink
        path = saved(tmp_path / "x.png", PIL.Image.fromarray(drawing))
        assert read_picture(path, fitting).turned == 0

    def test_heic_names_the_plugin_it_needs(self, tmp_path):
        (tmp_path / "x.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0" + bytes(99))
        with pytest.raises(DataError, match="install pillow-heif"):
            read(tmp_path / "x.heic")

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
        every = read_picture(path, Fitting("contain", 0, False, all_frames=True)).images
        assert [frame.mean() for frame in every] == [60, 180]

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
        names = {0: "B", 1: "a", 2: "c"}
        assert read_class_names(tmp_path / "own" / "mnist", lines.append) == names
        source = read_data_sets("mnist", tmp_path / "own", unread(), allow_unverified=True)
        assert source.class_names == names

    def test_a_tenth_is_set_apart_and_a_run_of_before_keeps_its_split(self, enough, tmp_path):
        out = tmp_path / "mnist"
        _, lines = run(enough[0], out)
        assert any("5001 training images (the first 500 for validation)" in line for line in lines)

        def read(**then):
            splits = read_data_sets(
                "mnist", tmp_path, unread(), allow_unverified=True, **then
            ).splits
            return len(splits.train.images), len(splits.validation.images)

        assert read() == (4501, 500)
        # Two runs, one that was begun before the share was recorded and one of now.
        assert (read(train_examples=1), read(train_examples=4501)) == ((1, 5000), (4501, 500))
        # That a record is of other data is told elsewhere.
        assert read(train_examples=77) == (4501, 500)
        (out / SPLIT_JSON).unlink()
        assert (read(), read(train_examples=4501)) == ((1, 5000), (4501, 500))
        for damage, said in (
            ('{"validation": 5001}', "5001 images apart for validation, of 5001"),
            ('{"validation": -1}', "cannot be used: validation is -1"),
            ("[", "cannot be used"),
        ):
            (out / SPLIT_JSON).write_text(damage)
            with pytest.raises(DataError, match=re.escape(said)):
                read()

    @pytest.mark.parametrize(
        ("pictures_made", "expected"), [(2, (1, 0)), (12, (9, 1)), (70, (54, 6))]
    )
    def test_few_pictures_are_enough(self, tmp_path, pictures_made, expected):
        pictures(tmp_path / "p", {"a": pictures_made}, size=(28, 28))
        run(tmp_path / "p", tmp_path / "mnist")
        splits = read_data_sets("mnist", tmp_path, unread(), allow_unverified=True).splits
        assert (len(splits.train.images), len(splits.validation.images)) == expected

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
        for name in FILES[2:]:
            first, second, third = (
                (tmp_path / k / "mnist" / name).read_bytes() for k in ("1", "2", "3")
            )
            assert first == second
            assert (first == third) == (name == "split.json" or "labels" in name)

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
        files = (".DS_Store", "Thumbs.db", "a/desktop.ini", "a/._0000.pgm")
        for name in (*files, "Icon\r", "ehthumbs.db", "a/Picasa.ini"):
            (tmp_path / "p" / name).write_bytes(b"?")
        folders = ("__MACOSX", ".git", "lost+found", "@eaDir", "$RECYCLE.BIN", "a/@eaDir")
        for name in (*folders, "System Volume Information"):
            (tmp_path / "p" / name).mkdir()
            (tmp_path / "p" / name / "x.ini").write_bytes(b"?")
        imported, _ = run(tmp_path / "p", tmp_path / "mnist", repeat=True)
        assert (imported.classes, imported.train + imported.test) == (["a"], 3)

    def test_files_have_the_format_of_mnist(self, tmp_path):
        pictures(tmp_path / "p", {"a": 3})
        run(tmp_path / "p", tmp_path / "mnist", repeat=True)
        assert sorted(os.listdir(tmp_path / "mnist")) == FILES
        content = gzip.decompress((tmp_path / "mnist" / FILES[5]).read_bytes())
        assert struct.unpack(">IIII", content[:16]) == (0x803, 5002, 28, 28)
        assert len(content) == 16 + 5002 * 784


def many(folder: pathlib.Path, count: int, *shape: int) -> list[pathlib.Path]:
    folder.mkdir(parents=True)
    paths = [folder / f"{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        saved(path, PIL.Image.fromarray(noise(*shape, seed=number)))
    return paths


class TestWhatPeopleHave:
    def test_pictures_that_show_nothing_are_counted(self, tmp_path):
        many(tmp_path / "p", 4, 28, 28)
        for number, grey in enumerate((0, 255, 9)):
            saved(tmp_path / "p" / f"flat{number}.png", PIL.Image.new("L", (28, 28), grey))
        twelve = (noise(28, 28).astype(np.uint16) + 1) * 15
        saved(tmp_path / "p" / "twelve.png", PIL.Image.fromarray(twelve))
        _, lines = run(tmp_path / "p", tmp_path / "mnist", repeat=True)
        assert any(line.startswith("warning: 3 of 8 pictures are of one grey") for line in lines)
        assert any(line.startswith("warning: 1 of 8 pictures are almost black") for line in lines)
        _, lines = run(tmp_path / "p", tmp_path / "2" / "mnist", repeat=True, white=4095)
        assert not any("almost black" in line for line in lines)

    def test_line_art_is_counted(self, tmp_path):
        for path in many(tmp_path / "p", 3, 28, 28):
            alpha = PIL.Image.open(path).copy()
            black = PIL.Image.new("L", alpha.size, 0)
            saved(path, PIL.Image.merge("LA", (black, alpha)))
        _, lines = run(tmp_path / "p", tmp_path / "mnist", repeat=True)
        assert any(line.startswith("warning: 3 of 3 pictures cannot be told") for line in lines)
        raw = folder.read_folder(tmp_path / "mnist")
        assert (np.ptp(raw.train_images, axis=(1, 2)) > 200).all()
        _, lines = run(tmp_path / "p", tmp_path / "2" / "mnist", repeat=True, background=0)
        assert any("3 of 3 pictures are of one grey value" in line for line in lines)

    def test_one_look_tells(self, tmp_path):
        pictures(tmp_path / "p", {"a": 20, "b": 3})
        run(tmp_path / "p", tmp_path / "mnist", repeat=True)
        with PIL.Image.open(tmp_path / "mnist" / "import_preview.png") as image:
            sheet = np.asarray(image)[::2, ::2]
        # Of a class up to five rows: two of a, one of b; 30 pixels each, and one gap more.
        assert sheet.shape == (3 * 30 + 2, 16 * 30 + 2)
        np.testing.assert_array_equal(sheet[2:30, 2:30], noise(20, 28, 28, seed=0)[0])
        np.testing.assert_array_equal(sheet[62:90, 62:90], noise(3, 28, 28, seed=1)[2])

    def test_classes_in_train_and_test_are_joined(self, tmp_path):
        counts = {"training/cat": 3, "training/dog": 2, "testing/cat": 4, "testing/dog": 1}
        pictures(tmp_path / "p", counts)
        imported, lines = run(tmp_path / "p", tmp_path / "mnist", repeat=True)
        assert imported.classes == ["cat", "dog"]
        assert "class 0: cat, 7 pictures" in lines
        assert any("training are taken for splits" in line for line in lines)
        pictures(tmp_path / "flat", {"train": 3, "test": 2})
        imported, _ = run(tmp_path / "flat", tmp_path / "2" / "mnist", repeat=True)
        assert (imported.classes, imported.train + imported.test) == (["flat"], 5)

    @pytest.mark.parametrize(
        ("names", "labels"),
        [
            (["3", "8"], {"3": 3, "8": 8}),
            ([str(n) for n in range(1, 11)], {str(n): n - 1 for n in range(1, 11)}),
            (["c10", "c9", "a"], {"a": 0, "c9": 1, "c10": 2}),
            (["01", "2"], {"01": 0, "2": 1}),
        ],
    )
    def test_numbers_are_numbers(self, tmp_path, names, labels):
        pictures(tmp_path / "p", dict.fromkeys(names, 2))
        run(tmp_path / "p", tmp_path / "mnist", repeat=True)
        content = json.loads((tmp_path / "mnist" / CLASSES_JSON).read_bytes())["classes"]
        assert {each["name"]: int(label) for label, each in content.items()} == labels
        raw = folder.read_folder(tmp_path / "mnist")
        found = {*raw.train_labels.tolist(), *raw.test_labels.tolist()}
        assert found == set(labels.values())

    def test_an_empty_class_can_be_left_out(self, tmp_path):
        pictures(tmp_path / "p", {"a": 3, "c": 2})
        (tmp_path / "p" / "b").mkdir()
        with pytest.raises(DataError, match="its subfolder b holds no picture"):
            run(tmp_path / "p", tmp_path / "mnist", repeat=True)
        imported, _ = run(tmp_path / "p", tmp_path / "mnist", repeat=True, skip_bad=True)
        assert imported.classes == ["a", "c"]
        assert len(imported.skipped) == 1

    def test_frames_are_pictures(self, tmp_path):
        pictures(tmp_path / "p", {"a": 1, "b": 2})
        frames = [PIL.Image.new("L", (28, 28), grey) for grey in (60, 120, 180)]
        saved(tmp_path / "p" / "a" / "x.gif", frames[0], save_all=True, append_images=frames[1:])
        for all_frames, count in ((False, 2), (True, 4)):
            out = tmp_path / str(count) / "mnist"
            _, lines = run(tmp_path / "p", out, repeat=True, all_frames=all_frames)
            assert f"class 0: a, {count} pictures" in lines
            assert "class 1: b, 2 pictures" in lines


IMAGES = noise(6, 9, 13)
KNOWN = np.array([3, 3, 8, 0, 8, 3])


def csv(images: np.ndarray, labels: np.ndarray | None, header: bool) -> str:
    rows = images.reshape(len(images), -1).tolist()
    if labels is not None:
        rows = [[label, *row] for label, row in zip(labels.tolist(), rows, strict=True)]
    names = "label," * (labels is not None) + ",".join(f"p{k}" for k in range(images[0].size))
    return (names + "\n") * header + "".join(",".join(map(str, row)) + "\n" for row in rows)


def any_idx(array: np.ndarray) -> bytes:
    """Returns an IDX file, by the format's definition."""
    kind = {"u1": 8, "i4": 12, "f4": 13}[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


class TestTables:
    @pytest.mark.parametrize("labels", ["qmnist", "float", "flat", "twice", None])
    def test_what_the_trainer_cannot_read_is_told_where_to_go(self, tmp_path, labels):
        home = tmp_path / "mnist"
        home.mkdir()
        images = noise(12, 28, 28)
        known = np.arange(12) % 3
        of_images, of_labels = {
            "qmnist": (images, any_idx(np.stack([known, known + 90], axis=1).astype(np.int32))),
            "float": (images.astype(np.float32), any_idx(known.astype(np.uint8))),
            "flat": (images.reshape(12, 784), any_idx(known.astype(np.uint8))),
            "twice": (images, gzip.compress(gzip.compress(any_idx(known.astype(np.uint8))))),
            None: (images, None),
        }[labels]
        for name in ("train", "t10k"):
            (home / f"{name}-images-idx3-ubyte").write_bytes(any_idx(of_images))
            if of_labels is not None:
                (home / f"{name}-labels-idx1-ubyte").write_bytes(of_labels)
        with pytest.raises(DataError, match=r"; or let \./run\.sh import_images make ") as raised:
            read_data_sets("mnist", tmp_path, unread(), allow_unverified=True)
        assert "\n" not in str(raised.value)
        run(home / "train-images-idx3-ubyte", tmp_path / "new" / "mnist", repeat=True)
        source = read_data_sets("mnist", tmp_path / "new", unread(), allow_unverified=True)
        assert source.splits.train.shape == (28, 28, 1)
        assert source.splits.train.num_classes == (1 if labels is None else 3)

    @pytest.mark.parametrize(
        ("images", "labels", "packed", "names"),
        [
            # EMNIST's letters, QMNIST's labels, floats, flat images, twice in gzip, no labels.
            (noise(6, 28, 28), KNOWN + 18, 1, ("e-train-images-idx3-ubyte.gz", "-idx1-ubyte.gz")),
            (
                noise(6, 28, 28),
                np.stack([KNOWN, KNOWN + 400], axis=1),
                0,
                ("q-images-idx3-ubyte", "-idx2-int"),
            ),
            (noise(6, 28, 28) / np.float32(255), KNOWN, 0, ("f-images.idx", ".idx")),
            (noise(6, 784), KNOWN, 2, ("flat-images-idx2-ubyte.gz", "-idx1-ubyte.gz")),
            (noise(6, 28, 28), None, 2, ("own-idx3-ubyte.gz", "")),
        ],
    )
    def test_idx_files_of_other_data_sets(self, tmp_path, images, labels, packed, names):
        name, ending = names
        contents = {name: any_idx(images)}
        if labels is not None:
            kind = np.uint8 if labels.ndim == 1 else np.int32
            contents[f"{name.partition('images')[0]}labels{ending}"] = any_idx(labels.astype(kind))
        for each, content in contents.items():
            for _ in range(packed):
                content = gzip.compress(content)
            (tmp_path / each).write_bytes(content)
        run(tmp_path / name, tmp_path / "mnist", repeat=True, transpose=True)
        raw = folder.read_folder(tmp_path / "mnist")
        got = zip(
            [*raw.train_images[5000:], *raw.test_images],
            [*raw.train_labels[5000:], *raw.test_labels],
            strict=True,
        )
        first = np.zeros(6, int) if labels is None else labels.reshape(6, -1)[:, 0]
        expected = zip(noise(6, 28, 28).swapaxes(1, 2), first, strict=True)
        assert sorted((i.tobytes(), int(n)) for i, n in got) == sorted(
            (i.tobytes(), int(n)) for i, n in expected
        )

    @pytest.mark.parametrize(
        ("name", "write", "labels"),
        [
            ("x.npy", lambda p: np.save(p, noise(6, 28, 28)), [0] * 6),
            ("x.npy", lambda p: np.save(p, noise(6, 784)), [0] * 6),
            ("x.npy", lambda p: np.save(p, noise(6, 28, 28)[..., None] / np.float32(255)), [0] * 6),
            ("x.npz", lambda p: np.savez(p, x=noise(6, 28, 28), y=KNOWN[:, None]), KNOWN),
            ("x.npz", lambda p: np.savez(p, images=noise(6, 28, 28), labels=KNOWN), KNOWN),
            (
                "x.npz",
                lambda p: np.savez(
                    p,
                    x_train=noise(6, 28, 28)[:4],
                    y_train=KNOWN[:4],
                    x_test=noise(6, 28, 28)[4:],
                    y_test=KNOWN[4:],
                ),
                KNOWN,
            ),
            ("x.csv", lambda p: p.write_text(csv(noise(6, 28, 28), KNOWN, True)), KNOWN),
            ("x.csv", lambda p: p.write_text(csv(noise(6, 28, 28), KNOWN, False)), KNOWN),
            ("x.csv", lambda p: p.write_text(csv(noise(6, 28, 28), None, True)), [0] * 6),
        ],
    )
    def test_each_kind_gives_its_images_and_labels(self, tmp_path, name, write, labels):
        write(tmp_path / name)
        imported, _ = run(tmp_path / name, tmp_path / "mnist", repeat=True)
        assert imported.classes == [str(label) for label in sorted(set(labels))]
        raw = folder.read_folder(tmp_path / "mnist")
        got = zip(
            [*raw.train_images[5000:], *raw.test_images],
            [*raw.train_labels[5000:], *raw.test_labels],
            strict=True,
        )
        expected = zip(noise(6, 28, 28), labels, strict=True)
        assert sorted((i.tobytes(), int(n)) for i, n in got) == sorted(
            (i.tobytes(), int(n)) for i, n in expected
        )

    def test_other_sizes_and_colours_are_fitted_as_files_are(self, tmp_path):
        colours = noise(6, 9, 13, 3)
        np.save(tmp_path / "x.npy", colours)
        for number, values in enumerate(colours):
            saved(tmp_path / f"{number}.png", PIL.Image.fromarray(values))
        fitting = Fitting("cover", 0, True)
        table = read_table(tmp_path / "x.npy", fitting)
        files = [read_picture(tmp_path / f"{k}.png", fitting).images[0] for k in range(6)]
        np.testing.assert_array_equal(table.images, files)

    @pytest.mark.parametrize(
        ("name", "write", "said"),
        [
            ("x.npy", lambda p: p.write_bytes(b"no array"), "x.npy: "),
            ("x.npy", lambda p: np.save(p, np.array([{}]), allow_pickle=True), "x.npy: "),
            ("x.npy", lambda p: np.save(p, np.zeros(5)), "its images have the shape [5]"),
            ("x.npy", lambda p: np.save(p, np.zeros((0, 28, 28))), "the shape [0, 28, 28]"),
            ("x.npy", lambda p: np.save(p, np.array([["a"]])), "its images are <U1"),
            ("x.npy", lambda p: np.save(p, -np.ones((3, 4, 4))), "reach from -1 to 0, expected"),
            ("x.npz", lambda p: np.savez(p, z=IMAGES), "it holds z; expected x and y, or images"),
            ("x.npz", lambda p: np.savez(p, x=IMAGES, y=KNOWN[:5]), "labels have the shape [5]"),
            (
                "x.npz",
                lambda p: np.savez(p, x=IMAGES, y=KNOWN + 250),
                "expected whole numbers 0 to",
            ),
            ("x.npz", lambda p: p.write_bytes(b"PK\3\4"), "x.npz: "),
            ("x-idx3-ubyte", lambda p: p.write_bytes(b"\0\0\x07\3"), "expected an IDX file"),
            ("x.idx", lambda p: p.write_bytes(any_idx(IMAGES)[:-1]), "its header declares 6x9x13"),
            ("x.idx.gz", lambda p: p.write_bytes(gzip.compress(any_idx(IMAGES))[:-9]), "x.idx.gz:"),
            ("x.csv", lambda p: p.write_text("label,a\n"), "it has no rows of numbers"),
            ("x.csv", lambda p: p.write_text("1,2,3\n"), "it has rows of 3 numbers; expected"),
            ("x.csv", lambda p: p.write_text("1,2,3,4,5\n1,2\n"), "x.csv: "),
            ("x.csv", lambda p: p.write_bytes(b"\xff\xfe\0"), "x.csv: "),
        ],
    )
    def test_what_it_cannot_be_is_one_line(self, tmp_path, name, write, said):
        write(tmp_path / name)
        with pytest.raises(DataError) as raised:
            run(tmp_path / name, tmp_path / "mnist", repeat=True)
        assert said in str(raised.value)
        assert str(raised.value).startswith(f"{tmp_path / name}: ")
        assert "\n" not in str(raised.value)
        assert not (tmp_path / "mnist").exists()


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
            (["many", "--out=own/mnist"], "it has 257 subfolders"),
            (["hollow", "--out=own/mnist", "--repeat"], "its subfolder a holds no picture"),
            (["hollow/a", "--out=own/mnist", "--repeat"], "hollow/a: 0 pictures; expected"),
            (["p", "--out=p/a/0000.pgm/mnist", "--repeat"], "cannot write"),
        ],
    )
    def test_each_is_one_line(self, tmp_path, monkeypatch, capsys, words, line):
        monkeypatch.chdir(tmp_path)
        pictures(tmp_path / "p", {"a": 3})
        for number in range(257):
            (tmp_path / "many" / str(number)).mkdir(parents=True)
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
            "own/mnist/import_preview.png shows some of them, as they are now",
            "train with --dataset mnist --data_dir own --allow_unverified_data --batch_size 2",
        ]
        # Under a name of its own nobody takes it for the published data.
        named = [word.replace("mnist", "birds") for word in words]
        assert cli.main(["import_images", *named]) == 0
        last = capsys.readouterr().err.splitlines()[-1]
        assert last == "train with --dataset birds --data_dir own --batch_size 2"

    def test_help_says_where_the_folder_stands(self, capsys):
        assert cli.main(["import_images", "--help"]) == 0
        shown = capsys.readouterr().out
        assert shown.startswith("usage: ./run.sh import_images DIR [--flag=value ...]\n")
        assert "\n  --fit contain|cover|stretch\n" in shown

    def test_progress_counts_pictures(self, tmp_path):
        pictures(tmp_path / "p", {"a": 300})
        seen: list[tuple[int, int]] = []
        config = ImportConfig(source=str(tmp_path / "p"), out=str(tmp_path / "mnist"), repeat=True)
        import_images(config, lambda line: None, lambda *counts: seen.append(counts))
        assert seen == [(256, 300), (300, 300)]


class TestData:
    """`train --data FOLDER`: imported by the first run, used by those behind it."""

    def train(self, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
        few = ["--iters=2", "--h_dim=3", "--batch_size=5", "--seed=1"]
        status = cli.main([*few, *words])
        return status, capsys.readouterr().err.splitlines()

    def test_the_first_run_imports_and_the_others_use_it(self, elsewhere, capsys):
        made = pictures(elsewhere / "my birds", {"a": 9, "b": 8})
        (elsewhere / "my birds" / "a" / "notes.txt").write_text("no picture")
        status, lines = self.train(capsys, "--data=my birds", "--out=one", "--system=conditional")
        assert status == 0
        assert any("notes.txt" in line for line in lines)
        # 17 pictures: 2 to test, 15 to train, of which a tenth is for validation.
        assert "trains on 14 of 15 images, 1 are for validation" in lines
        assert not any("train with" in line for line in lines)
        raw = folder.read_folder("data/my_birds")
        kept = rows(np.concatenate([raw.train_images, raw.test_images]))
        assert kept == rows(np.concatenate(list(made.values())))

        record = json.loads(pathlib.Path("one/run.json").read_text())
        assert record["config"]["data"] is None
        assert record["dataset"]["name"] == "my_birds"
        assert record["dataset"]["class_names"] == ["a", "b"]
        status, lines = self.train(capsys, "--dataset=my_birds", "--out=two")
        assert (status, [line for line in lines if "wrote data" in line]) == (0, [])
        # The same line goes on, also with the pictures changed; a new run is told of that.
        pathlib.Path("my birds/a/0000.pgm").unlink()
        for words, started in ((["--out=one", "--iters=3"], 0), (["--out=three"], 0)):
            status, lines = self.train(capsys, "--data=my birds", *words)
            assert status == started
            assert any("have changed since they were imported" in line for line in lines)
        assert cli.main(["fork", "--from=two", "--out=four", "--data=my birds", "--iters=3"]) == 0
        assert cli.main(["report", "--from=one"]) == 0
        page = pathlib.Path("one/report.html").read_text()
        assert "my_birds, pictures of your own" in page
        assert "--dataset</span> my_birds" in page

    def test_a_sweep_imports_once_and_a_table_will_do(self, elsewhere, capsys):
        arrays = {"x": noise(20, 7, 9), "y": np.arange(20) % 2}
        np.savez(elsewhere / "cells.npz", **arrays)
        words = ["--seeds=0:2", "--iters=2", "--h_dim=3", "--batch_size=5", "--out=swept"]
        assert cli.main(["sweep", "--data=cells.npz", *words]) == 0
        assert "cells" in os.listdir("data")
        assert capsys.readouterr().err.count("wrote data/cells") == 1
        record = json.loads(pathlib.Path("swept/seed_1/run.json").read_text())
        assert record["dataset"]["name"] == "cells"

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--data=gone"], "--data=gone: there is nothing; expected a folder of pictures"),
            (["--data=mnist"], "cannot be called 'mnist'"),
            (["--data=p", "--dataset=digits"], "cannot be called 'digits'"),
            (["--data=p", "--dataset=taken"], "--data=p: data/taken is there already, and was not"),
            (["--data=p", "--dataset=q"], "data/q is there already, and was imported from"),
            (["--data=data/q"], "it is a data set already, not a folder of pictures; give --datas"),
            (["--dataset=minst"], "there is no folder data/minst; expected one"),
            (["--dataset=minst"], "(did you mean 'mnist'?)"),
            (["--dataset=Fashion-MNIST"], "(did you mean 'fashion_mnist'?)"),
        ],
    )
    def test_what_cannot_be_is_one_line(self, elsewhere, capsys, words, said):
        for name in ("p", "q", "mnist"):
            pictures(elsewhere / name, {"a": 3})
        (elsewhere / "data" / "taken").mkdir(parents=True)
        run(elsewhere / "q", elsewhere / "data" / "q")
        (line,) = (found := self.train(capsys, *words))[1]
        assert (found[0], said in line) == (2, True), line
        assert not os.path.exists("out")

    def test_data_that_are_gone_are_looked_for_with_data_dir(self, elsewhere, capsys):
        pictures(elsewhere / "p", {"a": 30})
        assert self.train(capsys, "--data=p")[0] == 0
        os.rename("data", "elsewhere")
        for words in (["--iters=3"], ["evaluate"]):
            status = cli.main(words)
            line = capsys.readouterr().err.splitlines()[-1]
            assert (status, "--data_dir" in line) == (1, True), line
        assert self.train(capsys, "--iters=3", "--data_dir=elsewhere")[0] == 0
