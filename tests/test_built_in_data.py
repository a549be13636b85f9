"""The built-in data sets other than MNIST: read from published files, or drawn, by name."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import json
import re
import tarfile
import zipfile

import numpy as np
import offline
import PIL.Image
import pytest
from reports import embedded
from serving import served
from test_data_files import contents
from test_data_files import entry as strokes
from test_data_files import never_fetch as never

from vanilla_gan.agreement.compare import compare
from vanilla_gan.agreement.settings import CompareConfig
from vanilla_gan.data import cifar10, emnist, known, points, stacked
from vanilla_gan.data.download import archive, catalog
from vanilla_gan.data.folder import RawData, load_entry
from vanilla_gan.data.known import KNOWN, Known
from vanilla_gan.data.read import read_data_sets, read_digits_to_stack
from vanilla_gan.data.streams import unread
from vanilla_gan.drawing.points import SIDE_PX, PointsRenderer
from vanilla_gan.errors import DataError, DownloadError
from vanilla_gan.generator.generator import Generator
from vanilla_gan.generator.sample import sample
from vanilla_gan.generator.settings import SampleConfig
from vanilla_gan.quality import modes
from vanilla_gan.quality.evaluate import evaluate
from vanilla_gan.quality.settings import EvaluateConfig
from vanilla_gan.quality.table import quality_table
from vanilla_gan.report.report import write_report
from vanilla_gan.report.settings import ReportConfig

SIX = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]


def batches():
    """Returns the files of a small CIFAR-10: file f has f + 3 pictures, but the first has 5,001."""
    stream = np.random.RandomState(4)
    return {
        name: stream.randint(0, 10, (5001 if number == 0 else number + 3, 3073)).astype(np.uint8)
        for number, name in enumerate(SIX)
    }


def tar_of(files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in {"readme.html": b"x", **files}.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def published_as(monkeypatch, module, content, *mirrors):
    """Makes `content` the published archive of the module, at these mirrors; returns its name."""
    made = module.ARCHIVE._replace(
        size=len(content), sha256=hashlib.sha256(content).hexdigest(), mirrors=mirrors
    )
    monkeypatch.setattr(module, "ARCHIVE", made)
    return made.name


def test_cifar10_is_read_from_its_verified_archive(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    files = batches()
    content = tar_of({name: records.tobytes() for name, records in files.items()})
    (tmp_path / "served").mkdir()
    with served(tmp_path / "served") as (address, requests):
        name = published_as(monkeypatch, cifar10, content, address)
        assert name == "cifar-10-binary.tar.gz"
        (tmp_path / "served" / name).write_bytes(content[:-1] + b"?")
        with pytest.raises(DownloadError, match=r"wrong SHA-256: .*\(SHA-256: "):
            cifar10.load(tmp_path)
        assert not (tmp_path / "cifar10" / name).exists()
        (tmp_path / "served" / name).write_bytes(content)
        for _ in range(2):
            raw = cifar10.load(tmp_path)
        assert len(requests) == 2
    train = np.concatenate([files[name] for name in SIX[:5]])
    assert raw.train_images.shape == (5001 + 4 + 5 + 6 + 7, 32, 32, 3)
    for image, record in zip(raw.train_images[4999:], train[4999:], strict=True):
        for colour in range(3):
            plane = record[1 + 1024 * colour :][:1024].reshape(32, 32)
            np.testing.assert_array_equal(image[..., colour], plane)
    np.testing.assert_array_equal(raw.train_labels, train[:, 0])
    np.testing.assert_array_equal(raw.test_labels, files[SIX[5]][:, 0])
    # The data set names its classes, and its checksum is that of IDX files.
    source = read_data_sets("cifar10", tmp_path, np.random.RandomState(0))
    assert (source.class_names[0], source.class_names[9]) == ("airplane", "truck")
    sums = [hashlib.sha256(offline.idx(array)).hexdigest() for array in raw[:4]]
    assert source.checksum == hashlib.sha256("".join(sums).encode()).hexdigest()
    (tmp_path / "cifar10" / name).write_bytes(content[:-1] + b"?")
    with pytest.raises(DataError, match=r"tar.gz is not the published file: expected SHA-256"):
        cifar10.load(tmp_path)


def test_a_tenth_of_a_few_unverified_pictures_is_for_validation(tmp_path):
    home = tmp_path / "cifar10"
    home.mkdir()
    for name, records in batches().items():
        (home / name).write_bytes(records[:4].tobytes())
    splits = read_data_sets("cifar10", tmp_path, unread(), allow_unverified=True).splits
    assert (splits.train.num_examples, splits.validation.num_examples) == (18, 2)


def test_cifar10s_plain_files_are_read_unverified(tmp_path):
    files = batches()
    for folder in ("cifar10", "cifar10/cifar-10-batches-bin"):
        home = tmp_path / folder
        home.mkdir()
        for name, records in files.items():
            (home / name).write_bytes(records.tobytes())
        raw = cifar10.load(tmp_path, allow_unverified=True)
        np.testing.assert_array_equal(raw.test_labels, files[SIX[5]][:, 0])
    for wrong, said in (
        (b"", "has 0 bytes"),
        (files[SIX[5]].tobytes()[:-1], "multiple of 3073"),
        (b"\x0a" + bytes(3072), "has the label 10; expected 0..9"),
        (None, r"cannot read .*test_batch.bin: .* unpacked"),
    ):
        (home / SIX[5]).unlink()
        if wrong is not None:
            (home / SIX[5]).write_bytes(wrong)
        with pytest.raises(DataError, match=said) as caught:
            cifar10.load(tmp_path, allow_unverified=True)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("packed", [True, False], ids=["archive", "files"])
def test_letters_are_upright_and_begin_at_0(tmp_path, monkeypatch, packed):
    stream = np.random.RandomState(5)
    images = stream.randint(0, 256, (9, 28, 28)).astype(np.uint8)
    labels = np.array([1, 26, 3, 4, 5, 6, 7, 8, 9], np.uint8)
    arrays = (images[:7], labels[:7], images[7:], labels[7:])
    home = tmp_path / "emnist_letters"
    home.mkdir()
    files = {
        name: gzip.compress(offline.idx(array))
        for name, array in zip(emnist.FILES, arrays, strict=True)
    }
    if packed:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as zipped:
            for name, file in files.items():
                zipped.writestr(f"gzip/{name}.gz", file)
        assert published_as(monkeypatch, emnist, content.getvalue()) == "gzip.zip"
        (home / "gzip.zip").write_bytes(content.getvalue())
    else:
        for name, file in files.items():
            (home / f"{name}.gz").write_bytes(file)
    raw = emnist.load(tmp_path, allow_unverified=not packed)
    for image, found in zip(images[:7], raw.train_images, strict=True):
        np.testing.assert_array_equal(found, image.T)
    assert raw.train_labels.tolist() == [0, 25, 2, 3, 4, 5, 6]
    assert [KNOWN["emnist_letters"].names[label] for label in raw.train_labels[:2]] == ["A", "Z"]
    if not packed:
        (home / f"{emnist.FILES[1]}.gz").write_bytes(offline.idx(labels[:7] - 1))
        with pytest.raises(DataError, match="one label, 1 to 26, for each"):
            emnist.load(tmp_path, allow_unverified=True)
        (home / f"{emnist.FILES[1]}.gz").unlink()
        with pytest.raises(DataError, match=f"lacks {emnist.FILES[1]}; "):
            emnist.load(tmp_path, allow_unverified=True)


def test_checksums_of_the_gzipped_files(tmp_path, monkeypatch):
    """For Kuzushiji-MNIST, the catalog has the checksums of the gzipped files, not the unpacked."""
    monkeypatch.setenv("no_proxy", "*")
    arrays = [np.full(shape, 3, np.uint8) for shape in ((5003, 4, 6), (5003,), (2, 4, 6), (2,))]
    files = {
        name: gzip.compress(offline.idx(array), mtime=1)
        for name, array in zip(catalog.FILE_NAMES, arrays, strict=True)
    }
    (tmp_path / "served").mkdir()
    for name, content in files.items():
        (tmp_path / "served" / f"{name}.gz").write_bytes(content)
    known = tuple(
        catalog.DataFile(name, len(content), hashlib.sha256(content).hexdigest(), packed=True)
        for name, content in files.items()
    )
    with served(tmp_path / "served") as (address, requests):
        entry = catalog.DataSetEntry("kana", "Kana", known, (address,))
        raw = load_entry(entry, tmp_path)
        assert len(requests) == 4
    np.testing.assert_array_equal(raw.test_images, arrays[2])
    # It is found in another program's folder, by the same checksums, even beside unpacked files.
    (tmp_path / "kana").rename(tmp_path / "KMNIST")
    for name, content in files.items():
        (tmp_path / "KMNIST" / name).write_bytes(gzip.decompress(content))
    said = []
    load_entry(entry, tmp_path, fetch=never, inform=said.append)
    assert [line.startswith("found Kana's ") for line in said] == [True] * 4
    for name in files:
        (tmp_path / "KMNIST" / name).unlink()
    (tmp_path / "KMNIST").rename(tmp_path / "kana")
    path = tmp_path / "kana" / f"{catalog.TEST_IMAGES}.gz"
    path.write_bytes(gzip.compress(offline.idx(arrays[2]), mtime=2))
    with pytest.raises(DataError, match=r"expected SHA-256 \w+ of the gzipped file, got"):
        load_entry(entry, tmp_path, fetch=never)
    # Files of another data set are called by its name, and the user is not told to delete them.
    monkeypatch.setitem(catalog.CATALOG, "strokes", strokes())
    path.write_bytes(gzip.compress(contents()[catalog.TEST_IMAGES]))
    path.with_name(f"{catalog.TEST_LABELS}.gz").write_bytes(
        gzip.compress(contents()[catalog.TEST_LABELS])
    )
    with pytest.raises(DataError, match=r"but Strokes's \(--dataset strokes\)") as caught:
        load_entry(entry, tmp_path, fetch=never)
    assert "delete" not in str(caught.value)
    monkeypatch.setitem(catalog.CATALOG, "kana", entry)
    (tmp_path / "kana").rename(tmp_path / "KMNIST")
    said = []
    with pytest.raises(DownloadError, match="no mirror"):
        load_entry(strokes(), tmp_path, inform=said.append)
    assert any(f"not Strokes's {catalog.TRAIN_LABELS} but Kana's" in line for line in said)


# --- what is drawn


@pytest.mark.parametrize("name", points.MIXTURES)
def test_points_lie_around_their_centres(name):
    raw = points.draw(name)
    centres = {
        "ring8": [(np.cos(np.pi * k / 4), np.sin(np.pi * k / 4)) for k in range(8)],
        "grid25": [(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)],
    }[name]
    half, sigma = {"ring8": (1.1, 0.01), "grid25": (4.4, 0.05)}[name]
    assert (raw.train_images.shape, raw.test_images.shape) == ((105_000, 1, 2), (10_000, 1, 2))
    unit = raw.train_images.reshape(-1, 2) / 255
    off = (2 * unit - 1) * half - np.array(centres)[raw.train_labels]
    # Rounding to a byte adds a variance of a twelfth of the squared step.
    expected = np.hypot(sigma, 2 * half / 255 / 12**0.5)
    np.testing.assert_allclose(off.std(axis=0), expected, rtol=0.02)
    assert np.abs(off).max() < 6 * sigma
    assert np.ptp(np.bincount(raw.train_labels)) <= 1
    # Runs that were trained on these points have recorded the checksum.
    assert raw.checksum[:8] == {"ring8": "7fd89014", "grid25": "d6430d29"}[name]


def test_stacked_digits_are_three_of_the_same_split():
    stream = np.random.RandomState(6)
    images = stream.randint(0, 256, (60, 3, 5)).astype(np.uint8)
    labels = (np.arange(60) % 10).astype(np.uint8)
    digits = RawData(images[:40], labels[:40], images[40:], labels[40:], "", {})
    raw = stacked.stack(digits)
    assert (raw.train_images.shape, raw.test_images.shape) == ((40, 3, 5, 3), (20, 3, 5, 3))
    row_of = {image.tobytes(): row for row, image in enumerate(images)}
    for stack, rows, shown in (
        (raw.train_images, range(40), raw.train_labels),
        (raw.test_images, range(40, 60), raw.test_labels),
    ):
        found = np.array([[row_of[i[..., colour].tobytes()] for colour in range(3)] for i in stack])
        assert {*found.ravel()} <= {*rows}
        assert len({tuple(three) for three in found}) > 15
        np.testing.assert_array_equal(labels[found[:, 0]], shown)
    assert stacked.stack(digits).checksum == raw.checksum
    colours = np.zeros((40, 3, 5, 3), np.uint8)
    with pytest.raises(DataError, match="drawn from grey images"):
        stacked.stack(digits._replace(train_images=colours))


def test_a_run_on_stacked_digits_keeps_those_that_it_began_with(tmp_path, monkeypatch):
    """It began offline, on the built-in digits; by now MNIST is there."""
    labels = np.arange(20, dtype=np.uint8) % 10
    published, built_in = (
        RawData(images, labels, images, labels, "", {}, 4)
        for images in (np.full((20, 3, 5), grey, np.uint8) for grey in (1, 2))
    )

    def unreachable(*request):
        raise DownloadError("no network")

    monkeypatch.setattr(known, "_published", unreachable)
    monkeypatch.setattr(known, "_digits", lambda *request: built_in)
    read = functools.partial(read_data_sets, "stacked_mnist", tmp_path, unread(), train_examples=16)
    begun = read().checksum
    monkeypatch.setattr(known, "_published", lambda *request: published)
    assert read(checksum=begun).checksum == begun
    assert read_digits_to_stack(tmp_path, checksum=begun).name == "digits"
    assert read().checksum != begun
    assert read(checksum=read().checksum).checksum != begun


def test_auto_falls_back_from_mnist_to_the_built_in_digits(tmp_path, monkeypatch):
    labels = np.arange(20, dtype=np.uint8) % 10
    images = np.zeros((20, 28, 28), np.uint8)
    data = RawData(images, labels, images, labels, "", {}, 4)

    def unreachable(request):
        raise DownloadError("no network")

    def read():
        said = []
        found = read_data_sets("auto", tmp_path, unread(), inform=said.append)
        return found.name, said

    monkeypatch.setitem(KNOWN, "digits", Known(lambda request: data))
    monkeypatch.setitem(KNOWN, "mnist", Known(lambda request: data))
    assert read() == ("mnist", [])
    monkeypatch.setitem(KNOWN, "mnist", Known(unreachable))
    name, said = read()
    assert name == "digits"
    assert said[1:3] == [
        "WARNING: this run does NOT train on MNIST but on the built-in digits.",
        "no network",
    ]


def test_modes_by_hand():
    ring = points.MIXTURES["ring8"]
    # Two points near centre 0, one just beyond three sigma of it, and one near centre 2.
    where = np.array([(1.0, 0.0), (1.0, 0.029), (1.0, 0.031), (0.0, 1.01)])
    found = modes.point_modes((where / 1.1 + 1) / 2, ring)
    assert (found.covered, found.total, found.high_quality) == (2, 8, 0.75)
    assert found.kl_nats == pytest.approx(0.75 * np.log(0.75 * 8) + 0.25 * np.log(0.25 * 8))
    # Points beyond three sigma cover no centre, not even the nearest.
    assert modes.point_modes(np.full((5, 2), 0.5), ring).covered == 0
    images = np.zeros((4, 2, 2, 3), np.float32)
    images[:, 0, 0] = [(0.1, 0.2, 0.3), (0.1, 0.2, 0.3), (0.3, 0.2, 0.1), (0.9, 0.0, 0.9)]
    found = modes.stacked_modes(
        images.reshape(4, -1), lambda grey: np.rint(10 * grey.max(axis=1)).astype(int)
    )
    assert (found.covered, found.total, found.high_quality) == (3, 1000, None)
    assert found.kl_nats == pytest.approx(0.5 * np.log(500) + 2 * 0.25 * np.log(250))


def test_a_plot_of_points():
    picture = PointsRenderer(3, -1.0, 1.0).draw(np.array([(1.0, -1.0), (0.0, 0.0), (9.0, 0.0)]))
    assert (picture.shape, picture.dtype) == ((SIDE_PX, SIDE_PX, 4), np.uint8)
    rows, columns = np.nonzero(picture[1:-1, 1:-1, 0] < 255)
    # The first value is across, the second up; points outside are drawn at the edge.
    seen = {(row // 100, column // 100) for row, column in zip(rows, columns, strict=True)}
    assert seen == {(3, 3), (1, 1), (1, 3)}
    assert picture[SIDE_PX // 2, SIDE_PX // 2, 0] < 160
    for wrong in (np.zeros((4, 2)), np.full((3, 2), np.nan)):
        with pytest.raises(ValueError, match="samples must"):
            PointsRenderer(3).draw(wrong)


@pytest.mark.parametrize(
    ("name", "system"),
    [("ring8", "layers"), pytest.param("stacked_mnist", "vanilla", marks=pytest.mark.slow)],
)
def test_a_run_from_the_first_iteration_to_its_modes(
    name, system, twenty_images, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(points, "TRAIN", 5800)
    monkeypatch.setattr(points, "TEST", 24)
    monkeypatch.setattr(modes, "STACKED_SAMPLES", 40)
    sizes = {"z_dim": 5, "h_dim": 7, "batch_size": 8, "sample_every": 1, "seed": 1}
    given = {"dataset": name, "system": system, "iters": 2, **sizes}
    run = offline.train(tmp_path / "out", twenty_images, **given)
    assert np.isfinite(run.losses()).all()
    with PIL.Image.open(run.out / "001.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    if name == "ring8":
        assert pixels.shape == (SIDE_PX, SIDE_PX, 3)
        # A thousand samples are near the middle, because the weights are still small.
        assert 5 < np.count_nonzero(pixels[1:-1, 1:-1, 0] < 255) < 30_000
    facts = {fact.what: fact for fact in compare(CompareConfig(source="out")).facts}
    assert facts["picture size"].passed
    assert facts["tile positions"].passed
    lines = []
    page = write_report(ReportConfig(source="out"), lines.append)
    assert [line for line in lines if "warning" in line] == []
    none = re.search("null, ?null, ?null, ?null", page.read_text())
    assert (none is not None) == (name == "ring8")
    shown = embedded(page.read_text())
    assert shown["pictures"]["samples"] == (1000 if name == "ring8" else 16)
    # A plot has no statistics; instead, the page says what it shows.
    assert (shown["names"] == []) == (name == "ring8")
    assert ("Each sample is a point" in page.read_text()) == (name == "ring8")
    sample(SampleConfig(source="out", out="samples.png", n=50, seed=1), lines.append)
    with PIL.Image.open("samples.png") as picture:
        assert (picture.size == (SIDE_PX, SIDE_PX)) == (name == "ring8")
        if name == "ring8":
            with Generator.load("out") as generator:
                drawn = PointsRenderer(50, -1.0).draw(generator(generator.sample_Z(50, 1)))
            # Exactly 50 points, and none for tiles that a grid would leave empty.
            np.testing.assert_array_equal(np.asarray(picture.convert("RGBA")), drawn)
    config = EvaluateConfig(source="out", data_dir=str(twenty_images), neighbours="pairs.png")
    found = json.loads(json.dumps(evaluate(config, lines.append)))
    assert found["modes"]["samples"]["total"] == {"ring8": 8}.get(name, 1000)
    real = found["modes"]["real images"]
    if name == "ring8":
        assert real["covered"] == 8
        assert real["high_quality"] > 0.9
        assert real["kl_nats"] < 0.05
    covered = found["modes"]["samples"]["covered"]
    assert f"modes                {covered} of " in quality_table(found)


def test_the_error_for_a_missing_archive_says_where_to_put_it(tmp_path):
    lost = archive.Archive("lost", "a.zip", 3, "0" * 64, ())
    with pytest.raises(DownloadError, match=r"put it at .*lost/a.zip \(SHA-256: 000"):
        archive.verified(lost, tmp_path)
    assert not any(tmp_path.iterdir())
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost" / "a.zip").write_bytes(b"four")
    with pytest.raises(DataError, match=r"a.zip is not the published file"):
        archive.verified(lost, tmp_path)
