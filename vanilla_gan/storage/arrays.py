"""Reads arrays of numbers from npz and npy files without trusting what the files claim."""

from __future__ import annotations

import io
import lzma
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from vanilla_gan.say import shown
from vanilla_gan.storage.reading import open_file, reason_of

Arrays = dict[str, npt.NDArray[Any]]
# Called with an array's name, shape and type before its numbers are read; raises if one is wrong.
Check = Callable[[str, tuple[int, ...], Any], None]

# The methods that numpy uses. Data compressed by others can unpack to any size in one step.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_DIRECTORY = 1 << 20  # bytes: some 10,000 arrays
_BLOCK = 1 << 20

# What zipfile, zlib and numpy raise for a file that is not what it claims to be.
DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    SyntaxError,  # numpy parses a header as a Python expression, or else as tokens
    tokenize.TokenError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)


def read_npz(
    path: str | os.PathLike[str],
    check: Check = lambda name, shape, dtype: None,
    *,
    max_bytes: int,
    check_names: Callable[[set[str]], None] = lambda names: None,
) -> Arrays:
    """Reads the arrays of numbers of an npz file.

    Before an array is unpacked, its name, shape and type are compared with what is expected, and
    its size with what its shape needs. No pickle is ever loaded.

    Args:
      path: the file.
      check: see `Check`.
      max_bytes: the largest size of the file, and of all arrays together.
      check_names: called first, with the names of all arrays; raises if they are not as expected.

    Returns:
      Arrays by name, in the order of the file.

    Raises:
      FileNotFoundError: the file does not exist.
      ValueError: it cannot be read, or is not an npz file as expected; one line that says why.
    """
    try:
        with open_file(path, max_bytes + _MAX_DIRECTORY) as stream:
            _check_directory(stream)
            with zipfile.ZipFile(stream) as archive:
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                check_names(set(members))
                if sum(info.file_size for info in members.values()) > max_bytes + _MAX_DIRECTORY:
                    raise ValueError(f"its arrays take more than {max_bytes} bytes")
                return {
                    name: _read_member(archive, info, name, check) for name, info in members.items()
                }
    except FileNotFoundError:
        raise
    except DAMAGE as error:
        raise ValueError(reason_of(error)) from error


def expecting(table: Mapping[str, tuple[str, tuple[int | None, ...]]]) -> Check:
    """Returns a check that arrays have these types and shapes; a length of None allows any.

    Types are written as in numpy, such as `f4`; either byte order is accepted.
    """

    def check(name: str, shape: tuple[int, ...], dtype: Any) -> None:
        if name not in table:
            raise ValueError(f"{shown(name)} is unknown, expected {', '.join(table)}")
        kind, lengths = table[name]
        fits = len(shape) == len(lengths) and all(
            wanted in (None, length) for wanted, length in zip(lengths, shape, strict=True)
        )
        if dtype.str[1:] != kind or not fits:
            expected = ["n" if length is None else length for length in lengths]
            raise ValueError(
                f"{name} is {dtype} {list(shape)}, expected {np.dtype(kind)} {expected}"
            )

    return check


def read_npy(path: str | os.PathLike[str], *, max_bytes: int) -> npt.NDArray[Any]:
    """Reads the array of an npy file; see `read_npz`."""
    try:
        with open_file(path, max_bytes) as stream:
            size = os.fstat(stream.fileno()).st_size
            return _read_array(stream, size, "it", lambda name, shape, dtype: None)
    except FileNotFoundError:
        raise
    except DAMAGE as error:
        raise ValueError(reason_of(error)) from error


def _check_directory(stream: BinaryIO) -> None:
    """Checks the size of the zip directory, because `zipfile` keeps an object for each entry.

    Looks for the directory in the same places as `zipfile`.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - 22 - 0xFFFF - 20))
    tail = stream.read()
    end = len(tail) - 22
    if not (tail[end:].startswith(b"PK\5\6") and tail.endswith(b"\0\0")):
        end = tail.rfind(b"PK\5\6")
    stream.seek(0)
    if end < 0:
        return  # `zipfile` will say that it is no zip file.
    length = int.from_bytes(tail[end + 12 : end + 16], "little")
    if length > _MAX_DIRECTORY or tail[max(0, end - 20) : end].startswith(b"PK\6\7"):
        raise ValueError("it holds too many arrays")


def _read_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, check: Check
) -> npt.NDArray[Any]:
    if info.compress_type not in _COMPRESSIONS:
        raise ValueError(f"{name} is not compressed as numpy does it")
    with archive.open(info) as member:
        return _read_array(member, info.file_size, name, check)


def _read_array(stream: Any, size: int, name: str, check: Check) -> npt.NDArray[Any]:
    """Reads an array from a stream of `size` bytes, which must hold it and nothing else."""
    version = np.lib.format.read_magic(stream)
    # Later versions are for headers of up to 4 GB, which no array of numbers needs.
    if version != (1, 0):
        raise ValueError(f"{name} has npy format version {version}")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    check(name, shape, dtype)
    if dtype.kind not in "fiub" or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"{name} is {dtype} {list(shape)}, expected numbers")
    needed = math.prod(shape) * dtype.itemsize
    if stream.tell() + needed != size:
        raise ValueError(f"{name} does not hold the {needed} bytes that its shape needs")
    array = np.empty(math.prod(shape), dtype)
    held = array.view(np.uint8).data
    done = 0
    while done < needed:
        block = stream.read(min(_BLOCK, needed - done))
        if not block:
            raise ValueError(f"{name} ends after {done} of its {needed} bytes")
        held[done : done + len(block)] = block
        done += len(block)
    if stream.read(1):  # Reading to the end also verifies the zip member's checksum.
        raise ValueError(f"{name} holds more than the {needed} bytes that its shape needs")
    return array.reshape(shape, order="F" if fortran_order else "C")
