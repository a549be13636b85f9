"""A result that is made beside its place, checked there, and only then put in its place."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator

from vanilla_gan.errors import OutputError, UsageError
from vanilla_gan.storage.files import remove, sync_folder, temporary_path, unwritable


@contextlib.contextmanager
def placed(
    final: pathlib.Path,
    *,
    overwrite: bool,
    is_ours: Callable[[pathlib.Path], bool] = lambda folder: False,
) -> Iterator[pathlib.Path]:
    """Gives a temporary path that becomes `final` when the block ends without an error.

    What the block makes there may be a file or a folder. Where the block fails, what it made is
    removed, and what stood at `final` stands there still.

    Args:
      final: where the result shall stand; its folder must exist.
      overwrite: whether a file that stands there may be replaced, or a folder of ours.
      is_ours: whether a folder that stands there is a result of the same kind, with nothing of
        anybody else's in it.

    Yields:
      The temporary path, in the same folder; nothing stands there yet.

    Raises:
      UsageError: something stands at `final` already, which may not be replaced.
      OutputError: the result could not be written or renamed.
    """
    if overwrite:
        _check_replaceable(final, is_ours)
    else:
        _check_free(final)
    temporary = temporary_path(final)
    try:
        # Asked first: TensorFlow makes missing folders by itself.
        final.parent.stat()
        yield temporary
        _sync_below(temporary)
        if os.path.lexists(final):
            # Once more: it may have come meanwhile.
            if overwrite:
                _check_replaceable(final, is_ours)
            else:
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


def _check_replaceable(final: pathlib.Path, is_ours: Callable[[pathlib.Path], bool]) -> None:
    if os.path.isdir(final) and (os.path.islink(final) or not is_ours(final)):
        raise UsageError(
            f"--out={final}: a folder that holds other things than a result of this command; it is "
            "not replaced: choose another name, or move it away"
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
