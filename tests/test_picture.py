"""Tests of how a picture is read: against arithmetic by hand, and failures in one line."""

from __future__ import annotations

import pathlib
import struct
import warnings
from typing import Any

import numpy as np
import PIL.Image
import pytest
from own_pictures import noise, saved
from processes import peak_memory

from vanilla_gan.data.pictures.picture import Fitting, narrowed, read_picture
from vanilla_gan.errors import DataError


def read(path: pathlib.Path, **settings: Any) -> np.ndarray:
    """Returns the picture as signed numbers, so that differences do not wrap around."""
    chosen = {"fit": "contain", "background": 0, "invert": False, **settings}
    values = read_picture(path, Fitting(**chosen)).images
    assert (values.shape, values.dtype) == ((1, 28, 28), np.uint8)
    return values[0].astype(int)


def halves(width: int, height: int, left: int, right: int) -> np.ndarray:
    values = np.full((height, width), left, np.uint8)
    values[:, width // 2 :] = right
    return values


@pytest.mark.parametrize("fit", ["contain", "cover", "stretch"])
def test_a_28x28_picture_is_unchanged(tmp_path, fit):
    values = noise(28, 28)
    path = saved(tmp_path / "x.pgm", values)
    np.testing.assert_array_equal(read(path, fit=fit), values)
    inverted = read(path, fit=fit, invert=True)
    np.testing.assert_array_equal(inverted, 255 - values.astype(int))


def test_colours_and_other_sizes(tmp_path):
    values = noise(40, 40, 3)
    path, fitting = saved(tmp_path / "x.png", values), Fitting("contain", 7, False, size=40)
    colours = fitting._replace(color=True)
    assert read_picture(path, fitting).images.shape == (1, 40, 40)
    np.testing.assert_array_equal(read_picture(path, colours).images[0], values)
    inverted = read_picture(path, colours._replace(invert=True)).images[0]
    np.testing.assert_array_equal(inverted, 255 - values)
    # A grey picture has three equal values; a wide one has the background above and below.
    (grey,) = read_picture(saved(tmp_path / "y.pgm", noise(20, 40)), colours).images
    np.testing.assert_array_equal(grey[10:30], np.repeat(noise(20, 40)[..., None], 3, axis=2))
    np.testing.assert_array_equal(grey[[*range(10), *range(30, 40)]], 7)
    # Transparent parts show the background, too.
    alpha = np.repeat([[255, 0]], 20, axis=1).repeat(40, axis=0).astype(np.uint8)
    laid = saved(tmp_path / "z.png", np.concatenate([values, alpha[..., None]], axis=2))
    (image,) = read_picture(laid, colours).images
    np.testing.assert_array_equal(image[:, :20], values[:, :20])
    np.testing.assert_array_equal(image[:, 20:], 7)
    # Red on transparent is visible by its colour only.
    red = np.zeros((40, 40, 4), np.uint8)
    red[5:9, :, [0, 3]] = 255
    (image,), turned = read_picture(
        saved(tmp_path / "r.png", red), colours._replace(background=0, visible=True)
    )
    assert turned == 0
    assert image[6].tolist() == [[255, 0, 0]] * 40


def test_contain_centres_the_whole_and_lays_it_on_the_background(tmp_path):
    # 56x24 becomes 28x12: 8 rows above and below.
    values = read(saved(tmp_path / "x.pgm", halves(56, 24, 40, 200)), background=7)
    np.testing.assert_array_equal(values[[*range(8), *range(20, 28)]], 7)
    np.testing.assert_array_equal(values[8:20, :10], 40)
    np.testing.assert_array_equal(values[8:20, 18:], 200)


def test_contain_of_a_tall_picture_leaves_margins_at_the_sides(tmp_path):
    # 13x35: 28 rows, 10.4 columns, so 10 between 9 and 9.
    path = saved(tmp_path / "x.pgm", np.full((35, 13), 90))
    values = read(path, background=255, invert=True)
    np.testing.assert_array_equal(values[:, 9:19], 165)
    np.testing.assert_array_equal(values[:, [*range(9), *range(19, 28)]], 0)


def test_cover_takes_the_central_square(tmp_path):
    # 84 wide: the middle 28 columns, unscaled.
    values = noise(28, 84)
    wide, tall = saved(tmp_path / "x.pgm", values), saved(tmp_path / "y.pgm", values.T)
    np.testing.assert_array_equal(read(wide, fit="cover"), values[:, 28:56])
    np.testing.assert_array_equal(read(tall, fit="cover"), values.T[28:56])


def test_stretch_uses_all_of_it(tmp_path):
    values = read(saved(tmp_path / "x.pgm", halves(560, 5, 30, 220)), fit="stretch")
    np.testing.assert_array_equal(values[:, :10], 30)
    np.testing.assert_array_equal(values[:, 18:], 220)


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (1, 1)])
@pytest.mark.parametrize("fit", ["contain", "cover", "stretch"])
def test_the_thinnest_pictures_are_read(tmp_path, size, fit):
    values = read(saved(tmp_path / "x.png", PIL.Image.new("L", size, 77)), fit=fit)
    assert set(np.unique(values)) <= {0, 77}
    assert (values == 77).any()


def test_colours_become_luma(tmp_path):
    rgb = noise(28, 28, 3, seed=5)
    values = read(saved(tmp_path / "x.png", rgb))
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
def test_all_formats_give_the_same(tmp_path, name, options):
    columns = np.linspace(0, 255, 60).astype(np.uint8)
    image = PIL.Image.fromarray(np.broadcast_to(columns, (40, 60)).copy())
    values = read(saved(tmp_path / name, image.convert("RGB"), **options))
    assert np.abs(values - read(saved(tmp_path / "y.png", image))).max() <= 3


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK", "I", "I;16"])
def test_all_modes_show_white_on_black(tmp_path, mode):
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


def test_lab_becomes_grey(tmp_path):
    halves_of_it = PIL.Image.new("LAB", (28, 28), (0, 128, 128))
    halves_of_it.paste((255, 128, 128), (14, 0, 28, 28))
    values = read(saved(tmp_path / "x.tiff", halves_of_it))
    assert values[:, :14].max() <= 2
    assert values[:, 14:].min() >= 253


def test_16_bits_keep_their_range(tmp_path):
    wide = np.random.RandomState(0).randint(0, 65536, (28, 28)).astype(np.uint16)
    values = read(saved(tmp_path / "x.png", wide))
    np.testing.assert_array_equal(values, np.rint(wide / 257.0))


def test_a_dark_greymap_of_16_bits_stays_dark(tmp_path):
    """Pillow returns its values in 32 bits, in which 255 might be white."""
    wide = np.random.RandomState(0).randint(0, 256, (28, 28)).astype(">u2")
    (tmp_path / "x.pgm").write_bytes(b"P5 28 28 65535\n" + wide.tobytes())
    np.testing.assert_array_equal(read(tmp_path / "x.pgm"), np.rint(wide / 257.0))


@pytest.mark.parametrize(
    ("kind", "largest", "white", "scale"),
    [
        # The values say what white is, except in 16 bits.
        (np.float32, 0.7, None, 1),
        (np.int32, 255, None, 255),
        (np.int32, 65535, None, 65535),
        (np.float32, 255, None, 255),
        (np.uint16, 4095, None, 65535),
        # Unless somebody says what it is.
        (np.uint16, 4095, 4095, 4095),
        (np.int32, 10**6, 10**6, 10**6),
        (np.float32, 17.5, 17.5, 17.5),
        (np.uint16, 5000, 4095, 4095),
    ],
)
def test_what_white_is(tmp_path, kind, largest, white, scale):
    values = (np.random.RandomState(0).rand(28, 28) * largest).astype(kind)
    values[0, 0] = largest
    found = read(saved(tmp_path / "x.tiff", values), white=white)
    expected = np.rint(np.minimum(values.astype(float) / scale, 1) * 255)
    np.testing.assert_array_equal(found, expected)


def test_bytes_stay_as_they_are():
    """They are not copied into wider numbers: many images would not fit into memory."""
    values = np.random.RandomState(0).randint(0, 256, (200, 28, 28)).astype(np.uint8)
    with peak_memory() as peak:
        found = narrowed(values, None)
        assert peak() < values.nbytes
    np.testing.assert_array_equal(found, values)


def test_values_without_a_known_white(tmp_path):
    for low, high in ((0, 65536), (-1, 9)):
        values = np.full((28, 28), low, np.int32)
        values[0, 0] = high
        with pytest.raises(DataError, match=f"range from {low} to {high}, expected 0 to 65535"):
            read(saved(tmp_path / "x.tiff", values))
    fractions = np.random.RandomState(0).rand(28, 28).astype(np.float32)
    fractions[3, 5] = np.nan
    with pytest.raises(DataError, match="expected 0 to 255"):
        read(saved(tmp_path / "x.tiff", fractions))


@pytest.mark.parametrize(("ink", "invert", "on"), [(0, False, 255), (255, True, 0)])
def test_line_art_on_transparency_stays_visible(tmp_path, ink, invert, on):
    """Black on transparent would become black on black."""
    drawing = np.full((28, 28, 4), ink, np.uint8)
    drawing[..., 3] = 0
    drawing[5:9, :, 3] = 255
    path = saved(tmp_path / "x.png", drawing)
    fitting = Fitting("contain", 255 if invert else 0, invert, visible=True)
    (values,), turned = read_picture(path, fitting)
    assert turned == 1
    flip = 255 if invert else 0
    np.testing.assert_array_equal(values[5:9], abs(flip - ink))
    np.testing.assert_array_equal(values[9:], abs(flip - on))
    # Ink that is visible on the given background is laid on that.
    drawing[..., :3] = 255 - ink
    path = saved(tmp_path / "x.png", drawing)
    assert read_picture(path, fitting).turned == 0


def test_heic_names_the_plugin_it_needs(tmp_path):
    (tmp_path / "x.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0" + bytes(99))
    with pytest.raises(DataError, match="install pillow-heif"):
        read(tmp_path / "x.heic")


@pytest.mark.parametrize("background", [0, 130, 255])
def test_transparent_parts_show_the_background(tmp_path, background):
    rgba = np.zeros((28, 28, 4), np.uint8)
    rgba[..., :3] = 50
    rgba[:, :9, 3] = 255
    rgba[:, 9:20, 3] = 51  # a fifth
    values = read(saved(tmp_path / "x.png", rgba), background=background)
    np.testing.assert_array_equal(values[:, :9], 50)
    assert np.abs(values[:, 9:20] - (50 * 0.2 + background * 0.8)).max() <= 1
    np.testing.assert_array_equal(values[:, 20:], background)


def test_a_transparent_colour_of_a_palette_shows_the_background(tmp_path):
    image = PIL.Image.fromarray(halves(28, 28, 0, 1), "P")
    image.putpalette([10, 10, 10, 200, 200, 200])
    path = saved(tmp_path / "x.gif", image, transparency=1)
    values = read(path, background=99)
    np.testing.assert_array_equal(values[:, :14], 10)
    np.testing.assert_array_equal(values[:, 14:], 99)


def test_odd_tags_of_exif_do_not_matter(tmp_path):
    """Pillow reads them, but cannot write them again."""
    entry = struct.Struct(">HHI4s")
    turned = entry.pack(0x0112, 3, 1, bytes([0, 6, 0, 0]))
    odd = entry.pack(0x0128, 1, 1, bytes([2, 0, 0, 0]))  # the unit of resolution, as a byte
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 2) + turned + odd + bytes(4)
    upright = halves(28, 28, 0, 255)
    path = tmp_path / "x.png"
    PIL.Image.fromarray(np.rot90(upright).copy()).save(path, exif=exif)
    np.testing.assert_array_equal(read(path), upright)


def test_a_jpeg_of_several_pictures(tmp_path):
    frames = [PIL.Image.fromarray(noise(1, 700, 900)[0] // (k + 1)) for k in range(3)]
    path = tmp_path / "x.mpo"
    frames[0].save(path, "MPO", save_all=True, append_images=frames[1:])
    assert len(read_picture(path, Fitting("cover", 0, False, all_frames=True)).images) == 3


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_as_exif_says(tmp_path, orientation, ending):
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
    path = saved(tmp_path / f"x.{ending}", stored.copy(), exif=exif)
    np.testing.assert_array_equal(read(path), upright)


def test_the_first_frame_counts(tmp_path):
    first, second = (PIL.Image.new("L", (28, 28), grey) for grey in (60, 180))
    path = saved(tmp_path / "x.gif", first, save_all=True, append_images=[second])
    np.testing.assert_array_equal(read(path), 60)
    every = read_picture(path, Fitting("contain", 0, False, all_frames=True)).images
    assert [frame.mean() for frame in every] == [60, 180]


@pytest.mark.parametrize("size", [(1213, 907), (303, 241), (113, 112)])
def test_a_photograph_matches_its_full_decoding(tmp_path, size):
    image = PIL.Image.fromarray(noise(24, 32, 3)).resize(size, PIL.Image.Resampling.BICUBIC)
    from_jpeg = read(saved(tmp_path / "x.jpg", image, quality=97))
    from_png = read(saved(tmp_path / "x.png", image))
    assert np.abs(from_jpeg - from_png).mean() <= 1.5
    assert from_png[12].std() > 20


def test_no_program_is_run_for_a_picture(tmp_path):
    # Pillow would hand this to Ghostscript.
    (tmp_path / "x.eps").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    )
    with pytest.raises(DataError, match=r"x\.eps: not a picture that Pillow can read"):
        read(tmp_path / "x.eps")


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.gif", "x.tiff", "x.bmp", "x.webp"])
def test_damage_is_one_line_or_a_picture(tmp_path, name):
    picture = noise(33, 47, 3)
    whole = saved(tmp_path / name, picture, compression="tiff_lzw").read_bytes()
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
