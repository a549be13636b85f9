"""What TensorFlow and matplotlib read in the environment, set before either is loaded.

The environment of a shell, a notebook or a container is made for other programs: a notebook names a
plotting backend that only it has, a container may have no home.
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
    """Sets what both libraries read in the environment of a command; loads neither."""
    # TensorFlow's chatter about the processor is no news; its errors still come through.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # No window is ever opened, and pictures are drawn in matplotlib's own classic style.
    os.environ["MPLBACKEND"] = "agg"
    package = importlib.util.find_spec("matplotlib")
    if package is not None and package.origin is not None:
        own = pathlib.Path(package.origin).with_name("mpl-data") / "matplotlibrc"
        os.environ["MATPLOTLIBRC"] = str(own)


def accept_every_character() -> None:
    """Lets stdout escape what its encoding does not have, as stderr does by itself."""
    # The second is what the locale C has: it only lets bytes through that are no text.
    refuse = ("strict", "surrogateescape")
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in refuse:
        # A terminal that was closed takes no flush, and nothing else either.
        with contextlib.suppress(OSError):
            sys.stdout.reconfigure(errors="backslashreplace")


def check_names(words: Sequence[str]) -> None:
    """Checks that Python and TensorFlow mean the same files by the words of a command.

    Raises:
      UsageError: Python takes names in another encoding than UTF-8, and one of them has letters in
        which the two differ.
    """
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8" and not all(word.isascii() for word in words):
        raise UsageError(
            f"this Python encodes file names in {encoding}, but TensorFlow uses UTF-8; set "
            "PYTHONUTF8=1, which run.sh does by itself, or use names in ASCII"
        )


def check_temporary_folder() -> None:
    """Checks that files can be made somewhere, as TensorFlow and matplotlib need.

    Side effects: gives matplotlib a temporary folder, removed at exit, where it has no home.

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
            "no folder for temporary files is writable; set TMPDIR to one that is"
        ) from error
    if os.path.lexists("matplotlibrc"):
        _load_matplotlib_elsewhere()


def _has_a_home() -> bool:
    """Returns whether matplotlib can keep its settings and its cache where it would by itself."""
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
    """Loads matplotlib from another folder: it reads a file of this name in the current one first.

    The file belongs to other programs, and may be damaged.
    """
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.chdir("/")
        with contextlib.suppress(ImportError):
            importlib.import_module("matplotlib")
    finally:
        os.fchdir(here)
        os.close(here)
