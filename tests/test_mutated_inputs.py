"""A thousand damaged IDX and gzip files: each is read exactly, or ends in one clear line."""

from __future__ import annotations

import gzip
import hashlib
import math
import pathlib
import random
import struct
import tracemalloc
import zlib

import pytest

from vanilla_gan.data.idx import CHUNK_SIZE, IdxFile, read_idx
from vanilla_gan.errors import DataError

SEEDS = range(10)
MUTATIONS_PER_SEED = 100


def small_file(rng: random.Random) -> tuple[bytes, int]:
    """Returns a valid file and its number of dimensions."""
    dimensions = rng.choice([1, 3])
    shape = [rng.randint(1, 40) for _ in range(dimensions)]
    header = struct.pack(f">I{dimensions}I", 0x800 + dimensions, *shape)
    return header + rng.randbytes(math.prod(shape)), dimensions


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def flip_bits(content: bytes, rng: random.Random) -> bytes:
    mutated = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 5])):
        mutated[rng.randrange(len(mutated))] ^= 1 << rng.randrange(8)
    return bytes(mutated)


def edit_header(content: bytes, rng: random.Random) -> bytes:
    mutated = bytearray(content)
    field = rng.randrange(0, min(16, len(mutated) - 3), 4)
    value = rng.choice([0, 1, 2**16, 2**31, 2**32 - 1, rng.getrandbits(32), rng.getrandbits(6)])
    mutated[field : field + 4] = struct.pack(">I", value)
    return bytes(mutated)


def insert(content: bytes, rng: random.Random) -> bytes:
    position = rng.randint(0, len(content))
    return content[:position] + rng.randbytes(rng.randint(1, 9)) + content[position:]


def append_zeros(content: bytes, rng: random.Random) -> bytes:
    return content + bytes(rng.choice([1, 8, 100_000]))


def rejoin(content: bytes, rng: random.Random) -> bytes:
    """Swaps the two halves of a file: everything is there, in the wrong place."""
    position = rng.randrange(len(content))
    return content[position:] + content[:position]


MUTATIONS = (cut, flip_bits, edit_header, insert, append_zeros, rejoin)


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Returns a file damaged before, after or without gzip, cut into two members, or intact."""
    mutation = rng.choice(MUTATIONS)
    form = rng.choice(["plain", "gzip of mutated", "mutated gzip", "two members", "intact"])
    if form == "plain":
        return mutation(content, rng)
    if form == "gzip of mutated":
        return gzip.compress(mutation(content, rng), compresslevel=rng.choice([0, 1, 9]))
    if form == "mutated gzip":
        return mutation(gzip.compress(content), rng)
    if form == "two members":
        position = rng.randint(0, len(content))
        return gzip.compress(content[:position]) + gzip.compress(content[position:])
    return content


def oracle(content: bytes, dimensions: int) -> tuple[tuple[int, ...], bytes] | None:
    """Returns what a file holds by the format's definition; None if it is not valid.

    It may use any amount of memory, and knows nothing of chunks.
    """
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error, struct.error):
            return None
    size = 4 + 4 * dimensions
    if len(content) < size or content[:4] != bytes([0, 0, 8, dimensions]):
        return None
    shape = struct.unpack(f">{dimensions}I", content[4:size])
    if 0 in shape or len(content) - size != math.prod(shape):
        return None
    return shape, content


def read_or_line(path: pathlib.Path, dimensions: int) -> IdxFile | str:
    """Returns what the reader makes of a file, or the line that it ends in."""
    try:
        return read_idx(path, dimensions=dimensions)
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_mutated_file_loads_exactly_or_ends_in_one_line(tmp_path, seed):
    rng = random.Random(seed)
    path = pathlib.Path(tmp_path, "mutated")
    loaded = refused = 0
    tracemalloc.start()
    try:
        for number in range(MUTATIONS_PER_SEED):
            content, dimensions = small_file(rng)
            mutated = mutate(content, rng)
            path.write_bytes(mutated)
            expected = oracle(mutated, dimensions)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            outcome = read_or_line(path, dimensions)
            peak = tracemalloc.get_traced_memory()[1] - before
            # The files hold 64 kB at most, and 100 kB more if zeros were appended.
            assert peak < 8 * CHUNK_SIZE + 3 * len(content), f"mutation {number}: {peak} bytes"
            if isinstance(outcome, str):
                assert expected is None, f"mutation {number} is valid, but: {outcome}"
                assert outcome.isprintable()
                assert str(path) in outcome
                refused += 1
            else:
                assert expected is not None, f"mutation {number} is not valid"
                assert outcome.array.shape == expected[0]
                assert outcome.array.tobytes() == expected[1][4 + 4 * dimensions :]
                assert outcome.sha256 == hashlib.sha256(expected[1]).hexdigest()
                loaded += 1
    finally:
        tracemalloc.stop()
    # Both outcomes do occur.
    assert loaded > 20
    assert refused > 30
