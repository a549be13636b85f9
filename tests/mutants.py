"""Makes hostile files out of good ones, with a seed: JSON with a valid seal, arrays, bytes."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import pathlib
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

# Values that an attacker may put into a field.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 2**31, 2**53, 2**63 - 1, 2**63, 10**400, -(10**400)),
    *(0.0, -0.0, 0.5, 1e-300, 1e308, float("nan"), float("inf"), float("-inf")),
    *("", " ", "x", "0", "mnist", "vanilla", "auto", "../..", "/dev/zero", "a\0b", "\udcff"),
    *("\ud800", "\x1b[2J\x1b]0;owned\x07", "one\ntwo", "\u202egpj.exe", "x" * 100_000, "%s{}"),
    *([], {}, [[]], [None], {"": None}, {"iteration": 1}, ["x"] * 3),
)
DEEP = 60  # levels of nesting, at most three times in one place, which Python can still copy


def nodes(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the path of everything within a JSON value, without the value itself."""
    pairs: Any = content.items() if isinstance(content, dict) else ()
    for key, value in enumerate(content) if isinstance(content, list) else pairs:
        yield (*path, key)
        yield from nodes(value, (*path, key))


def changed(content: Any, rng: random.Random) -> Any:
    """Returns a JSON object with one to three of its nodes changed."""
    content = copy.deepcopy(content)
    for _ in range(rng.choice([1, 1, 1, 3])):
        paths = list(nodes(content))
        if not paths:
            break
        *parents, key = rng.choice(paths)
        holder = content
        for step in parents:
            holder = holder[step]
        how = rng.choice(["value"] * 3 + ["drop", "add", "twice", "swap", "near", "deep"])
        if how == "value":
            holder[key] = copy.deepcopy(rng.choice(VALUES))
        elif how == "drop":
            del holder[key]
        elif how == "add" and isinstance(holder, dict):
            holder[rng.choice(["x", "given", "__class__", "\x1b[31m", "a" * 5000])] = 1
        elif how == "twice" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        elif how == "swap":
            *others, other = rng.choice(paths)
            source = content
            for step in others:
                source = source[step] if isinstance(source, (dict, list)) else {}
            if isinstance(source, (dict, list)):
                holder[key] = copy.deepcopy(source[other]) if _has(source, other) else None
        elif how == "near" and type(holder[key]) in (int, float):
            holder[key] = rng.choice([-holder[key], holder[key] + 1, holder[key] * 10**6, 1.5])
        elif how == "deep":
            nested: Any = 0
            for _ in range(DEEP):
                nested = [nested]
            holder[key] = nested
    return content


def _has(holder: Any, key: Any) -> bool:
    if isinstance(holder, dict):
        return key in holder
    return isinstance(key, int) and key < len(holder)


def sealed(content: dict[str, Any]) -> bytes:
    """Returns a JSON object with the seal that fits it, by the definition of the seal."""
    content = {key: value for key, value in content.items() if key != "sha256"}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return json.dumps({**content, "sha256": digest}, indent=1).encode() + b"\n"


def flip(path: pathlib.Path) -> None:
    """Changes a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def changed_bytes(content: bytes, rng: random.Random) -> bytes:
    """Returns a file's content cut, lengthened, or with flipped bits."""
    place = rng.randrange(len(content) + 1)
    how = rng.randrange(5)
    if how == 0:
        return content[:place]
    if how == 1:
        return content[:place] + rng.randbytes(rng.choice([1, 8, 500])) + content[place:]
    if how == 2:
        return content[:place] + bytes(rng.choice([1, 100_000])) + content[place:]
    flipped = bytearray(content)
    for _ in range(rng.choice([1, 4, 40])):
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def changed_array(array: np.ndarray, rng: random.Random) -> np.ndarray:
    """Returns an array of another type, shape or content."""
    changes: tuple[Callable[[], np.ndarray], ...] = (
        lambda: array.astype(rng.choice(["f2", "f4", ">f8", "i8", "u1", "i4", "?", "c8"])),
        lambda: array.astype(rng.choice(["U5", "S3", "O"])),
        lambda: array.reshape(-1),
        lambda: array[None],
        lambda: np.concatenate([np.atleast_1d(array)] * 2),
        lambda: np.atleast_1d(array)[: rng.choice([0, 1])],
        lambda: np.full(array.shape, rng.choice([0, 1, -1, 625, 2**62])).astype(array.dtype),
        lambda: np.full(array.shape, rng.choice([np.nan, np.inf, -1.0, 1e300])),
        lambda: np.array(rng.choice([0, -1, 2**63 - 1, 624, 10**6])),
    )
    with np.errstate(all="ignore"):
        return rng.choice(changes)()


def npy(array: np.ndarray, rng: random.Random | None = None) -> bytes:
    """Returns an npy file; with `rng`, its header may claim another shape."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    content = buffer.getvalue()
    if rng is not None and rng.random() < 0.5:
        shape = rng.choice([b"(99999999999,)", b"(-1,)", b"(2, -3)", b"(True,)", b"()", b"(1e9,)"])
        start, end = content.index(b"(", 10), content.index(b")", 10) + 1
        padding = content[end:].index(b"\n")
        filled = content[:start] + shape + content[end : end + padding]
        size = len(content[: end + padding])
        content = filled[:size].ljust(size) + content[end + padding :]
    return content


def changed_npz(arrays: dict[str, np.ndarray], rng: random.Random) -> bytes:
    """Returns an npz file with arrays changed, missing, added, twice, or packed in other ways."""
    arrays = dict(arrays)
    buffer = io.BytesIO()
    packing = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
    how = rng.choice(["array", "array", "header", "missing", "extra", "twice", "bytes", "bomb"])
    name = rng.choice(sorted(arrays))
    if how == "array":
        arrays[name] = changed_array(np.asarray(arrays[name]), rng)
    elif how == "missing":
        del arrays[name]
    elif how == "extra":
        arrays[rng.choice(["../x", "\x1b[2J", "x" * 300])] = np.zeros(3)
    elif how == "bomb":
        arrays[name], packing = np.zeros(1 << 18), zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for each, array in arrays.items():
            claims = rng if how == "header" and each == name else None
            archive.writestr(f"{each}.npy", npy(np.asarray(array), claims))
        if how == "twice":
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), b"again")
    content = buffer.getvalue()
    return changed_bytes(content, rng) if how == "bytes" else content


def entry(content: bytes) -> dict[str, Any]:
    """Returns what a manifest says about a file."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def changed_record(content: bytes, rng: random.Random) -> bytes:
    """Returns a file of TFRecords with one more record, whose length is wrong."""
    length = struct.pack("<Q", rng.choice([0, 1, 2**31, 2**40, 2**62, 2**64 - 1]))
    return content + length + struct.pack("<I", masked_crc32c(length)) + rng.randbytes(20)


def masked_crc32c(content: bytes) -> int:
    """Returns the checksum of a TFRecord's length, by its definition."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
