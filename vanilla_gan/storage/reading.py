"""Opens files for reading: only regular ones of limited size, as they may come from anybody."""

from __future__ import annotations

import io
import os
import stat

from vanilla_gan.say import shown

# Bytes of a JSON file: a run's record, a manifest, the owner of a lock.
MAX_JSON = 1 << 22


def open_file(path: str | os.PathLike[str], max_bytes: int | None = None) -> io.BufferedReader:
    """Opens a file for reading.

    A folder that somebody sent may hold a pipe, a device or a sparse file of a terabyte in place of
    a file. This neither waits for them nor reads them.

    Args:
      path: the file; links are followed.
      max_bytes: its largest size; None if the caller limits how much it reads.

    Raises:
      OSError: it is missing, not a regular file, too large, or cannot be opened.
    """
    # O_NONBLOCK: never wait. O_NOCTTY: a terminal must not become this process's controlling one.
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
        # Python allocates as much memory as is asked for before it reads anything.
        size = os.fstat(stream.fileno()).st_size
        content = stream.read(size + 1)
        # Files that the system generates while they are read, as in /proc, have the size 0.
        while size < len(content) <= max_bytes and (block := stream.read(1 << 20)):
            content += block
    if len(content) > max_bytes:
        raise OSError(f"it has more than {max_bytes} bytes")
    return content


def reason_of(error: BaseException) -> str:
    """Returns what an error says about a file, in one printable line of limited length.

    An error may quote arbitrary bytes of a damaged file.
    """
    said = getattr(error, "strerror", None) or " ".join(str(error).split())
    return shown(said or type(error).__name__)
