"""Puts pipes, links, devices and bombs in the place of files, and runs commands on them.

    python tests/hostile_folders.py RUN EXPORT DATA WORK CASES.json

runs the cases, `[[folder, file, thing, [word, ...]], ...]`, in this one process, whose address
space may grow by `GROWTH` after a harmless round of commands. Prints a line of JSON for each.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import struct
import sys
import time
import traceback
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import mutants

GROWTH = 1 << 29  # bytes
LIMIT_S = 120
BOMB = 3 << 30  # bytes that a bomb of some megabytes unpacks to
SECRET = b"the content of somebody else's file\n"


class Hang(BaseException):
    """A command did not end in time."""


def arrays(path: pathlib.Path) -> None:
    """Writes an npz file of 3 MB whose array `order` takes 3 GB."""
    header = io.BytesIO()
    import numpy as np

    shape = {"descr": "<i8", "fortran_order": False, "shape": (BOMB // 8,)}
    np.lib.format.write_array_header_1_0(header, shape)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("order.npy", "w", force_zip64=True) as member,
    ):
        member.write(header.getvalue())
        for _ in range(BOMB >> 24):
            member.write(bytes(1 << 24))


def packed_images(path: pathlib.Path) -> None:
    """Writes a gzipped IDX file of 3 GB of black images, in 14 MB."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    with path.open("wb") as stream:
        stream.write(packer.compress(struct.pack(">4I", 0x803, BOMB // 784, 28, 28)))
        for _ in range(BOMB >> 24):
            stream.write(packer.compress(bytes(1 << 24)))
        stream.write(packer.flush())


def picture(path: pathlib.Path) -> None:
    """Writes a PNG of 6 GB of pixels."""
    size = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 40_000, 8, 6, 0, 0, 0)
    with path.open("wb") as stream:
        stream.write(b"\x89PNG\r\n\x1a\n")
        for chunk in (size, b"IDAT" + zlib.compress(bytes(1 << 26)), b"IEND"):
            stream.write(struct.pack(">I", len(chunk) - 4) + chunk)
            stream.write(struct.pack(">I", zlib.crc32(chunk)))


# Small files that take gigabytes if they are read as their suffix says.
BOMBS: dict[str, Callable[[pathlib.Path], object]] = {
    ".npz": arrays,
    ".gz": packed_images,
    ".png": picture,
    ".json": lambda path: path.write_bytes(b"[" + b"[[]]," * 30_000_000 + b"0]"),
    ".csv": lambda path: path.write_bytes(b"iteration,d_loss,g_loss\n" + b"1" * (1 << 29)),
}


def put(path: pathlib.Path, thing: str, base: pathlib.Path) -> None:
    """Puts a thing in the place of a file."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    things: dict[str, Callable[[], object]] = {
        "loop": lambda: path.symlink_to(path.name),
        "dangling": lambda: path.symlink_to("nowhere"),
        "device": lambda: path.symlink_to("/dev/zero"),
        "secret": lambda: path.symlink_to(base / "secret"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "sparse": lambda: (path.touch(), os.truncate(path, 1 << 40)),
        "bomb": lambda: shutil.copyfile(base / f"bomb{path.suffix}", path),
        "socket": lambda: bound(path),
    }
    things[thing]()


def bound(path: pathlib.Path) -> None:
    """Makes a socket from within its folder, because the path of a socket must be short."""
    before = os.getcwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(before)


def seal_manifest(folder: pathlib.Path, name: str) -> None:
    """Makes a checkpoint's manifest fit one of its files, if that file can be read."""
    path = folder / "manifest.json"
    content = json.loads(path.read_bytes())
    file = folder / name
    size = file.stat().st_size if file.exists() else 0
    entry = {"bytes": size, "sha256": "0" * 64}
    if file.is_file() and size < 1 << 30:
        entry = mutants.entry(file.read_bytes())
    content["files"][name] = entry
    path.write_bytes(mutants.sealed(content))


def ran(words: list[str]) -> dict[str, Any]:
    """Runs a command in this process; returns its status, output, time and memory."""
    from vanilla_gan.cli import main as cli

    out, err = io.StringIO(), io.StringIO()
    began_s = time.monotonic()
    signal.alarm(LIMIT_S)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status: int | str = cli.main(words)
    except Hang:
        status = "hang"
    except BaseException:
        status = traceback.format_exc()
    finally:
        signal.alarm(0)
    return {
        "status": status,
        "stdout": out.getvalue(),
        "stderr": err.getvalue()[-4000:],
        "seconds": round(time.monotonic() - began_s, 2),
        "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def main(run: str, export: str, data: str, work: str, cases: str) -> None:
    """Runs all cases."""

    def hang(*_: object) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, hang)
    base = pathlib.Path(work)
    os.chdir(base)
    (base / "secret").write_bytes(SECRET)
    todo = json.loads(pathlib.Path(cases).read_text())
    places = {name: base / "case" / name for name in ("run", "export", "data")}

    def fresh(words: list[str]) -> list[str]:
        shutil.rmtree(base / "case", ignore_errors=True)
        for place, source in zip(places.values(), (run, export, data), strict=True):
            shutil.copytree(source, place)
        return [word.format(**places) for word in words]

    # Each command runs once on good files, so that what it loads does not count as growth.
    for words in {tuple(case[-1]): case[-1] for case in todo}.values():
        done = ran(fresh(words))
        assert done["status"] == 0 or words[0] == "compare", done
    for suffix in {pathlib.Path(name).suffix for _, name, thing, _ in todo if thing == "bomb"}:
        BOMBS[suffix](base / f"bomb{suffix}")
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + GROWTH,) * 2)
    for place, name, thing, words in todo:
        ready = fresh(words)
        target = places[place] / name
        put(target, thing, base)
        if target.parent.name.isdecimal() and target.name != "manifest.json":
            seal_manifest(target.parent, target.name)
        found = ran(ready)
        found["secret"] = SECRET.decode().strip() in found["stdout"] + found["stderr"]
        found["kept"] = (base / "secret").read_bytes() == SECRET
        print(json.dumps({"case": [place, name, thing, words], **found}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
