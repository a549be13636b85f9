"""`./run.sh import_images`: the flags of making a data set from a folder of pictures."""

from __future__ import annotations

from typing import Any

from vanilla_gan.cli.flags import Flags
from vanilla_gan.data.pictures.settings import ImportConfig
from vanilla_gan.say import say

SUMMARY = (
    "Makes a data set from a folder of pictures: 28x28, grey, in the four files that train reads.\n"
    "Subfolders are classes. At least 5001 training images are needed, or --repeat."
)


def define() -> Flags:
    """Returns the flags of the command."""
    return Flags(ImportConfig)


def run(config: ImportConfig) -> None:
    """Imports; see `data.pictures.import_images.import_images`."""
    from vanilla_gan.data.pictures.import_images import import_images

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
        say(line)

    def close(self) -> None:
        """Takes the bar off the terminal."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()
