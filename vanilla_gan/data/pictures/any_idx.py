"""IDX files with any of the format's types of values, as in other data sets -> arrays."""

from __future__ import annotations

import gzip
import io
import itertools
import math
import pathlib
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.idx import TYPES
from vanilla_gan.storage.reading import open_file

_NAME = re.compile(r"(idx\d-\w+|[-.]idx)(\.gz)*$", re.IGNORECASE)
_GZIP_MAGIC = b"\x1f\x8b"
# More than any known data set of small images has; a larger file is damaged or malicious.
MAX_BYTES = 1 << 32
_MAX_DIMENSIONS = 4

Array = npt.NDArray[Any]


def is_idx(path: pathlib.Path) -> bool:
    """Returns whether the name is that of an IDX file, such as `train-images-idx3-ubyte.gz`."""
    return _NAME.search(path.name) is not None


def read_any_idx(path: pathlib.Path) -> Array:
    """Reads an IDX file: plain, gzipped, or gzipped twice, as in archives that were packed twice.

    Raises:
      OSError, EOFError, zlib.error: it cannot be read, or its gzip stream is damaged or cut.
      ValueError: it is no IDX file, is too large, or has not the size that its header declares.
    """
    with open_file(path) as stream:
        content = stream.read()
    for _ in range(2):
        if content[:2] != _GZIP_MAGIC:
            break
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as unpacked:
            content = unpacked.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it holds more than {MAX_BYTES} bytes")
    dimensions = content[3] if len(content) > 3 else 0
    header = 4 + 4 * dimensions
    known = content[:2] == b"\0\0" and content[2:3] and content[2] in TYPES
    if not known or not 1 <= dimensions <= _MAX_DIMENSIONS or len(content) < header:
        raise ValueError(f"it begins with {content[:4].hex() or 'nothing'}, expected an IDX file")
    kind = np.dtype(TYPES[content[2]])
    shape = [int(size) for size in np.frombuffer(content, ">u4", dimensions, 4)]
    declared = header + math.prod(shape) * kind.itemsize
    if len(content) != declared:
        raise ValueError(
            f"its header declares {'x'.join(map(str, shape))} values, {declared} bytes with it, "
            f"but it has {len(content)}"
        )
    return np.frombuffer(content, kind, offset=header).reshape(shape)


def labels_beside(path: pathlib.Path) -> pathlib.Path | None:
    """Returns the file of labels beside a file of images; None if there is none.

    Of several, it is the IDX file with the most similar name: `labels-train.idx` for
    `images-train.idx`, not `labels-test.idx`.
    """
    before, found, after = path.name.rpartition("images")
    if not found:
        return None
    # Some archives unpack each file into a folder of the same name.
    there = [each for each in sorted(path.parent.iterdir()) if not each.is_dir()]
    start = f"{before}labels"

    def likeness(each: pathlib.Path) -> tuple[bool, int]:
        pairs = zip(each.name.removeprefix(start), after, strict=False)
        return is_idx(each), len([*itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)])

    return max((each for each in there if each.name.startswith(start)), key=likeness, default=None)
