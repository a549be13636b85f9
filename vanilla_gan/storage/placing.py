"""A result that is made beside its place, checked there, and only then put in its place."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator

from vanilla_gan.errors import OutputError, UsageError
from vanilla_gan.storage.files import remove, sync_folder, temporary_path, unwritable


@contextlib.contextmanager
def placed(final: pathlib.Path, *, overwrite: bool) -> Iterator[pathlib.Path]:
    """Gives a temporary path that becomes `final` when the block ends without an error.

    What the block makes there may be a file or a folder. Where the block fails, what it made is
    removed, and what stood at `final` stands there still.

    Args:
      final: where the result shall stand; its folder must exist.
      overwrite: whether a file or folder that stands there may be replaced.

    Yields:
      The temporary path, in the same folder; nothing stands there yet.

    Raises:
      UsageError: something stands at `final` already.
      OutputError: the result could not be written or renamed.
    """
    if not overwrite:
        _check_free(final)
    temporary = temporary_path(final)
    try:
        # Asked first: TensorFlow makes missing folders by itself.
        final.parent.stat()
        yield temporary
        _sync_below(temporary)
        if os.path.lexists(final):
            if not overwrite:
                _check_free(final)
            # Renamed first: a folder cannot be renamed onto one that holds something.
            doomed = temporary_path(final)
            os.rename(final, doomed)
            os.rename(temporary, final)
            remove(doomed)
        else:
            os.rename(temporary, final)
        sync_folder(final.parent)
    except OSError as error:
        raise unwritable(final, error) from error
    except OutputError as error:
        # It names the temporary path, which is nobody's business.
        if isinstance(error.__cause__, OSError):
            raise unwritable(final, error.__cause__) from error
        raise
    finally:
        remove(temporary)


def _check_free(final: pathlib.Path) -> None:
    if os.path.lexists(final):
        raise UsageError(
            f"--out={final}: it exists already; choose another name, or give --overwrite"
        )


def _sync_below(path: pathlib.Path) -> None:
    """Flushes a file, or a folder with all that is in it, to the disk."""
    if not path.is_dir():
        with open(path, "rb+") as stream:
            os.fsync(stream.fileno())
        return
    for child in path.iterdir():
        _sync_below(child)
    sync_folder(path)
