"""Opens files that are read: regular ones, of at most so many bytes; they may be anybody's."""

from __future__ import annotations

import io
import os
import stat

from vanilla_gan.say import shown

# Of a file of JSON: a run's record, a manifest, an owner of a lock.
MAX_JSON = 1 << 22


def open_file(path: str | os.PathLike[str], max_bytes: int | None = None) -> io.BufferedReader:
    """Opens a file for reading.

    A folder that somebody sent may hold a pipe, a device or a sparse file of a terabyte in the
    place of a file. None of them is waited for or read.

    Args:
      path: the file; links are followed.
      max_bytes: its largest size; None where whoever reads it knows how far.

    Raises:
      OSError: it is missing, no regular file, larger, or cannot be opened.
    """
    # Without waiting, and without making a terminal this process's own.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError("it is a folder, expected a file")
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a regular file")
        if max_bytes is not None and status.st_size > max_bytes:
            raise OSError(f"it has {status.st_size} bytes, expected at most {max_bytes}")
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_file(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """Returns the content of a file.

    Raises:
      OSError: see `open_file`.
    """
    with open_file(path, max_bytes) as stream:
        # Python would make room for as much as is asked for, before it reads any.
        size = os.fstat(stream.fileno()).st_size
        content = stream.read(size + 1)
        # What the system makes up as it is read says 0 for its size.
        while size < len(content) <= max_bytes and (block := stream.read(1 << 20)):
            content += block
    if len(content) > max_bytes:
        raise OSError(f"it has more than {max_bytes} bytes")
    return content


def reason_of(error: BaseException) -> str:
    """Returns what an error says of a file, in one printable line that is not long.

    What is quoted of a damaged file may be any bytes.
    """
    said = getattr(error, "strerror", None) or " ".join(str(error).split())
    return shown(said or type(error).__name__)
