"""Tests of `import_images` from a file of many images: arrays, IDX files, CSV; their failures."""

from __future__ import annotations

import gzip
import io
import re

import numpy as np
import pytest
from mutants import npy
from offline import any_idx
from own_pictures import labelled, labelled_of, noise, run_import, saved
from processes import peak_memory

from vanilla_gan.data.pictures import table
from vanilla_gan.data.pictures.any_idx import read_any_idx
from vanilla_gan.data.pictures.origin import imported_from, origin_of
from vanilla_gan.data.pictures.picture import Fitting, read_picture
from vanilla_gan.data.pictures.table import read_table
from vanilla_gan.data.read import read_data_sets
from vanilla_gan.data.streams import unread
from vanilla_gan.errors import DataError

IMAGES, AS_MNIST = noise(6, 9, 13), noise(6, 28, 28)
KNOWN = np.array([3, 3, 8, 0, 8, 3])


def with_byte(place: int, value: int) -> bytes:
    """Returns an npz file with one byte changed in both headers of its entry.

    Place 0 holds the flags, where 1 means encrypted; place 2 holds the compression method.
    """
    stream = io.BytesIO()
    np.savez(stream, x=IMAGES)
    content = bytearray(stream.getvalue())
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + flags + place] = value
    return bytes(content)


HEADER = npy(IMAGES)
# It claims far more images than there is memory for.
LARGER = HEADER.replace(b"(6, 9, 13)", b"(9999999999999, 9, 13)").replace(b" " * 12, b"", 1)


def csv(images: np.ndarray, labels: np.ndarray | None, header: bool) -> str:
    rows = images.reshape(len(images), -1).tolist()
    if labels is not None:
        rows = [[label, *row] for label, row in zip(labels.tolist(), rows, strict=True)]
    names = "label," * (labels is not None) + ",".join(f"p{k}" for k in range(images[0].size))
    return (names + "\n") * header + "".join(",".join(map(str, row)) + "\n" for row in rows)


@pytest.mark.parametrize("labels", ["qmnist", "float", "flat", "twice", None])
def test_what_the_trainer_cannot_read_is_sent_to_import_images(tmp_path, labels):
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
    with pytest.raises(DataError, match=r"; or let \./run\.sh import_images make all ") as raised:
        read_data_sets("mnist", tmp_path, unread(), allow_unverified=True)
    assert "\n" not in str(raised.value)
    run_import(home / "train-images-idx3-ubyte", tmp_path / "new" / "mnist", repeat=True)
    source = read_data_sets("mnist", tmp_path / "new", unread(), allow_unverified=True)
    assert source.splits.train.shape == (28, 28, 1)
    assert source.splits.train.num_classes == (1 if labels is None else 3)


@pytest.mark.parametrize(
    ("images", "labels", "packed", "names"),
    [
        # EMNIST's letters, QMNIST's labels, floats, flat images, twice in gzip, no labels.
        (AS_MNIST, KNOWN + 18, 1, ("e-train-images-idx3-ubyte.gz", "-idx1-ubyte.gz")),
        (AS_MNIST, np.stack([KNOWN, KNOWN + 400], 1), 0, ("q-images-idx3-ubyte", "-idx2-int")),
        (AS_MNIST / np.float32(255), KNOWN, 0, ("f-images.idx", ".idx")),
        (AS_MNIST.reshape(6, 784), KNOWN, 2, ("flat-images-idx2-ubyte.gz", "-idx1-ubyte.gz")),
        (AS_MNIST, None, 2, ("own-idx3-ubyte.gz", "")),
    ],
)
def test_idx_files_of_other_data_sets(tmp_path, images, labels, packed, names):
    name, ending = names
    contents = {name: any_idx(images)}
    if labels is not None:
        kind = np.uint8 if labels.ndim == 1 else np.int32
        contents[f"{name.partition('images')[0]}labels{ending}"] = any_idx(labels.astype(kind))
    for each, content in contents.items():
        for _ in range(packed):
            content = gzip.compress(content)
        (tmp_path / each).write_bytes(content)
    run_import(tmp_path / name, tmp_path / "mnist", repeat=True, transpose=True)
    first = np.zeros(6, int) if labels is None else labels.reshape(6, -1)[:, 0]
    assert labelled_of(tmp_path / "mnist") == labelled(AS_MNIST.swapaxes(1, 2), first)


def test_labels_added_later_are_a_change(tmp_path):
    (tmp_path / "t-images.idx").write_bytes(any_idx(AS_MNIST))
    run_import(tmp_path / "t-images.idx", tmp_path / "birds")
    known = imported_from(tmp_path / "birds")
    assert known == origin_of(tmp_path / "t-images.idx")
    (tmp_path / "t-labels.idx").write_bytes(any_idx(KNOWN.astype(np.uint8)))
    assert known["sha256"] != origin_of(tmp_path / "t-images.idx")["sha256"]


def test_an_archive_is_not_unpacked_into_all_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "MAX_BYTES", 1 << 20)
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((4, 1000, 1000), np.uint8))
    with peak_memory() as peak:
        with pytest.raises(DataError, match="its arrays take more than 1048576 bytes"):
            read_table(tmp_path / "x.npz", Fitting("contain", 0, False))
        assert peak() < 1 << 20
    np.savez(tmp_path / "y.npz", x=np.zeros((4, 1000, 1000), np.uint8))
    assert len(read_table(tmp_path / "y.npz", Fitting("contain", 0, False)).images) == 4


def test_gzip_is_unpacked_twice_at_most(tmp_path):
    """There are files that unpack to themselves."""
    content = any_idx(AS_MNIST)
    for _ in range(3):
        content = gzip.compress(content)
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match="begins with 1f8b"):
        read_any_idx(tmp_path / "x")


def test_labels_are_found_beside_a_folder_of_their_name(tmp_path):
    (tmp_path / "train-labels-idx1-ubyte").mkdir()
    (tmp_path / "train-images.idx3-ubyte").write_bytes(any_idx(AS_MNIST))
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(any_idx(KNOWN.astype(np.uint8)))
    table = read_table(tmp_path / "train-images.idx3-ubyte", Fitting("contain", 0, False))
    np.testing.assert_array_equal(table.labels, KNOWN)


def test_the_labels_of_the_same_part_are_taken(tmp_path):
    (tmp_path / "images-train.idx").write_bytes(any_idx(AS_MNIST))
    (tmp_path / "labels-train.idx").write_bytes(any_idx(KNOWN.astype(np.uint8)))
    (tmp_path / "labels-test.idx").write_bytes(any_idx(KNOWN[::-1].astype(np.uint8)))
    (tmp_path / "labels-train.csv").write_text("no IDX file")
    table = read_table(tmp_path / "images-train.idx", Fitting("contain", 0, False))
    np.testing.assert_array_equal(table.labels, KNOWN)


@pytest.mark.parametrize("content", [b"xx", None])
def test_damaged_labels_are_named(tmp_path, content):
    images, labels = tmp_path / "t-images.idx", tmp_path / "t-labels.idx"
    images.write_bytes(any_idx(AS_MNIST))
    labels.symlink_to("gone") if content is None else labels.write_bytes(content)
    with pytest.raises(DataError, match=r"t-images\.idx: its file of labels, .*t-labels\.idx: "):
        read_table(images, Fitting("contain", 0, False))


def test_labels_in_the_last_column(tmp_path):
    """As in OpenML's file of MNIST, whose first line says so."""
    rows = np.column_stack([AS_MNIST.reshape(6, -1), KNOWN]).tolist()
    head = [*(f"pixel{k}" for k in range(1, 785)), '"class"']
    lines = [",".join(map(str, line)) for line in (head, *rows)]
    (tmp_path / "x.csv").write_text("\r\n".join(lines))
    table = read_table(tmp_path / "x.csv", Fitting("contain", 0, False))
    np.testing.assert_array_equal(table.images, AS_MNIST)
    np.testing.assert_array_equal(table.labels, KNOWN)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("inf", "range from 0 to inf, expected 0 to 255; replace those that are not finite"),
        ("nan", "range from nan to nan, expected 0 to 255; replace those that are not finite"),
        ("1e30", "range from 0 to 1e+30, expected 0 to 255; if none is negative, set the value of"),
    ],
)
def test_numbers_that_are_no_greys(tmp_path, value, said):
    (tmp_path / "x.csv").write_text(f"1,0,0,0,{value}\n")
    with pytest.raises(DataError, match=re.escape(said)):
        read_table(tmp_path / "x.csv", Fitting("contain", 0, False))


@pytest.mark.parametrize(
    ("name", "write", "labels"),
    [
        ("x.npy", lambda p: np.save(p, AS_MNIST), [0] * 6),
        ("x.npy", lambda p: np.save(p, AS_MNIST.reshape(6, 784)), [0] * 6),
        ("x.npy", lambda p: np.save(p, AS_MNIST[..., None] / np.float32(255)), [0] * 6),
        ("x.npz", lambda p: np.savez(p, x=AS_MNIST, y=KNOWN[:, None]), KNOWN),
        ("x.npz", lambda p: np.savez(p, images=AS_MNIST, labels=KNOWN), KNOWN),
        ("x.npz", lambda p: np.savez(p, X=AS_MNIST, Y=KNOWN), KNOWN),
        ("x.npz", lambda p: np.savez(p, x=AS_MNIST, labels=KNOWN), KNOWN),
        ("x.npz", lambda p: np.savez(p, images=AS_MNIST, y=KNOWN), KNOWN),
        ("x.npz", lambda p: np.savez(p, data=AS_MNIST, target=KNOWN), KNOWN),
        # As pandas writes columns that have no names.
        (
            "x.csv",
            lambda p: p.write_text(
                ",".join(map(str, range(785))) + "\n" + csv(AS_MNIST, KNOWN, header=False)
            ),
            KNOWN,
        ),
        (
            "x.npz",
            lambda p: np.savez(
                p, x_train=AS_MNIST[:4], y_train=KNOWN[:4], x_test=AS_MNIST[4:], y_test=KNOWN[4:]
            ),
            KNOWN,
        ),
        ("x.csv", lambda p: p.write_text(csv(AS_MNIST, KNOWN, True)), KNOWN),
        ("x.csv", lambda p: p.write_text(csv(AS_MNIST, KNOWN, False)), KNOWN),
        ("x.csv", lambda p: p.write_text(csv(AS_MNIST, None, True)), [0] * 6),
    ],
)
def test_each_kind_gives_its_images_and_labels(tmp_path, name, write, labels):
    write(tmp_path / name)
    imported, _ = run_import(tmp_path / name, tmp_path / "mnist", repeat=True)
    assert imported.classes == [str(label) for label in sorted(set(labels))]
    assert labelled_of(tmp_path / "mnist") == labelled(AS_MNIST, labels)


def test_other_sizes_and_colours_are_fitted_as_files_are(tmp_path):
    colours = noise(6, 9, 13, 3)
    np.save(tmp_path / "x.npy", colours)
    for number, values in enumerate(colours):
        saved(tmp_path / f"{number}.png", values)
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
        ("x.npy", lambda p: np.save(p, -np.ones((3, 4, 4))), "range from -1 to 0, expected"),
        ("x.npz", lambda p: np.savez(p, z=IMAGES), "it holds z; expected x and y, or images"),
        ("x.npz", lambda p: np.savez(p, x=IMAGES, y=KNOWN[:5]), "labels have the shape [5]"),
        ("x.npz", lambda p: np.savez(p, x=IMAGES, y=KNOWN + 250), "expected whole numbers 0 to"),
        ("x.npz", lambda p: p.write_bytes(b"PK\3\4"), "x.npz: "),
        ("x.npz", lambda p: p.write_bytes(b"<html>404"), "it is neither a .npy nor a .npz file"),
        ("x.npy", lambda p: p.write_bytes(HEADER.replace(b"}", b" ")), "x.npy: "),
        ("x.npy", lambda p: p.write_bytes(LARGER), "x.npy: "),
        ("x.npz", lambda p: p.write_bytes(with_byte(0, 1)), "x.npz: "),
        ("x.npz", lambda p: p.write_bytes(with_byte(2, 77)), "x.npz: "),
        ("x-idx3-ubyte", lambda p: p.write_bytes(b"\0\0\x07\3"), "expected an IDX file"),
        ("x.idx", lambda p: p.write_bytes(any_idx(IMAGES)[:-1]), "its header declares 6x9x13"),
        ("x.idx.gz", lambda p: p.write_bytes(gzip.compress(any_idx(IMAGES))[:-9]), "x.idx.gz:"),
        ("x.csv", lambda p: p.write_text("label,a\n"), "it has no rows of numbers"),
        ("x.csv", lambda p: p.write_text("1,2,3\n"), "it has rows of 3 numbers; expected"),
        ("x.csv", lambda p: p.write_text("1,2,3,4,5\n1,2\n"), "x.csv: "),
        ("x.csv", lambda p: p.write_bytes(b"\xff\xfe\0"), "x.csv: "),
    ],
)
def test_bad_files_end_in_one_line(tmp_path, name, write, said):
    write(tmp_path / name)
    with pytest.raises(DataError) as raised:
        run_import(tmp_path / name, tmp_path / "mnist", repeat=True)
    assert said in str(raised.value)
    assert str(raised.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "mnist").exists()
