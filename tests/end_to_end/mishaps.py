"""What can happen to a run: functions to call in its process, before it starts or while it runs."""

from __future__ import annotations

import ctypes
import fcntl
import os
import pathlib
import re
import resource
import signal
import termios

# <linux/capability.h>
_CAPABILITY_VERSION_3 = 0x20080522


def kill(number: int = signal.SIGKILL) -> None:
    """Sends a signal to this process."""
    os.kill(os.getpid(), number)


def limit_file_size(size: int) -> None:
    """Lets no file grow beyond `size` bytes, as a full disk would."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def write_to(path: str, *numbers: int) -> None:
    """Redirects standard output (1), standard error (2) or both to a file."""
    for number in numbers:
        os.dup2(os.open(path, os.O_WRONLY), number)


def make_read_only(*folders: str) -> None:
    """Takes away the right to make and to remove files in folders."""
    for folder in folders:
        os.chmod(folder, 0o555)


def drop_privileges() -> None:
    """Gives up root's extra rights; the process still owns its files."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, nothing):
        raise OSError(ctypes.get_errno(), "capset")


def set_environment(**variables: str) -> None:
    """Sets environment variables."""
    os.environ.update(variables)


def take_terminal(path: str) -> None:
    """Makes a terminal the controlling one of the process, which gets SIGHUP when it is closed."""
    os.setsid()
    terminal = os.open(path, os.O_RDWR)
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for number in (0, 1, 2):
        os.dup2(terminal, number)


def note_memory(path: str) -> None:
    """Appends the size of the resident set, in kB, to a file."""
    status = pathlib.Path("/proc/self/status").read_text()
    with open(path, "a") as stream:
        stream.write(re.search(r"VmRSS:\s+(\d+) kB", status)[1] + "\n")
