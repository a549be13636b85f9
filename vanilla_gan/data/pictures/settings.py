"""The settings of `./run.sh import_images`."""

from __future__ import annotations

import dataclasses
import pathlib

from vanilla_gan.data.download.catalog import CATALOG
from vanilla_gan.data.known import is_own_name
from vanilla_gan.data.pictures.picture import FITS, Fitting
from vanilla_gan.data.shape import PUBLISHED_SHAPE
from vanilla_gan.declare import ABOVE_0, SEED, Rule, Settings, setting, within

_OUT = Rule(
    "a folder in a --data_dir, with a name of its own for --dataset, for example data/birds",
    lambda value: is_own_name(pathlib.Path(value).name) or pathlib.Path(value).name in CATALOG,
    ("data/..", "data/auto", "MNIST", "data/cifar10"),
)
_SHARE = Rule("a number between 0 and 1", lambda value: 0 < value < 1, (0.0, 1.0, float("nan")))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportConfig(Settings):
    """Which pictures to import, how, and to which folder."""

    source: str = setting(
        "",
        "folder of pictures, or a .npy, .npz, .csv or IDX file; may also be given without --from",
        flag="from",
        missing="give the folder of pictures",
        word="DIR",
    )
    out: str = setting(
        "",
        "folder to make, such as data/birds; train on it with --dataset birds and --data_dir data",
        _OUT,
        missing="give the folder to make",
    )
    size: int = setting(
        PUBLISHED_SHAPE.height,
        "height and width of the images, in pixels",
        within(1, 1024, "a number of pixels"),
    )
    color: bool = setting(False, "keep red, green and blue; by default images are grey")
    fit: str = setting(
        "contain",
        "contain: the whole picture with a margin; cover: its largest centred square; stretch: "
        "the whole picture, distorted into a square",
        choices=FITS,
    )
    invert: bool = setting(False, "turn black on white into white on black, as in MNIST")
    background: int | None = setting(
        None,
        "grey value 0..255 behind and around pictures; by default black",
        within(0, 255, "a grey value"),
    )
    white: float | None = setting(
        None, "value that becomes white, if values have over 8 bits: 4095 for 12 bits", ABOVE_0
    )
    transpose: bool = setting(
        False, "swap rows and columns, for images stored that way, as in EMNIST"
    )
    all_frames: bool = setting(False, "take every frame of an animation, not only the first")
    test_share: float = setting(
        1 / 7, "share of the pictures to test on, in (0, 1); 1/7 as in MNIST", _SHARE, shown="1/7"
    )
    seed: int = setting(0, "seed for shuffling the pictures, which decides the split", SEED)
    repeat: bool = setting(False, "fill the validation split, the first 5000 images, with copies")
    skip_bad: bool = setting(False, "leave out files that cannot be read")

    @property
    def out_dir(self) -> pathlib.Path:
        """The folder to make, as a path."""
        return pathlib.Path(self.out)

    @property
    def fitting(self) -> Fitting:
        """How pictures become images, with the default background filled in."""
        background = 255 if self.invert else 0
        return Fitting(
            self.fit,
            background if self.background is None else self.background,
            self.invert,
            visible=self.background is None,
            white=self.white,
            all_frames=self.all_frames,
            size=self.size,
            color=self.color,
        )
