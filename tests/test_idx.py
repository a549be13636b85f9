"""Tests of the IDX reader and writer, against bytes made by hand."""

from __future__ import annotations

import gzip
import hashlib
import os
import pathlib
import struct

import numpy as np
import pytest
from processes import peak_memory

from vanilla_gan.data.idx import CHUNK_SIZE, read_idx, read_images, read_labels, write_idx
from vanilla_gan.errors import DataError

# 2 images of 3 rows and 5 columns: sizes that a transpose would not survive.
PIXELS = bytes(range(100, 130))
IMAGES = bytes.fromhex("00000803 00000002 00000003 00000005") + PIXELS
LABELS = bytes.fromhex("00000801 00000007") + bytes([0, 9, 3, 3, 1, 8, 2])


def failure(path: pathlib.Path, dimensions: int = 3) -> str:
    """Returns the one line that reading `path` ends in, and checks that it names the path."""
    with pytest.raises(DataError) as caught:
        read_idx(path, dimensions=dimensions)
    line = str(caught.value)
    assert line.isprintable(), line
    assert str(path) in line
    return line


def stored(tmp_path: pathlib.Path, content: bytes) -> pathlib.Path:
    """Writes `content` to a file in the test's own folder."""
    path = tmp_path / "file"
    path.write_bytes(content)
    return path


def header(*shape: int) -> bytes:
    """Returns a header by the format's definition."""
    return b"\x00\x00\x08" + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_reads_images_in_c_order(tmp_path, compress):
    images = read_images(stored(tmp_path, compress(IMAGES)))
    assert images.array.dtype == np.uint8
    assert images.array.shape == (2, 3, 5)
    # Row-major: image i, row r, column c is byte 15 i + 5 r + c.
    assert images.array[1, 2, 4] == 100 + 15 + 10 + 4
    assert images.array[0, 1, 0] == 105
    assert images.array.tobytes() == PIXELS
    assert images.sha256 == hashlib.sha256(IMAGES).hexdigest()


def test_reads_labels(tmp_path):
    labels = read_labels(stored(tmp_path, gzip.compress(LABELS)))
    assert labels.array.tolist() == [0, 9, 3, 3, 1, 8, 2]
    assert labels.sha256 == hashlib.sha256(LABELS).hexdigest()


def test_the_content_not_the_name_says_whether_it_is_gzipped(tmp_path):
    plain_named_gz = tmp_path / "plain.gz"
    plain_named_gz.write_bytes(IMAGES)
    gzip_named_plain = tmp_path / "gzipped"
    gzip_named_plain.write_bytes(gzip.compress(IMAGES))
    assert read_images(plain_named_gz).sha256 == read_images(gzip_named_plain).sha256


def test_a_gzip_file_may_have_several_members_and_zero_padding(tmp_path):
    parts = [IMAGES[:7], IMAGES[7:30], b"", IMAGES[30:]]
    content = b"".join(gzip.compress(part) for part in parts) + bytes(512)
    assert read_images(stored(tmp_path, content)).array.tobytes() == PIXELS


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_content_larger_than_a_chunk_is_read_whole_into_one_buffer(tmp_path, compress):
    rows = 3 * CHUNK_SIZE // 7 + 1
    values = np.random.RandomState(1).randint(0, 256, (rows, 7), dtype=np.uint8)
    content = header(rows, 7) + values.tobytes()
    path = stored(tmp_path, compress(content))
    with peak_memory() as peak:
        read = read_idx(path, dimensions=2)
        # A bytearray grows by an eighth; a second copy would make it twice its size.
        assert peak() < 1.2 * len(content) + 6 * CHUNK_SIZE
    np.testing.assert_array_equal(read.array, values)
    assert read.sha256 == hashlib.sha256(content).hexdigest()


def test_arrays_are_read_only(tmp_path):
    images = read_images(stored(tmp_path, IMAGES)).array
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_missing(tmp_path):
    assert "does not exist" in failure(tmp_path / "absent")


def test_a_pipe_is_refused_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in failure(tmp_path / "pipe")


def test_unreadable(tmp_path, monkeypatch, unprivileged):
    stored(tmp_path, IMAGES).chmod(0)
    monkeypatch.chdir(tmp_path)
    with unprivileged():
        assert "cannot read file: Permission denied" in failure(pathlib.Path("file"))


@pytest.mark.parametrize("content", [b"", gzip.compress(b"")], ids=["plain", "gzip"])
def test_empty(tmp_path, content):
    assert "is empty" in failure(stored(tmp_path, content))


@pytest.mark.parametrize("size", [1, 3, 4, 15])
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_shorter_than_its_header(tmp_path, compress, size):
    line = failure(stored(tmp_path, compress(IMAGES[:size])))
    assert f"expected 16 bytes, got {size}" in line


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (LABELS, "0x00000801"),
        (b"\x00\x00\x0d\x03" + IMAGES[4:], "0x00000d03"),
        (b"<!DOCTYPE html>", "0x3c21444f"),
        (gzip.compress(gzip.compress(IMAGES, mtime=0)), "0x1f8b0800"),
    ],
    ids=["labels", "float32", "html", "gzipped twice"],
)
def test_wrong_magic(tmp_path, content, got):
    assert f"expected the magic number 0x00000803, got {got}" in failure(stored(tmp_path, content))


@pytest.mark.parametrize("shape", [(0, 28, 28), (2, 0, 5), (2, 3, 0)])
def test_a_dimension_of_zero(tmp_path, shape):
    line = failure(stored(tmp_path, header(*shape)))
    assert " x ".join(map(str, shape)) in line


@pytest.mark.parametrize("missing", [1, 29, 30])
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_cut_content(tmp_path, compress, missing):
    line = failure(stored(tmp_path, compress(IMAGES[:-missing])))
    assert "2 x 3 x 5 = 30 bytes" in line
    assert f"got {30 - missing}: {missing} bytes are missing" in line


@pytest.mark.parametrize("surplus", [1, 5000])
def test_trailing_bytes(tmp_path, surplus):
    line = failure(stored(tmp_path, IMAGES + bytes(surplus)))
    assert "trailing bytes: its header declares 2 x 3 x 5 = 30 bytes of content" in line
    assert f"got {30 + surplus};" in line
    # Nothing is inflated only to be counted.
    line = failure(stored(tmp_path, gzip.compress(IMAGES + bytes(surplus))))
    assert "trailing bytes" in line
    assert "got 31 or more;" in line


def test_trailing_bytes_in_a_further_gzip_member(tmp_path):
    assert "trailing" in failure(stored(tmp_path, gzip.compress(IMAGES) + gzip.compress(b"!")))


def test_every_cut_of_a_gzip_file_is_reported(tmp_path):
    whole = gzip.compress(IMAGES)
    for size in range(2, len(whole)):
        assert "was cut" in failure(stored(tmp_path, whole[:size]))


def test_a_cut_gzip_stream_says_how_many_bytes_are_missing(tmp_path):
    # Stored, not compressed: 5 bytes of deflate header, so that each byte cut is one byte missing.
    whole = gzip.compress(IMAGES, compresslevel=0)
    line = failure(stored(tmp_path, whole[: -8 - 11]))
    assert f"after {len(IMAGES) - 11} decompressed bytes of {len(IMAGES)}: 11 bytes" in line


def test_a_gzip_file_with_a_wrong_checksum(tmp_path):
    damaged = bytearray(gzip.compress(IMAGES))
    damaged[-8] ^= 1
    assert "CRC" in failure(stored(tmp_path, bytes(damaged)))


def test_a_gzip_file_followed_by_garbage(tmp_path):
    assert "damaged gzip" in failure(stored(tmp_path, gzip.compress(IMAGES) + b"garbage"))


def test_a_gzip_file_with_a_damaged_deflate_stream(tmp_path):
    damaged = bytearray(gzip.compress(IMAGES))
    damaged[10] = 0x07  # A block of the reserved type 3.
    assert "invalid block type" in failure(stored(tmp_path, bytes(damaged)))


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("shape", [(2**31, 28, 28), (2**32 - 1,) * 3])
def test_a_header_is_not_believed_before_the_bytes_are_there(tmp_path, compress, shape):
    path = stored(tmp_path, compress(header(*shape) + PIXELS))
    with peak_memory() as peak:
        line = failure(path)
        assert peak() < 8 * CHUNK_SIZE
    assert ("is too large" if compress is gzip.compress else "bytes are missing") in line


def test_a_gzip_bomb_stops_after_the_declared_size(tmp_path):
    path = stored(tmp_path, gzip.compress(IMAGES + bytes(64 << 20), compresslevel=1))
    with peak_memory() as peak:
        line = failure(path)
        assert peak() < 8 * CHUNK_SIZE
    assert "got 31 or more" in line


def test_writes_the_bytes_of_the_format(tmp_path):
    images = np.frombuffer(PIXELS, np.uint8).reshape(2, 3, 5)
    write_idx(tmp_path / "images", images)
    write_idx(tmp_path / "labels", np.array([0, 9, 3, 3, 1, 8, 2], np.uint8))
    assert (tmp_path / "images").read_bytes() == IMAGES
    assert (tmp_path / "labels").read_bytes() == LABELS


def test_writes_a_transposed_array_in_c_order(tmp_path):
    values = np.arange(15, dtype=np.uint8).reshape(3, 5)
    write_idx(tmp_path / "file", values.T)
    assert (tmp_path / "file").read_bytes() == header(5, 3) + values.T.tobytes()


def test_writes_gzip_without_a_name_or_a_time(tmp_path):
    labels = np.array([0, 9, 3, 3, 1, 8, 2], np.uint8)
    write_idx(tmp_path / "one.gz", labels)
    write_idx(tmp_path / "another name.gz", labels)
    content = (tmp_path / "one.gz").read_bytes()
    assert content == (tmp_path / "another name.gz").read_bytes()
    # RFC 1952: no flags, so no name; a time of 0.
    assert content[3:8] == bytes(5)
    assert gzip.decompress(content) == LABELS


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2)), np.zeros((0, 2), np.uint8), np.uint8(3).reshape(())]
)
def test_does_not_write_what_it_could_not_read(tmp_path, array):
    with pytest.raises(ValueError, match="not an array of uint8"):
        write_idx(tmp_path / "file", array)
    assert list(tmp_path.iterdir()) == []


def test_real_mnist(real_data_dir):
    path = real_data_dir / "mnist" / "t10k-labels-idx1-ubyte"
    labels = read_labels(path if path.exists() else path.with_name(f"{path.name}.gz"))
    # The counts of the classes, from the data set's description.
    assert np.bincount(labels.array).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009
    ]  # fmt: skip
