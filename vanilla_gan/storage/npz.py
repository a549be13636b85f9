"""npz files: written with the same bytes for the same arrays, and what a damaged one raises.

`numpy.savez` writes the time of day into them.
"""

from __future__ import annotations

import lzma
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.storage.files import whole_file

# What zipfile, zlib and numpy raise for a file that is not what it claims to be.
DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    SyntaxError,  # numpy parses a header as a Python expression, and where that fails, tokens
    tokenize.TokenError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Writes arrays by name, whole or not at all; `numpy.load` reads them.

    Raises:
      OutputError: the file could not be written.
    """
    with whole_file(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            # A ZipInfo without a date has the first that zip files know, 1980.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
