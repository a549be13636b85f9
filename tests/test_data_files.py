"""Tests of a data set's folder: finding, downloading, verifying and reading its four files."""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import unicodedata

import numpy as np
import pytest
from offline import idx
from serving import served

from vanilla_gan.data.classes import Classes, read_class_names
from vanilla_gan.data.download import catalog
from vanilla_gan.data.download.download import fetch
from vanilla_gan.data.finding import find
from vanilla_gan.data.folder import load_entry, read_folder
from vanilla_gan.errors import DataError, DownloadError

TRAIN_SIZE = 5003
TEST_SIZE = 7


@functools.cache
def arrays():
    """Returns 5003 training and 7 test images with labels, in the order of `catalog.FILE_NAMES`."""
    stream = np.random.RandomState(3)
    # Few values, so that gzip is quick.
    images = stream.randint(0, 2, (TRAIN_SIZE + TEST_SIZE, 28, 28)).astype(np.uint8) * 255
    labels = stream.randint(0, 10, TRAIN_SIZE + TEST_SIZE).astype(np.uint8)
    return images[:TRAIN_SIZE], labels[:TRAIN_SIZE], images[TRAIN_SIZE:], labels[TRAIN_SIZE:]


def contents():
    return dict(zip(catalog.FILE_NAMES, map(idx, arrays()), strict=True))


def entry(*mirrors):
    """Returns the catalog's entry for `arrays()`."""
    files = tuple(
        catalog.DataFile(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in contents().items()
    )
    return catalog.DataSetEntry("strokes", "Strokes", files, mirrors)


@pytest.fixture
def data_dir(tmp_path):
    """Returns a folder with the data set: two files plain, two gzipped."""
    (tmp_path / "strokes").mkdir()
    for number, (name, content) in enumerate(contents().items()):
        if number % 2:
            (tmp_path / "strokes" / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (tmp_path / "strokes" / name).write_bytes(content)
    return tmp_path


def never_fetch(*_, **__):
    raise AssertionError("downloaded, though nothing may be")


def put(data_dir, name, array):
    """Replaces one file of the data set; returns its path."""
    path = data_dir / "strokes" / name
    path.write_bytes(idx(array))
    return path


def failure(data_dir, **kwargs):
    with pytest.raises(DataError) as caught:
        load_entry(entry(), data_dir, fetch=never_fetch, **kwargs)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_loads_four_verified_arrays(data_dir):
    raw = load_entry(entry(), data_dir, fetch=never_fetch)
    for got, expected in zip(raw[:4], arrays(), strict=True):
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got, expected)
    sums = [hashlib.sha256(content).hexdigest() for content in contents().values()]
    assert raw.files == dict(zip(catalog.FILE_NAMES, sums, strict=True))
    assert raw.checksum == hashlib.sha256("".join(sums).encode()).hexdigest()


def test_the_checksum_names_the_data_not_their_compression(data_dir):
    before = read_folder(data_dir / "strokes").checksum
    plain = data_dir / "strokes" / catalog.TRAIN_IMAGES
    gzipped = plain.with_name(f"{plain.name}.gz")
    gzipped.write_bytes(gzip.compress(plain.read_bytes(), compresslevel=1))
    plain.unlink()
    assert read_folder(data_dir / "strokes").checksum == before
    put(data_dir, catalog.TEST_LABELS, (arrays()[3] + 1) % 10)
    assert read_folder(data_dir / "strokes").checksum != before


def test_a_plain_file_comes_before_a_gzipped_one(tmp_path):
    (tmp_path / "file.gz").touch()
    assert find(tmp_path, "file") == tmp_path / "file.gz"
    (tmp_path / "file").touch()
    assert find(tmp_path, "file") == tmp_path / "file"
    assert find(tmp_path, "other") is None


def test_the_error_for_a_wrong_checksum_has_both_remedies(data_dir):
    images = arrays()[0].copy()
    images[4999, 27, 27] ^= 1
    path = put(data_dir, catalog.TRAIN_IMAGES, images)
    line = failure(data_dir)
    assert line.startswith(f"{path} is not the published file")
    assert f"expected SHA-256 {entry().files[0].sha256}" in line
    assert f"got {hashlib.sha256(idx(images)).hexdigest()}" in line
    assert "delete it" in line
    assert "--allow_unverified_data" in line


def test_a_file_with_more_images_need_not_be_deleted(data_dir):
    put(data_dir, catalog.TRAIN_IMAGES, np.zeros((TRAIN_SIZE + 1, 28, 28), np.uint8))
    line = failure(data_dir)
    assert "is too large" in line
    assert "--allow_unverified_data" in line


def test_own_images_are_accepted_when_asked_for(data_dir):
    images = np.zeros((5001, 28, 28), np.uint8)
    put(data_dir, catalog.TRAIN_IMAGES, images)
    put(data_dir, catalog.TRAIN_LABELS, np.zeros(5001, np.uint8))
    raw = load_entry(entry(), data_dir, allow_unverified=True, fetch=never_fetch)
    np.testing.assert_array_equal(raw.train_images, images)
    assert raw.files[catalog.TRAIN_IMAGES] == hashlib.sha256(idx(images)).hexdigest()


def test_own_images_are_not_completed_with_downloaded_files(data_dir):
    (data_dir / "strokes" / catalog.TEST_IMAGES).unlink()
    assert f"lacks {catalog.TEST_IMAGES};" in failure(data_dir, allow_unverified=True)


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        (catalog.TRAIN_IMAGES, np.zeros((5003, 28, 32), np.uint8), "28x28 pixels; expected 28x32"),
        (catalog.TEST_IMAGES, np.zeros((7, 27, 28), np.uint8), "27x28 pixels; expected 28x28"),
        (catalog.TEST_IMAGES, np.zeros((7, 28, 28, 3), np.uint8), "28x28x3 pixels; expected 28x28"),
        (catalog.TRAIN_IMAGES, np.zeros((5002, 28, 28), np.uint8), "5002 images, but .* 5003"),
        (catalog.TRAIN_LABELS, np.zeros(5004, np.uint8), "5003 images, but .* 5004"),
        (catalog.TEST_LABELS, np.zeros(6, np.uint8), "7 images, but .* 6"),
        (catalog.TRAIN_IMAGES, np.zeros((5003, 784), np.uint8), "magic number 0x00000803"),
    ],
)
def test_own_images_must_fit(data_dir, name, array, said):
    # `put` writes a plain file, which is read even if there is a gzipped one.
    put(data_dir, name, array)
    with pytest.raises(DataError, match=said):
        load_entry(entry(), data_dir, allow_unverified=True, fetch=never_fetch)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "it is a list, expected an object"),
        ("{", "Expecting property name"),
        ('{"classes": {"a": {"name": "x"}}}', "a key of classes is "),
        ('{"classes": {"0": {"name": ""}}}', "classes.0.name is "),
        ('{"classes": {"0": {"name": 3}}}', "classes.0.name is 3, expected a name"),
        ('{"classes": {"0": {"name": "x"}, "1": {"name": "x"}}}', "the same name or label"),
        ('{"classes": {"0": {"name": "x"}, "00": {"name": "y"}}}', "the same name or label"),
        ("[" * 100_000, "nested"),
        ('{"classes": {}, "skipped": "' + "x" * (1 << 22) + '"}', "bytes, expected at most"),
        (None, "it is a folder"),
    ],
)
def test_names_of_classes_that_cannot_be_used_are_passed_over(tmp_path, text, said):
    path, lines = tmp_path / "classes.json", []
    assert read_class_names(tmp_path, lines.append) == {}
    assert lines == []
    path.mkdir() if text is None else path.write_text(text)
    assert read_class_names(tmp_path, lines.append) == {}
    (line,) = lines
    assert line.startswith(f"warning: {path} cannot be used: ")
    assert said in line


def test_the_validation_split_must_leave_something(data_dir):
    put(data_dir, catalog.TRAIN_IMAGES, np.zeros((0, 28, 28), np.uint8))
    put(data_dir, catalog.TRAIN_LABELS, np.zeros(0, np.uint8))
    assert failure(data_dir, allow_unverified=True)


def test_all_missing_files_are_listed(tmp_path):
    line = failure(tmp_path, allow_unverified=True)
    assert str(tmp_path / "strokes") in line
    assert all(name in line for name in catalog.FILE_NAMES)


def test_downloads_what_is_missing_and_only_that(data_dir, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    folder = tmp_path_factory.mktemp("served")
    for name, content in contents().items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=1))
    (data_dir / "strokes" / catalog.TRAIN_IMAGES).unlink()
    (data_dir / "strokes" / f"{catalog.TEST_LABELS}.gz").unlink()
    with served(folder) as (address, requests):
        raw = load_entry(entry(address), data_dir)
        again = load_entry(entry(address), data_dir)
    assert requests == [f"/{catalog.TRAIN_IMAGES}.gz", f"/{catalog.TEST_LABELS}.gz"]
    np.testing.assert_array_equal(raw.train_images, arrays()[0])
    assert raw.checksum == again.checksum


# --- Names and folders of other programs.


@pytest.mark.parametrize("folder", ["", "MNIST", "MNIST/raw", "fashion-mnist", "FashionMNIST/raw"])
@pytest.mark.parametrize("dotted", [False, True])
def test_files_are_found_where_other_programs_put_them(tmp_path, folder, dotted):
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for number, (name, content) in enumerate(contents().items()):
        if dotted:
            # Some archives also unpack each file into a folder of its own.
            (tmp_path / folder / name).mkdir()
            (tmp_path / folder / name.replace("-idx", ".idx")).write_bytes(content)
        elif number % 2:
            (tmp_path / folder / f"{name}.gz").write_bytes(gzip.compress(content, 1))
        else:
            (tmp_path / folder / name).write_bytes(content)
    said = []
    raw = load_entry(entry(), tmp_path, fetch=never_fetch, inform=said.append)
    np.testing.assert_array_equal(raw.train_images, arrays()[0])
    assert len(said) == 4
    assert all(line.startswith("found Strokes's ") for line in said)
    # Nothing was copied, and no folder was made.
    assert not (tmp_path / "strokes").exists()


def test_other_files_of_these_names_are_passed_over(tmp_path):
    for folder, shift in (("", 1), ("mnist", 0)):
        (tmp_path / folder).mkdir(exist_ok=True)
        for name, array in zip(catalog.FILE_NAMES, arrays(), strict=True):
            (tmp_path / folder / name).write_bytes(idx((array + shift) % 10))
    # Modulo 10, the pixels 0 and 255 become 0 and 5, so no images are the entry's.
    said = []
    with pytest.raises(DownloadError, match="no mirror"):
        load_entry(entry(), tmp_path, inform=said.append)
    assert sum(line.startswith("passed over ") for line in said) == 6
    assert sum(line.startswith("found ") for line in said) == 2


def test_data_in_the_folder_of_another_set(data_dir, monkeypatch):
    monkeypatch.setitem(catalog.CATALOG, "strokes", entry())
    (data_dir / "strokes").rename(data_dir / "mnist")
    said = []
    load_entry(entry(), data_dir, fetch=never_fetch, inform=said.append)
    assert [str(data_dir / "mnist") in line for line in said] == [True] * 4
    with pytest.raises(DataError) as caught:
        load_entry(catalog.CATALOG["mnist"], data_dir, fetch=never_fetch)
    # They are another data set, so the user is not told to delete them.
    assert "is not the published file but Strokes's (--dataset strokes)" in str(caught.value)
    assert "delete" not in str(caught.value)


def test_a_failed_download_leaves_no_folder_and_names_every_file(tmp_path):
    with pytest.raises(DownloadError) as caught:
        load_entry(entry(), tmp_path / "new" / "data")
    assert all(name in str(caught.value) for name in catalog.FILE_NAMES)
    assert list(tmp_path.iterdir()) == []


def test_stops_at_the_first_file_that_no_mirror_has(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    said = f"{catalog.TRAIN_IMAGES}.gz: HTTP 404"
    with served(tmp_path) as (address, requests), pytest.raises(DownloadError, match=said):
        load_entry(entry(address), tmp_path, fetch=functools.partial(fetch, retries=0))
    assert requests == [f"/{catalog.TRAIN_IMAGES}.gz"]


def test_a_data_dir_that_cannot_take_a_download(tmp_path):
    (tmp_path / "strokes").write_bytes(b"in the way")
    with pytest.raises(DownloadError, match=r"cannot store .*strokes.*--data_dir"):
        load_entry(entry("http://127.0.0.1:9/"), tmp_path)


@pytest.mark.parametrize("data_set", catalog.CATALOG.values(), ids=str)
def test_the_catalog_is_complete(data_set):
    assert tuple(file.name for file in data_set.files) == catalog.FILE_NAMES
    # 60,000 and 10,000 images of 28 x 28 after 16 bytes, and their labels after 8.
    assert data_set.files[0].packed or [file.size for file in data_set.files] == [
        47_040_016,
        60_008,
        7_840_016,
        10_008,
    ]
    assert len({file.sha256 for file in data_set.files}) == 4
    assert all(len(bytes.fromhex(file.sha256)) == 32 for file in data_set.files)
    assert len(data_set.mirrors) >= 2
    assert all(address.endswith("/") for address in data_set.mirrors)


@pytest.mark.parametrize(("name", "mean"), [("mnist", 0.1307), ("fashion_mnist", 0.2860)])
def test_the_real_data(real_data_dir, name, mean):
    raw = load_entry(catalog.CATALOG[name], real_data_dir, fetch=never_fetch)
    assert raw.train_images.shape == (60000, 28, 28)
    assert raw.test_images.shape == (10000, 28, 28)
    assert raw.train_labels.shape == (60000,)
    assert raw.test_labels.shape == (10000,)
    # The mean that is commonly used to normalise these images.
    assert round(float(raw.train_images.mean()) / 255, 4) == mean


@pytest.mark.parametrize("name", ["V\u00f6gel", "rose\u00a0rouge", "\u0645\u200c\u0641"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_class_is_found_by_its_name_as_it_is_typed(tmp_path, name, form):
    """Folders from a Mac have decomposed names; joiners and such are stored as their codes."""
    stored = {"classes": {"0": {"name": unicodedata.normalize(form, name)}}}
    (tmp_path / "classes.json").write_text(json.dumps(stored))
    names = read_class_names(tmp_path, pytest.fail)
    assert Classes(1, [0], [names[0]]).label(name) == 0
