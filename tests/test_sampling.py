"""Tests of `./run.sh sample`: what each format holds, read back by other programs."""

from __future__ import annotations

import gzip
import pathlib
import struct

import numpy as np
import PIL.Image
import pytest
from offline import data_files, train
from one_line import failure, success
from processes import peak_memory

from vanilla_gan.data.folder import read_folder
from vanilla_gan.data.idx import read_images, read_labels
from vanilla_gan.drawing.grid import GridRenderer, grid_layout
from vanilla_gan.generator import generator as generator_module
from vanilla_gan.generator import sample as sample_module
from vanilla_gan.generator.generator import BLOCK, Generator
from vanilla_gan.generator.latent import walk

Z_DIM = 5
pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def sample(trained_run, capsys):
    """Returns a function that samples from a short run of a system and returns the lines."""

    def run(*words, system="vanilla"):
        return success(capsys, "sample", f"--from={trained_run(system)}", *words)

    return run


@pytest.fixture
def fails(trained_run, capsys):
    def run(*words, system="vanilla"):
        return failure(capsys, "sample", f"--from={trained_run(system)}", *words)

    return run


def expected(trained_run, n, seed, system="vanilla", classes=None):
    """Returns the (noise, images) of a seed, without the command."""
    draw = np.random.RandomState(seed)
    Z = draw.normal(size=[n, Z_DIM]) if system == "conv" else draw.uniform(-1, 1, [n, Z_DIM])
    with Generator.load(trained_run(system)) as generator:
        return Z.astype(np.float32), generator(Z.astype(np.float32), classes)


def test_npy(sample, trained_run):
    n = BLOCK + 7
    assert sample("--format=npy", f"--n={n}", "--seed=3") == ["wrote samples.npy"]
    got = np.load("samples.npy")
    assert (got.dtype, got.shape) == (np.dtype("<f4"), (n, 28, 28))
    assert got.tobytes() == expected(trained_run, n, 3)[1].tobytes()


def test_npz(sample, trained_run):
    sample("--format=npz", "--n=11", "--seed=3", "--out=some.npz")
    Z, images = expected(trained_run, 11, 3)
    with np.load("some.npz") as got:
        assert sorted(got.files) == ["Z", "images"]
        assert got["Z"].tobytes() == Z.tobytes()
        assert got["images"].tobytes() == images.tobytes()


@pytest.mark.parametrize("name", ["new/folders/s.npz", "s.NPZ", "s-images-idx3-ubyte", "s.png"])
def test_the_name_says_the_format_and_its_folders_are_made(sample, name):
    sample("--n=3", f"--out={name}")
    head = pathlib.Path(name).read_bytes()[:4]
    expected = {"s.png": b"\x89PNG", "s-images-idx3-ubyte": b"\0\0\x08\x03"}
    assert head == expected.get(name, b"PK\x03\x04")


def test_npz_of_a_conditional_system(sample, trained_run):
    sample("--format=npz", "--n=13", "--seed=3", system="conditional")
    classes = np.arange(13) % 10
    with np.load("samples.npz") as got:
        np.testing.assert_array_equal(got["classes"], classes)
        images = expected(trained_run, 13, 3, "conditional", classes)[1]
        assert got["images"].tobytes() == images.tobytes()


def test_idx_byte_by_byte(sample, trained_run):
    n = BLOCK + 3
    sample("--format=idx", f"--n={n}", "--seed=3")
    content = gzip.decompress(pathlib.Path("samples-images-idx3-ubyte.gz").read_bytes())
    assert struct.unpack(">4I", content[:16]) == (0x803, n, 28, 28)
    images = expected(trained_run, n, 3)[1]
    grey = np.rint(images.astype(np.float64) * 255).astype(np.uint8)
    got = np.frombuffer(content[16:], np.uint8).reshape(n, 28, 28)
    # Half-way cases may round either way in float32.
    assert np.abs(got.astype(int) - grey).max() <= 1
    assert (got == grey).mean() > 0.999
    np.testing.assert_array_equal(got, read_images("samples-images-idx3-ubyte.gz").array)


def test_idx_of_a_conditional_system_has_labels(sample):
    written = ["s-images-idx3-ubyte.gz", "s-labels-idx1-ubyte.gz"]
    lines = sample(
        "--format=idx", "--n=23", "--seed=3", f"--out={written[0]}", system="conditional"
    )
    assert lines == [f"wrote {name}" for name in written]
    assert read_labels(written[1]).array.tolist() == [i % 10 for i in range(23)]
    sample("--format=idx", "--n=4", "--seed=3", "--class=6", "--out=six.gz", system="conditional")
    assert read_labels("six.gz.labels-idx1-ubyte.gz").array.tolist() == [6] * 4


def test_the_trainers_own_reader_reads_the_samples(sample, tmp_path):
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    for name, content in data_files().items():
        if name.startswith("t10k"):
            (folder / name).write_bytes(content)
    out = folder / "train-images-idx3-ubyte.gz"
    sample("--format=idx", "--n=5100", "--seed=3", f"--out={out}", system="conditional")
    arrays = read_folder(folder)
    assert arrays.train_images.shape[:1] == (5100,)
    assert arrays.train_labels[:12].tolist() == [*range(10), 0, 1]


def test_one_png_per_image(sample, trained_run):
    assert sample("--separate", "--n=13", "--seed=3") == ["wrote samples"]
    paths = sorted(pathlib.Path("samples").iterdir())
    assert [path.name for path in paths] == [f"{i:03d}.png" for i in range(13)]
    images = expected(trained_run, 13, 3)[1]
    for path, image in zip(paths, images, strict=True):
        with PIL.Image.open(path) as picture:
            assert (picture.mode, picture.size, picture.format) == ("L", (28, 28), "PNG")
            assert np.abs(np.asarray(picture) - image * 255.0).max() <= 0.501


@pytest.mark.parametrize(
    ("words", "rows", "cols", "n"),
    [
        ((), 4, 4, 16),
        (("--rows=2", "--cols=3"), 2, 3, 6),
        (("--rows=3",), 3, 4, 12),
        (("--cols=7",), 4, 7, 28),
        (("--n=5",), 2, 3, 5),
        (("--n=7", "--rows=1"), 1, 7, 7),
        (("--n=7", "--cols=2"), 4, 2, 7),
        (("--n=4", "--rows=3", "--cols=3"), 3, 3, 4),
    ],
)
def test_grids(sample, trained_run, tmp_path, words, rows, cols, n):
    sample("--seed=3", *words)
    images = expected(trained_run, n, 3)[1]
    layout = grid_layout(rows, cols)
    with PIL.Image.open("samples.png") as picture:
        got = np.asarray(picture)
    assert got.shape == (layout.height, layout.width, 4)
    # Places that are left over must look like black images.
    filled = np.zeros((rows * cols, 28, 28), np.float32)
    filled[:n] = images
    GridRenderer(rows, cols).save(tmp_path / "oracle.png", filled)
    with PIL.Image.open(tmp_path / "oracle.png") as picture:
        np.testing.assert_array_equal(got, np.asarray(picture))


def test_a_seed_is_drawn_and_printed(sample):
    first, _ = sample("--format=npy", "--out=1.npy")
    second, _ = sample("--format=npy", "--out=2.npy")
    assert first != second
    flag, seed = first.split()[:2]
    assert first == f"--seed {seed} draws these samples again"
    sample("--format=npy", "--out=3.npy", flag, seed)
    one, two, three = (np.load(f"{i}.npy") for i in (1, 2, 3))
    np.testing.assert_array_equal(one, three)
    assert not np.array_equal(one, two)


def test_given_noise(sample, trained_run):
    Z = np.random.RandomState(9).normal(size=[3, Z_DIM])  # float64, and not from the prior
    np.save("z.npy", Z)
    sample("--inputs=z.npy", "--format=npz")
    with Generator.load(trained_run("vanilla")) as generator, np.load("samples.npz") as got:
        np.testing.assert_array_equal(got["Z"], Z.astype(np.float32))
        np.testing.assert_array_equal(got["images"], generator(Z))


@pytest.mark.parametrize("system", ["vanilla", "conv"])
def test_a_walk(sample, trained_run, tmp_path, system):
    lines = sample("--interpolate=4", "--n=3", "--seed=3", "--out=walk.png", system=system)
    assert lines == ["wrote walk.png", "wrote walk.gif"]
    Z, _ = expected(trained_run, 3, 3, system)
    # Normal noise goes along the sphere, uniform noise along the line.
    points = walk(Z, 4, spherical=system == "conv").reshape(8, Z_DIM)
    with Generator.load(trained_run(system)) as generator:
        images = generator(points)
        grey = generator.to_grey(images)
    GridRenderer(2, 4).save(tmp_path / "oracle.png", images)
    assert pathlib.Path("walk.png").read_bytes() == (tmp_path / "oracle.png").read_bytes()
    with PIL.Image.open("walk.gif") as gif:
        assert gif.size == (280, 280)
        frames, duration = [], 0
        for frame in range(gif.n_frames):
            gif.seek(frame)
            frames.append(np.asarray(gif.convert("L")))
            duration += gif.info["duration"]
    # The end of a leg is the start of the next: the same frame, shown twice as long.
    assert (len(frames), duration) == (7, 800)
    for frame, image in zip(frames, np.delete(grey, 4, axis=0), strict=True):
        np.testing.assert_array_equal(frame[5::10, 5::10], image)


def test_more_than_fits_into_memory_is_one_line(fails, elsewhere, monkeypatch):
    monkeypatch.setattr(sample_module, "walk", lambda *of, **how: np.empty(1 << 50))
    status, line = fails("--interpolate=4")
    assert (status, list(elsewhere.iterdir())) == (1, [])
    assert line.startswith("there is not enough memory: Unable to allocate 8.00 PiB")


def test_a_walk_of_a_conditional_system_shows_a_class_per_leg(sample):
    sample("--interpolate=3", "--n=4", "--seed=3", "--format=npz", system="conditional")
    with np.load("samples.npz") as got:
        assert got["classes"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_walk_between_given_points(sample):
    np.save("z.npy", np.array([[0.0] * Z_DIM, [1.0] * Z_DIM]))
    sample("--inputs=z.npy", "--interpolate=5", "--format=npz")
    with np.load("samples.npz") as got:
        np.testing.assert_array_equal(got["Z"], np.repeat([[0, 0.25, 0.5, 0.75, 1]], 5, 0).T)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--class=3"], "--class=3: system vanilla is not conditional; leave it out"),
        (["--n=7", "--rows=2", "--cols=3"], "--n=7 images do not fit into 2 rows of 3"),
        (["--out=s.jpg"], "--out=s.jpg: this command does not write that format; expected"),
        (["--out=s.npy", "--format=png"], "--out=s.npy: the name says npy, but --format says png"),
        (["--separate", "--format=npy"], "--separate writes PNG files; leave out --format"),
        (["--interpolate=3", "--rows=2"], "leave out --rows, --cols and --separate"),
        (["--interpolate=3", "--separate"], "leave out --rows, --cols and --separate"),
        (["--interpolate=3", "--n=1"], "--interpolate needs at least 2 points"),
        (["--interpolate=10001"], "--interpolate=10001: expected at most 10000"),
        (["--interpolate=3", "--out=a.gif"], "give the name of the strip, such as walk.png"),
        (["--inputs=z.npy", "--n=3"], "leave out --seed and --n"),
        (["--inputs=z.npy", "--seed=3"], "leave out --seed and --n"),
        (["--inputs=none.npy"], "--inputs=none.npy cannot be read as a npy file: "),
    ],
)
def test_wrong_usage(fails, elsewhere, words, said):
    status, line = fails(*words)
    assert said in line
    assert status == 2
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((3, 4)), "the noise has shape [3, 4], expected [n, 5]"),
        (np.zeros(5), "the noise has shape [5], expected [n, 5]"),
        (np.zeros((0, 5)), "--inputs=z.npy: it holds no noise vectors"),
        (np.full((1, 5), np.nan), "the noise has values that are not finite"),
        (np.full((1, 5), "x"), "it is <U1 [1, 5], expected numbers"),
        (np.array([[None] * 5]), "--inputs=z.npy cannot be read as a npy file: "),
    ],
)
@pytest.mark.parametrize("more", [[], ["--interpolate=2"]])  # checked before the walk
def test_bad_inputs(fails, array, said, more):
    np.save("z.npy", array, allow_pickle=True)
    status, line = fails("--inputs=z.npy", *more)
    assert said in line
    assert status == 2


def test_given_noise_that_does_not_fit(fails):
    np.save("z.npy", np.zeros((10, Z_DIM)))
    status, line = fails("--inputs=z.npy", "--rows=2", "--cols=2")
    assert (status, "10 images do not fit into 2 rows of 2" in line) == (2, True)


def test_old_labels_are_not_left_beside_new_images(sample, fails):
    labels = pathlib.Path("s-labels-idx1-ubyte")
    sample("--n=4", "--out=s-images-idx3-ubyte", system="conditional")
    before = labels.read_bytes()
    status, line = fails("--n=4", "--out=s-images-idx3-ubyte", "--overwrite")
    assert (status, f"{labels} holds labels" in line) == (2, True)
    assert labels.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"x", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x04\x00abcd"])
def test_inputs_that_are_not_npy(fails, content):
    pathlib.Path("z.npy").write_bytes(content)
    assert "--inputs=z.npy cannot be read as a npy file" in fails("--inputs=z.npy")[1]


def test_inputs_that_are_an_npz(fails):
    np.savez("z.npz", z=np.zeros((1, 5)))
    assert "expected a npy file with one array" in fails("--inputs=z.npz")[1]


def test_a_folder_that_cannot_be_made(fails):
    pathlib.Path("file").write_text("")
    status, line = fails("--separate", "--n=3", "--out=file/below")
    assert line.startswith("cannot write file/below: ")
    assert status == 1


def test_few_large_images_are_in_memory_at_once(sample, monkeypatch):
    words = ("--format=idx", "--n=7", "--seed=3", "--class=all")
    sample(*words, "--out=before", system="conditional")
    rows, to_grey = [], Generator.to_grey

    def counted(generator, images):
        rows.append(len(images))
        return to_grey(generator, images)

    monkeypatch.setattr(generator_module, "BLOCK_VALUES", 4 * 784 - 1)
    monkeypatch.setattr(Generator, "to_grey", counted)
    sample(*words, "--out=after", system="conditional")
    assert rows == [3, 3, 1]
    before, after = (read_images(name).array.astype(int) for name in ("before", "after"))
    # Products of fewer rows may be rounded differently.
    assert np.abs(before - after).max() <= 1


@pytest.mark.parametrize(("form", "z_dim"), [("idx", 5), ("npz", 1000)])
def test_memory_does_not_grow_with_the_images(tmp_path, offline_data_dir, capsys, form, z_dim):
    train(tmp_path / "run", offline_data_dir, iters=1, z_dim=z_dim, h_dim=7, batch_size=11)
    peaks = []
    for n in (1, 4_000, 16_000):
        with peak_memory() as peak:
            words = (f"--format={form}", f"--n={n}", "--seed=3", f"--out={n}")
            success(capsys, "sample", f"--from={tmp_path / 'run'}", *words)
            peaks.append(peak())
    # 12,000 images are 38 MB as float32, and 9 MB as the uint8 that is written; their noise, 1000
    # numbers each, is 48 MB.
    assert peaks[2] - peaks[1] < 5e6
