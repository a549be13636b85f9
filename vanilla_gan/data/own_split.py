"""`split.json`: how many of a user's own training images are set apart for validation.

    {"validation": 571}

`import_images` writes it beside the data. `usual_split` says how many there are without it.
"""

from __future__ import annotations

import json
import os
import pathlib

from vanilla_gan.data.dataset import VALIDATION_SIZE
from vanilla_gan.errors import DataError
from vanilla_gan.storage.fields import COUNT, check_fields
from vanilla_gan.storage.reading import MAX_JSON, read_file, reason_of
from vanilla_gan.storage.whole import write_whole

SPLIT_JSON = "split.json"


def validation_of(train: int) -> int:
    """Returns how many of `train` training images to set apart: a tenth, 1 to 5000.

    A single image is not set apart.
    """
    return min(VALIDATION_SIZE, max(train // 10, 1), train - 1)


def usual_split(train: int) -> int:
    """Returns how many of `train` training images are set apart if no file says so."""
    return VALIDATION_SIZE if train > VALIDATION_SIZE else validation_of(train)


def write_split(folder: pathlib.Path, validation: int) -> None:
    """Writes `split.json` into the folder of a data set.

    Raises:
      OutputError: it cannot be written.
    """
    content = json.dumps({"validation": validation}) + "\n"
    write_whole(folder / SPLIT_JSON, content.encode())


def read_split(folder: str | os.PathLike[str], train: int) -> int:
    """Returns how many of `train` images, the first ones, are set apart for validation.

    Without a file the answer is 5000, or a tenth if there are no more than 5000 images.

    Raises:
      DataError: the file is damaged, or nothing would be left to train on.
    """
    path = pathlib.Path(folder, SPLIT_JSON)
    try:
        content = json.loads(read_file(path, MAX_JSON))
        check_fields(content, {"validation": COUNT})
        validation = int(content["validation"])
    except FileNotFoundError:
        return usual_split(train)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path} cannot be used: {reason_of(error)}; put the original back, or remove it; "
            f"without it, {VALIDATION_SIZE} images are set apart for validation, or a tenth of "
            f"them if there are at most {VALIDATION_SIZE}"
        ) from error
    if validation >= train:
        raise DataError(
            f"{path} sets {validation} of {train} images apart for validation; leave at least "
            "one to train on"
        )
    return validation


def validation_then(train: int, now: int, trained_on: int) -> int:
    """Returns how many images an earlier run set apart, or `now` if its record does not fit.

    Args:
      train: how many images there are, the validation split included.
      now: how many of them a new run would set apart.
      trained_on: how many images the run trained on, according to its record.
    """
    then = train - trained_on
    return then if then in (VALIDATION_SIZE, validation_of(train)) else now
