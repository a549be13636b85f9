"""Opening files that may be anything: pipes, devices, folders, and files that are too large."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np
import pytest

from vanilla_gan.storage.arrays import expecting, read_npz
from vanilla_gan.storage.reading import open_file, read_file


def test_a_file_and_a_link_to_it(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    assert read_file(tmp_path / "file", 3) == read_file(tmp_path / "link", 3) == b"abc"
    with open_file(tmp_path / "file", 3) as stream:
        assert stream.read() == b"abc"
    # The limit is not the size: no buffer of that size is allocated.
    assert read_file(tmp_path / "file", 1 << 50) == b"abc"
    assert read_file("/proc/self/status", 1 << 50).endswith(b"\n")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkfifo, "it is not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "it is not a regular file"),
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
        (lambda path: (path.touch(), os.truncate(path, 1 << 40)), "expected at most 3"),
        # Generated when it is read; its reported size is 0.
        (lambda path: path.symlink_to("/proc/self/status"), "it has more than 3 bytes"),
        (lambda path: None, "No such file"),
    ],
)
def test_files_that_are_refused(tmp_path, make, said):
    make(tmp_path / "x")
    with pytest.raises(OSError, match=said):
        read_file(tmp_path / "x", 3)


def packed(array_of: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how, compresslevel=1) as archive:
        for name, content in array_of.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def claims(shape: str, size: int) -> bytes:
    """Returns a npy file whose header claims a shape, followed by `size` zeros."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(size)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (packed({"x.npy": claims("(4194304,)", 1 << 25)}), "take more than 1000 bytes"),
        (packed({"x.npy": claims("(99999999999,)", 8)}), "x does not hold the 799999999992 bytes"),
        (packed({"x.npy": claims("(-1,)", 8)}), r"x is float64 \[-1\], expected numbers"),
        (packed({"x.npy": claims("(2,)", 8)}), "x does not hold the 16 bytes"),
        (packed({"x.npy": claims("(1,)", 16)}), "x does not hold the 8 bytes"),
        (packed({"x.npy": claims("(1,)", 8)}, zipfile.ZIP_LZMA), "x is not compressed as numpy"),
        (packed({"y.npy": claims("(1,)", 8)}), "y is unknown, expected x"),
        (packed({"x.npy": claims("(1, 1)", 8)}), r"float64 \[1, 1\], expected float64 \['n'\]"),
        (b"PK\x05\x06" + bytes(10), "File is not a zip file"),
        (b"", "File is not a zip file"),
    ],
    ids=["bomb", "shape", "less", "cut", "more", "lzma", "name", "dims", "torn", "empty"],
)
def test_arrays_that_are_not_what_they_claim(tmp_path, content, said):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_npz(path, expecting({"x": ("f8", (None,))}), max_bytes=1000)


def test_more_arrays_than_anybody_needs(tmp_path):
    (tmp_path / "x.npz").write_bytes(packed({f"{k}.npy": b"" for k in range(25_000)}))
    with pytest.raises(ValueError, match="it holds too many arrays"):
        read_npz(tmp_path / "x.npz", max_bytes=10_000_000)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(5, dtype=">i2"),
        np.array(7),
        np.zeros((0, 3)),
        np.array([True, False]),
    ],
)
def test_arrays_come_back(tmp_path, save, array):
    save(tmp_path / "x.npz", x=array, y=np.arange(3))
    found = read_npz(tmp_path / "x.npz", max_bytes=1000)
    assert list(found) == ["x", "y"]
    assert (found["x"].dtype, found["x"].shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found["x"], array)
