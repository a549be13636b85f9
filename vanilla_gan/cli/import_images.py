"""`./run.sh import_images`: the flags of making a data set from a folder of pictures."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection, Mapping
from typing import Any

from vanilla_gan.cli.flags import Flags
from vanilla_gan.data.pictures.import_images import ImportConfig, import_images
from vanilla_gan.data.pictures.picture import FITS
from vanilla_gan.errors import UsageError

SUMMARY = (
    "Makes a data set from a folder of pictures: 28x28, grey, in the four files that train reads.\n"
    "Subfolders are classes. At least 5001 training images are needed, or --repeat."
)


def define() -> Flags:
    """Returns the flags of the command."""
    f = Flags(ImportConfig)
    f.string("from", "folder of pictures; may also be given as a plain word", default=None)
    f.word("from", "DIR")
    f.string("out", "folder to make: mnist or fashion_mnist in a --data_dir", default=None)
    f.enum("fit", FITS, "whole picture and a margin, largest centred square, or both sides scaled")
    f.boolean("invert", "turn black on white into white on black, as MNIST is")
    f.integer("background", "grey value 0..255 behind and around pictures; black in the end")
    f.number("test_share", "share of the pictures to test on, in (0, 1); 1/7 as in MNIST", None)
    f.integer("seed", "of the order of the pictures, and so of the split")
    f.boolean("repeat", "fill the validation split, the first 5000 images, with copies")
    f.boolean("skip_bad", "leave out files that cannot be read")
    return f


def run(settings: Mapping[str, Any], given: Collection[str]) -> None:
    """Imports; see `data.pictures.import_images.import_images`."""
    del given
    for name, meaning in (("from", "the folder of pictures"), ("out", "the folder to make")):
        if not settings[name]:
            raise UsageError(f"--{name} is missing: give {meaning}")
    said = {name: value for name, value in settings.items() if value is not None}
    config = ImportConfig(source=said.pop("from"), **said)
    with _Bar() as progress:
        import_images(config, progress.inform, progress)


class _Bar:
    """A bar on stderr if that is a terminal; it makes way for lines."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit="pictures", leave=False, disable=None)
        self._bar.update(done - self._bar.n)

    def inform(self, line: str) -> None:
        """Prints a line on stderr, and takes the bar away before."""
        self.close()
        # A closed terminal is no reason to give up the work.
        with contextlib.suppress(OSError):
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Takes the bar off the terminal."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()
