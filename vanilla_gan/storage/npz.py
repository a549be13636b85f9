"""Writes npz files: the same bytes for the same arrays, and large arrays block by block."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Mapping
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.storage.whole import whole_file


class ArrayBlocks(NamedTuple):
    """An array that is written as it is made.

    Attributes:
      shape: the shape of the whole array.
      dtype: the type of all blocks.
      blocks: blocks of its rows, in order.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    blocks: Iterable[npt.NDArray[Any]]

    def write(self, stream: IO[bytes]) -> None:
        """Writes the array as an npy file, block by block."""
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": self.shape,
        }
        np.lib.format.write_array_header_1_0(stream, header)
        for block in self.blocks:
            stream.write(np.ascontiguousarray(block, self.dtype).tobytes())


def write_npz(
    path: str | os.PathLike[str], arrays: Mapping[str, npt.NDArray[Any] | ArrayBlocks]
) -> None:
    """Writes arrays by name, whole or not at all; `numpy.load` reads them.

    Raises:
      OutputError: the file could not be written.
    """
    with whole_file(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            # Without a date, a ZipInfo has the earliest one of the zip format, in 1980.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                if isinstance(array, ArrayBlocks):
                    array.write(member)
                else:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
