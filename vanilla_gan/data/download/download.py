"""Downloads one data file: mirrors in order, verified, whole or not at all."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import pathlib
import sys
import time
import urllib.parse
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

from vanilla_gan.data.download.transfer import Progress, TransferError, receive
from vanilla_gan.errors import DownloadError, OutputError
from vanilla_gan.say import say
from vanilla_gan.storage.whole import whole_file

_CHUNK_SIZE = 1 << 16
_FIRST_PAUSE_S = 1.0
_GZIP_MAGIC = b"\x1f\x8b"
# What gzip may add to incompressible data: 5 bytes per block of at least 8 KiB, and a header that
# may hold a name and a comment.
_GZIP_SURPLUS_SHARE = 1000
_GZIP_SURPLUS_BYTES = 4096


@contextlib.contextmanager
def stderr_progress(url: str, total_bytes: int | None) -> Iterator[Callable[[int], object]]:
    """Shows a transfer on stderr (a `Progress`): a bar on a terminal, otherwise one plain line."""
    address = urllib.parse.urlsplit(url)
    name = address.path.rpartition("/")[2]
    if sys.stderr.isatty():
        # Imported here because most runs download nothing.
        from tqdm import tqdm

        with tqdm(total=total_bytes, desc=name, unit="B", unit_scale=True, file=sys.stderr) as bar:
            yield bar.update
    else:
        size = "size unknown" if total_bytes is None else f"{total_bytes / 1e6:.1f} MB"
        say(f"downloading {name} from {address.netloc} ({size})")
        yield lambda _: None


def fetch(
    name: str,
    folder: str | os.PathLike[str],
    *,
    mirrors: Sequence[str],
    sha256: str,
    size: int,
    suffix: str = ".gz",
    packed: bool = False,
    timeout_s: float = 30.0,
    retries: int = 2,
    slowest_bytes_per_s: float = 10_000.0,
    progress: Progress = stderr_progress,
    sleep: Callable[[float], object] = time.sleep,
) -> pathlib.Path:
    """Downloads `<mirror><name>.gz` to `<folder>/<name>.gz` from the first mirror that has it.

    A mirror is tried again, after 1 s, then 2 s, doubling each time, if that may help: it stalled,
    dropped the connection, sent too little, or answered 5xx. After any other failure, or the last
    attempt, the next mirror is tried. Only a verified file gets its final name. Creates the folder
    if it is missing; writes on stderr through `progress`.

    Args:
      name: the file's name, without `suffix`.
      folder: where to store it.
      mirrors: addresses to which the name is appended, in the order to try them.
      sha256: SHA-256 of the decompressed bytes, as hex digits.
      size: how many decompressed bytes there must be.
      suffix: used in place of `.gz`.
      packed: whether sum and size are those of the file itself, whatever it holds.
      timeout_s: time limit for connecting, and for each wait; see `transfer.receive`.
      retries: how many more times each mirror may be tried.
      slowest_bytes_per_s: the transfer fails if the body is slower than this on average.
      progress: shows the transfer.
      sleep: waits between two attempts at one mirror, in seconds.

    Returns:
      The path of the file.

    Raises:
      DownloadError: no mirror delivered it (the message gives each one's reason), or it could not
        be stored.
    """
    final = pathlib.Path(folder, f"{name}{suffix}")
    surplus = 0 if packed else size // _GZIP_SURPLUS_SHARE + _GZIP_SURPLUS_BYTES
    failures = []
    for mirror in mirrors:
        url = f"{mirror}{final.name}"
        for attempt in range(retries + 1):
            if attempt:
                sleep(_FIRST_PAUSE_S * 2 ** (attempt - 1))
            try:
                with _stored(final) as stream:
                    receive(
                        url,
                        stream,
                        max_bytes=size + surplus,
                        timeout_s=timeout_s,
                        slowest_bytes_per_s=slowest_bytes_per_s,
                        progress=progress,
                    )
                    _verify(stream, sha256, size, packed)
                return final
            except TransferError as error:
                failure = error
                if not error.transient:
                    break
        tries = f" ({attempt + 1} attempts)" if attempt else ""
        failures.append(f"{url}: {failure}{tries}")
    raise DownloadError(
        f"cannot download {final.name}: {'; '.join(failures) or 'no mirror is known'}; "
        f"download the file by hand and put it at {final} "
        f"(SHA-256{'' if packed else ' when decompressed'}: {sha256}), or give --data_dir with the "
        "folder of data sets that has it"
    )


@contextlib.contextmanager
def _stored(final: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens `final` for writing as `whole_file` does; turns its errors into a `DownloadError`."""
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(final) as stream:
            yield stream
    except (OSError, OutputError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        reason = cause.strerror if isinstance(cause, OSError) else error
        raise DownloadError(
            f"cannot store {final}: {reason}; make room, make the folder writable, or choose "
            "another one with --data_dir"
        ) from error


def _verify(stream: BinaryIO, sha256: str, size: int, packed: bool) -> None:
    """Checks what was received, decompressed unless `packed`; reads at most one byte past `size`.

    Raises:
      TransferError: its size or checksum is wrong, or, unless `packed`, it is no whole gzip file.
    """
    stream.seek(0)
    if not packed and stream.read(2) != _GZIP_MAGIC:
        raise TransferError("not a gzip file (an error page, perhaps)")
    stream.seek(0)
    digest, got = hashlib.sha256(), 0
    opened: Any = contextlib.nullcontext(stream) if packed else gzip.GzipFile(fileobj=stream)
    try:
        with opened as content:
            while chunk := content.read(min(_CHUNK_SIZE, size + 1 - got)):
                digest.update(chunk)
                got += len(chunk)
    except EOFError as error:
        raise TransferError("short: the gzip stream is cut", transient=True) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise TransferError(f"a damaged gzip file: {error}") from error
    if got != size:
        what = "bytes" if packed else "decompressed bytes"
        more = " or more" if got > size else ""
        raise TransferError(f"wrong size: expected {size} {what}, got {got}{more}")
    if digest.hexdigest() != sha256:
        raise TransferError(f"wrong SHA-256: expected {sha256}, got {digest.hexdigest()}")
