"""A lock that allows one run per folder; it ends with its process, and names its holder."""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import json
import os
import pathlib
import socket
from collections.abc import Callable, Iterator, Mapping

from vanilla_gan.errors import RunConflictError
from vanilla_gan.runfolder.names import LOCK
from vanilla_gan.storage.fields import COUNT, TEXT, Kind, check_fields
from vanilla_gan.storage.files import unwritable
from vanilla_gan.storage.own import open_own
from vanilla_gan.storage.reading import MAX_JSON, read_file

_OWNER: Mapping[str, Kind] = {"host": TEXT, "pid": COUNT, "started": TEXT}
# Errors of file systems without locks: Lustre, FUSE, NFS without its lock service, and others.
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL}


@contextlib.contextmanager
def run_lock(
    out_dir: pathlib.Path, inform: Callable[[str], None] = lambda line: None
) -> Iterator[None]:
    """Holds `out_dir/run.lock` during the block.

    What counts is the kernel's lock on the file, not whether the file exists: however a process
    ends, its lock ends too, and the next process takes the file over. The file holds the host, pid
    and start time of the holder, for the error that others get.

    Args:
      out_dir: the folder.
      inform: called with a warning if the file system has no locks; the block runs anyway.

    Raises:
      RunConflictError: another process holds it.
      OutputError: the file cannot be created.
    """
    path = out_dir / LOCK
    try:
        descriptor = _lock_file(path, inform)
    except BlockingIOError as error:
        raise RunConflictError(
            f"{out_dir} is in use: {_holder(path)} is training there; wait for it, stop it, or "
            "choose another --out"
        ) from error
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        owner = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        }
        # A full disk must not stop the run here: a later step reports it better.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(owner).encode() + b"\n")
        yield
    finally:
        # Removed while it is still locked; see the check in _lock_file.
        with contextlib.suppress(OSError):
            if _same_file(descriptor, path):
                path.unlink()
        os.close(descriptor)


def _lock_file(path: pathlib.Path, inform: Callable[[str], None]) -> int:
    while True:
        descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                inform(
                    f"warning: the file system of {path.parent} has no locks ({error.strerror}); "
                    "train one run at a time there"
                )
            if _same_file(descriptor, path):
                return descriptor
            # The holder removed the file between our open and our lock: lock the new one.
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _same_file(descriptor: int, path: pathlib.Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _holder(path: pathlib.Path) -> str:
    try:
        owner = json.loads(read_file(path, MAX_JSON))
        check_fields(owner, _OWNER)
        return f"process {owner['pid']} on {owner['host']}, started {owner['started']},"
    except (OSError, ValueError, RecursionError):
        return "another process"
