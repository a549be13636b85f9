"""Environment variables of TensorFlow and matplotlib, set before either is loaded.

The environment of a shell, a notebook or a container is made for other programs: a notebook names a
plotting backend that only it has, and a container may have no home folder.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import importlib.util
import io
import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Sequence

from vanilla_gan.errors import OutputError, UsageError


def set_environment() -> None:
    """Sets the environment variables that both libraries read; loads neither."""
    # Hides TensorFlow's messages about the processor; its errors are still shown.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # No window is ever opened, and pictures are drawn in matplotlib's own classic style.
    os.environ["MPLBACKEND"] = "agg"
    package = importlib.util.find_spec("matplotlib")
    if package is not None and package.origin is not None:
        own = pathlib.Path(package.origin).with_name("mpl-data") / "matplotlibrc"
        os.environ["MATPLOTLIBRC"] = str(own)


def accept_every_character() -> None:
    """Makes stdout escape characters that its encoding does not have, as stderr does by default."""
    # The C locale has the second one, which lets through only bytes that are not text.
    refuse = ("strict", "surrogateescape")
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in refuse:
        # This flushes, which fails if the terminal was closed; nothing can be printed then anyway.
        with contextlib.suppress(OSError):
            sys.stdout.reconfigure(errors="backslashreplace")


def check_names(words: Sequence[str]) -> None:
    """Checks that Python and TensorFlow take the words of a command for the same file names.

    Raises:
      UsageError: Python's encoding of file names is not UTF-8, and one of the words is not ASCII.
    """
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8" and not all(word.isascii() for word in words):
        raise UsageError(
            f"this Python encodes file names in {encoding}, but TensorFlow uses UTF-8; set "
            "PYTHONUTF8=1, which run.sh does by itself, or use names in ASCII"
        )


def check_temporary_folder() -> None:
    """Checks that temporary files can be made, which TensorFlow and matplotlib need.

    Side effects: gives matplotlib a temporary folder, removed at exit, if it has no home folder;
    loads it if the current folder has a `matplotlibrc`.

    Raises:
      OutputError: no folder for temporary files can be written.
    """
    try:
        tempfile.gettempdir()
        if "MPLCONFIGDIR" not in os.environ and not _has_a_home():
            folder = tempfile.mkdtemp(prefix="vanilla_gan-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            os.environ["MPLCONFIGDIR"] = folder
    except OSError as error:
        raise OutputError(
            "cannot write to any folder for temporary files; set TMPDIR to a writable folder"
        ) from error
    if os.path.lexists("matplotlibrc"):
        _load_matplotlib_elsewhere()


def _has_a_home() -> bool:
    """Returns whether matplotlib can write to its default folders for settings and cache."""
    try:
        home = pathlib.Path.home()
    except RuntimeError:
        return False
    for folder in (home / ".config" / "matplotlib", home / ".cache" / "matplotlib"):
        there = next(path for path in (folder, *folder.parents) if os.path.exists(path))
        if not (os.path.isdir(there) and os.access(there, os.W_OK | os.X_OK)):
            return False
    return True


def _load_matplotlib_elsewhere() -> None:
    """Loads matplotlib in another folder, because it would read a `matplotlibrc` in this one.

    That file belongs to other programs, and may be damaged.
    """
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.chdir("/")
        with contextlib.suppress(ImportError):
            importlib.import_module("matplotlib")
    finally:
        os.fchdir(here)
        os.close(here)
