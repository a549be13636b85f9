"""IDX files of uint8, gzipped or not: bytes on disk -> arrays, and arrays -> bytes on disk.

The format (http://yann.lecun.com/exdb/mnist/, repeated at https://github.com/cvdfoundation/mnist):
two zero bytes, one for the type (0x08 is uint8), one for the number of dimensions, the size of each
dimension as a big-endian 32-bit number, then the values in C order.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import math
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.errors import DataError
from vanilla_gan.storage.reading import open_file
from vanilla_gan.storage.whole import whole_file

# Measured on MNIST's training images: 64 KiB reads take no longer than 1 MiB ones.
CHUNK_SIZE = 1 << 16

_UINT8_MAGIC = 0x00000800
_GZIP_MAGIC = b"\x1f\x8b"
# zlib's default. Level 9 takes several times as long and saves a few per cent.
_COMPRESSION_LEVEL = 6
# A gzip stream can unpack to 1000 times its size. Images compress far less, unless they are black.
_MAX_RATIO, _MAX_UNPACKED = 64, 1 << 28
# The format's types of values.
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_ADVICE = "replace or delete the file, then give the same command again"
# Added if the file should be a published one.
_OWN = "or give --allow_unverified_data if these are images of your own"
# For images without labels, values of other types, and labels that are rows of numbers.
CONVERT = "or let ./run.sh import_images make all four files from the file of images"


class IdxFile(NamedTuple):
    """What an IDX file holds.

    Attributes:
      array: uint8, with the dimensions of the file's header; read-only.
      sha256: SHA-256 of the decompressed bytes, header included, as 64 hex digits.
    """

    array: npt.NDArray[np.uint8]
    sha256: str


def read_images(path: str | os.PathLike[str], max_bytes: int | None = None) -> IdxFile:
    """Reads images, uint8 [N, H, W] or [N, H, W, C] in 0..255; see `read_idx`."""
    return read_idx(path, dimensions=3, or_channels=True, max_bytes=max_bytes)


def read_labels(path: str | os.PathLike[str], max_bytes: int | None = None) -> IdxFile:
    """Reads labels, uint8 [N]; see `read_idx`."""
    return read_idx(path, dimensions=1, max_bytes=max_bytes)


def read_idx(
    path: str | os.PathLike[str],
    *,
    dimensions: int,
    or_channels: bool = False,
    max_bytes: int | None = None,
) -> IdxFile:
    """Reads an IDX file of uint8; its first two bytes, not its name, say whether it is gzipped.

    The header is not trusted: memory grows only with the bytes that arrive, and decompression stops
    one byte after what the header declares.

    Args:
      path: the file.
      dimensions: how many dimensions it must have, 1 for labels and 3 for images.
      or_channels: whether it may have one more, the channels of each pixel.
      max_bytes: the largest decompressed size; None for no limit on a plain file, and for 64 times
        the size of a gzipped one or 256 MiB, whichever is more.

    Returns:
      The array, a view of the one buffer that was read, and the checksum.

    Raises:
      DataError: the file is missing, unreadable, empty or not a regular file; its gzip stream is
        cut or damaged; its header is cut, has another magic number or a dimension of zero, declares
        more or fewer bytes than follow, or exceeds the limit.
    """
    path = os.fspath(path)
    digest = hashlib.sha256()
    held = bytearray()
    try:
        with _decompressed(path) as (stream, file_size, gzipped):
            _read_up_to(4, stream, held, digest)
            if or_channels and held == struct.pack(">I", _UINT8_MAGIC | dimensions + 1):
                dimensions += 1
            header_size = 4 + 4 * dimensions
            _read_up_to(header_size, stream, held, digest)
            shape = _parse_header(path, bytes(held), dimensions)
            declared = header_size + math.prod(shape)
            if not gzipped and file_size != declared:
                raise _wrong_size(path, shape, file_size - header_size)
            most = max(_MAX_UNPACKED, _MAX_RATIO * file_size) if max_bytes is None else max_bytes
            if declared > most and (gzipped or max_bytes is not None):
                advice = _ADVICE if max_bytes is None else f"{_ADVICE}; {_OWN}"
                raise DataError(
                    f"{path} is too large: its header declares {_product(shape)} = {declared} "
                    f"bytes, expected at most {most}; {advice}"
                )
            _read_up_to(declared, stream, held, digest)
            # Also reaches the end of a gzip stream, where gzip verifies its checksum.
            surplus = len(stream.read1(1))
            if len(held) + surplus != declared:
                got = len(held) + surplus - header_size
                raise _wrong_size(path, shape, got, or_more=" or more")
    except EOFError as error:
        raise DataError(
            f"{path} is a gzip file that was cut off: its compressed data end too early, after "
            f"{len(held)} decompressed bytes{_of_declared(held, dimensions)}; {_ADVICE}"
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path} is a damaged gzip file: {error}, after {len(held)} decompressed bytes; "
            f"{_ADVICE}"
        ) from error
    except FileNotFoundError as error:
        raise DataError(
            f"{path} does not exist; expected an IDX file, gzipped or not; put it there"
        ) from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}; {_ADVICE}") from error
    array = np.frombuffer(held, dtype=np.uint8, offset=header_size).reshape(shape)
    array.setflags(write=False)
    return IdxFile(array, digest.hexdigest())


def write_idx(path: str | os.PathLike[str], array: npt.NDArray[np.uint8]) -> None:
    """Writes an IDX file, whole or not at all; gzipped if its name ends in `.gz`.

    The bytes depend only on the array (the gzip header holds neither a name nor a time).

    Args:
      path: the file to write; its folder must exist.
      array: uint8, one dimension or more, none of them zero.

    Raises:
      ValueError: the array cannot be written as an IDX file of uint8.
      OutputError: the file could not be written.
    """
    if array.dtype != np.uint8 or array.ndim == 0 or array.size == 0:
        raise ValueError(f"not an array of uint8 with values: {array.dtype} {list(array.shape)}")
    write_idx_blocks(path, array.shape, [array])


def write_packed(folder: str | os.PathLike[str], name: str, array: npt.NDArray[np.uint8]) -> None:
    """Writes `<name>.gz` into a folder, or `<name>` if `read_idx` would not unpack that much.

    Raises:
      OSError: `<name>.gz` could not be inspected or removed.
      ValueError, OutputError: see `write_idx`.
    """
    plain = os.path.join(folder, name)
    packed = f"{plain}.gz"
    write_idx(packed, array)
    most = max(_MAX_UNPACKED, _MAX_RATIO * os.stat(packed).st_size)
    if len(_header(array.shape)) + array.size > most:
        write_idx(plain, array)
        os.unlink(packed)


def write_idx_blocks(
    path: str | os.PathLike[str], shape: tuple[int, ...], blocks: Iterable[npt.NDArray[np.uint8]]
) -> None:
    """Writes an IDX file as `write_idx` does, from blocks of rows, uint8.

    Args:
      path: the file to write; its folder must exist.
      shape: the shape of all rows together.
      blocks: the rows, in order.

    Raises:
      OutputError: the file could not be written.
    """
    header = _header(shape)
    with contextlib.ExitStack() as stack:
        stream: Any = stack.enter_context(whole_file(path))
        if os.fspath(path).endswith(".gz"):
            stream = stack.enter_context(
                gzip.GzipFile("", "wb", _COMPRESSION_LEVEL, stream, mtime=0)
            )
        stream.write(header)
        for block in blocks:
            stream.write(np.ascontiguousarray(block).reshape(-1).data)


def sha256_of_idx(array: npt.NDArray[np.uint8]) -> str:
    """Returns the SHA-256 that the IDX file of an array of uint8 would have, 64 hex digits."""
    digest = hashlib.sha256(_header(array.shape))
    digest.update(np.ascontiguousarray(array).reshape(-1).data)
    return digest.hexdigest()


def _header(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f">I{len(shape)}I", _UINT8_MAGIC | len(shape), *shape)


@contextlib.contextmanager
def _decompressed(path: str) -> Iterator[tuple[io.BufferedIOBase, int, bool]]:
    """Opens a file for its decompressed bytes.

    Yields:
      The stream, how many bytes the file has, and whether it is gzipped.
    """
    with open_file(path) as raw:
        size = os.fstat(raw.fileno()).st_size
        if raw.peek(2)[:2] == _GZIP_MAGIC:
            with gzip.GzipFile(fileobj=raw) as stream:
                yield stream, size, True
        else:
            yield raw, size, False


def _read_up_to(
    size: int, stream: io.BufferedIOBase, held: bytearray, digest: hashlib._Hash
) -> None:
    """Reads into `held` and `digest` until `held` has `size` bytes or the stream ends.

    `read1` returns what one step of the decompressor gives, so that after an error `held` has all
    bytes before it.
    """
    while len(held) < size:
        chunk = stream.read1(min(CHUNK_SIZE, size - len(held)))
        if not chunk:
            return
        digest.update(chunk)
        held += chunk


def _parse_header(path: str, header: bytes, dimensions: int) -> tuple[int, ...]:
    """Returns the dimensions that a header declares, each at least 1.

    Raises:
      DataError: the header is cut, or not that of an IDX file of uint8 with so many dimensions.
    """
    expected_size = 4 + 4 * dimensions
    expected_magic = _UINT8_MAGIC | dimensions
    if not header:
        raise DataError(
            f"{path} is empty; expected an IDX file with a header of {expected_size} bytes; "
            f"{_ADVICE}"
        )
    if len(header) >= 4:
        (magic,) = struct.unpack_from(">I", header)
        if magic != expected_magic:
            other = (header[:2] == b"\0\0" and header[2] in TYPES) or header[:2] == _GZIP_MAGIC
            advice = f"{_ADVICE}; {CONVERT}" if other else _ADVICE
            raise DataError(
                f"{path} is not an IDX file of uint8 with {dimensions} dimensions: expected the "
                f"magic number 0x{expected_magic:08x}, got 0x{magic:08x}; {advice}"
            )
    if len(header) < expected_size:
        raise DataError(
            f"{path} is shorter than its header: expected {expected_size} bytes, "
            f"got {len(header)}; {_ADVICE}"
        )
    shape = _declared_shape(header, dimensions)
    if 0 in shape:
        raise DataError(
            f"{path} holds no values: its header declares {_product(shape)} values; expected no "
            f"dimension of 0; {_ADVICE}"
        )
    return shape


def _declared_shape(header: bytes | bytearray, dimensions: int) -> tuple[int, ...]:
    return struct.unpack_from(f">{dimensions}I", header, 4)


def _of_declared(held: bytearray, dimensions: int) -> str:
    """Returns " of N: M bytes are missing", for a gzip stream that ends after `held`.

    Returns "" if the header has not arrived, or if only gzip's own checksum is missing.
    """
    header_size = 4 + 4 * dimensions
    if len(held) < header_size:
        return ""
    declared = header_size + math.prod(_declared_shape(held, dimensions))
    missing = declared - len(held)
    return f" of {declared}: {missing} bytes are missing" if missing else ""


def _wrong_size(path: str, shape: tuple[int, ...], got: int, or_more: str = "") -> DataError:
    """Returns the error for `got` bytes after a header; `or_more` if the rest was not read."""
    declared = math.prod(shape)
    header = f"its header declares {_product(shape)} = {declared} bytes of content"
    if got < declared:
        return DataError(
            f"{path} was cut: {header}, got {got}: {declared - got} bytes are missing; {_ADVICE}"
        )
    return DataError(f"{path} has trailing bytes: {header}, got {got}{or_more}; {_ADVICE}")


def _product(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
