"""`./run.sh sample`: images of a trained generator as pictures, arrays or IDX files."""

from __future__ import annotations

import functools
import itertools
import math
import os
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import PIL.Image

from vanilla_gan.data.idx import write_idx, write_idx_blocks
from vanilla_gan.data.shape import POINT
from vanilla_gan.data.streams import fresh_seed
from vanilla_gan.drawing.points import renderer
from vanilla_gan.drawing.shown import shown
from vanilla_gan.errors import UsageError
from vanilla_gan.generator.generator import BLOCK, Generator
from vanilla_gan.generator.latent import walk
from vanilla_gan.generator.settings import SampleConfig
from vanilla_gan.runfolder.place import Place
from vanilla_gan.settings import bad_class
from vanilla_gan.storage.arrays import read_npy
from vanilla_gan.storage.npz import ArrayBlocks, write_npz
from vanilla_gan.storage.reading import reason_of
from vanilla_gan.systems import noise

# Yields the same noise each time it is called, float32 [rows, z_dim].
Noise = Callable[[], Iterator[npt.NDArray[np.float32]]]

FRAME_MS = 100
MAX_INPUTS = 1 << 32  # bytes of the noise in a file
# The approximate length of a frame's longer side.
_GIF_PX = 280


def sample(config: SampleConfig, inform: Callable[[str], None]) -> list[pathlib.Path]:
    """Samples what `config` asks for, and returns the files that were written.

    Raises:
      VanillaGanError: there is nothing to load, the noise or the classes do not fit, or the place
        is occupied or not writable.
    """
    place, beside = _places(config)
    for each in (place, beside):
        if each is not None:
            each.check()
    with Generator.load(config.source, inform=inform) as generator:
        n, drawn = _noise(config, generator, inform)
        if config.interpolate:
            if n < 2:
                raise UsageError(
                    "--interpolate needs at least 2 points; give more with --n or --inputs"
                )
            spherical = generator.system.sample_Z is noise.normal
            ends = np.concatenate(list(drawn()))
            Z = walk(ends, config.interpolate, spherical=spherical).reshape(-1, generator.z_dim)
            n, drawn = len(Z), functools.partial(_in_blocks, Z)
        elif config.rows and config.cols and n > config.rows * config.cols:
            raise UsageError(
                f"{n} images do not fit into {config.rows} rows of {config.cols}; leave out --rows "
                "or --cols"
            )
        classes = _classes(config, generator, n, inform)
        if beside is not None and config.format == "idx" and classes is None:
            _check_no_labels(beside.path)
        written = _write(config, place, beside, Blocks(generator, n, drawn, classes))
    for path in written:
        inform(f"wrote {path}")
    return written


def _places(config: SampleConfig) -> tuple[Place, Place | None]:
    """Returns the place of the result, and that of the labels or the GIF beside it, if any."""
    if config.separate:
        is_given_up = config.overwrite or _is_empty(config.path)
        return Place(config.path, is_given_up, _holds_pictures_alone), None
    beside = None
    if config.format == "idx":
        beside = Place(config.labels_path, config.overwrite)
    elif config.interpolate and config.format == "png":
        beside = Place(config.gif_path, config.overwrite)
    return Place(config.path, config.overwrite), beside


def _check_no_labels(path: pathlib.Path) -> None:
    """Checks that there is no file of labels beside images that have no labels.

    Raises:
      UsageError: there is one.
    """
    if os.path.lexists(path):
        raise UsageError(
            f"{path} holds labels, but this generator draws images without labels; the old labels "
            "would seem to belong to the new images; choose another --out"
        )


def _is_empty(folder: pathlib.Path) -> bool:
    try:
        return not os.listdir(folder)
    except OSError:
        return False


def _holds_pictures_alone(folder: pathlib.Path) -> bool:
    """Returns whether a folder holds nothing but what `--separate` writes."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return False
    return all(
        entry.is_file(follow_symlinks=False) and re.fullmatch(r"\d{3,}\.png", entry.name)
        for entry in entries
    )


def _noise(
    config: SampleConfig, generator: Generator, inform: Callable[[str], None]
) -> tuple[int, Noise]:
    """Returns how many noise vectors there are, and a function that yields them."""
    if config.inputs is not None:
        try:
            loaded = read_npy(config.inputs, max_bytes=MAX_INPUTS)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--inputs={config.inputs} cannot be read as a npy file: {reason_of(error)}; "
                "expected a npy file with one array"
            ) from error
        if not loaded.size:
            raise UsageError(f"--inputs={config.inputs}: it holds no noise vectors")
        given = generator.checked_noise(loaded)
        return len(given), functools.partial(_in_blocks, given)
    default = 5 if config.interpolate else (config.rows or 4) * (config.cols or 4)
    n = config.n or default
    seed = config.seed
    if seed is None:
        seed = fresh_seed()
        inform(f"--seed {seed} draws these samples again")
    return n, functools.partial(generator.noise_blocks, n, seed)


def _in_blocks(noise: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
    for start in range(0, len(noise), BLOCK):
        yield noise[start : start + BLOCK]


def _classes(
    config: SampleConfig, generator: Generator, n: int, inform: Callable[[str], None]
) -> npt.NDArray[np.intp] | None:
    if not generator.system.conditional:
        if config.sample_class is not None:
            raise UsageError(
                f"--class={config.sample_class}: system {generator.config.system} is not "
                "conditional; leave it out"
            )
        return None
    classes = generator.config.classes
    if config.sample_class in (None, "all"):
        drawn = classes.trained
    else:
        label = classes.label(config.sample_class)
        if label is None:
            raise bad_class("class", config.sample_class, classes)
        drawn = [label]
    if classes.names:
        inform(f"classes shown: {classes._replace(trained=drawn).listed()}")
    # Each leg of a walk shows one class, so that only the noise changes along it.
    turns = np.arange(n) // max(config.interpolate, 1) % len(drawn)
    labels: npt.NDArray[np.intp] = np.array(drawn)[turns]
    return labels


class Blocks(NamedTuple):
    """Images that are drawn block by block, so that only a few are in memory at a time.

    Attributes:
      generator: draws them.
      n: how many.
      noise: yields the noise, float32 [rows, z_dim], the same each time it is called.
      classes: for conditional systems, intp [n].
    """

    generator: Generator
    n: int
    noise: Noise
    classes: npt.NDArray[np.intp] | None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all images together, [n, H, W] or [n, H, W, C]."""
        return (self.n, *self.generator.config.image_shape.array)

    def images(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yields the images, float32 [rows, ...], in the generator's range."""
        start, most = 0, self.generator.rows
        for block in self.noise():
            # A thousand large images would take gigabytes.
            for Z in np.split(block, range(most, len(block), most)):
                rows = slice(start, start := start + len(Z))
                yield self.generator(Z, None if self.classes is None else self.classes[rows])

    def grey(self) -> Iterator[npt.NDArray[np.uint8]]:
        """Yields the images as grey values, uint8 [rows, ...]."""
        return map(self.generator.to_grey, self.images())


def _write(
    config: SampleConfig, place: Place, beside: Place | None, drawn: Blocks
) -> list[pathlib.Path]:
    """Writes what was asked for, and returns its paths."""
    n, classes = drawn.n, drawn.classes
    if config.format != "png" or config.separate:
        with place.whole() as path:
            if config.separate:
                _write_separate(path, drawn)
            elif config.format == "idx":
                write_idx_blocks(path, drawn.shape, drawn.grey())
            elif config.format == "npy":
                with open(path, "xb") as stream:
                    ArrayBlocks(drawn.shape, np.dtype("<f4"), drawn.images()).write(stream)
            else:
                float32, z_dim = np.dtype(np.float32), drawn.generator.z_dim
                arrays: dict[str, Any] = {
                    "images": ArrayBlocks(drawn.shape, float32, drawn.images()),
                    "Z": ArrayBlocks((n, z_dim), float32, drawn.noise()),
                }
                write_npz(path, arrays if classes is None else {**arrays, "classes": classes})
        if beside is None or classes is None:
            return [place.path]
        with beside.whole() as path:
            write_idx(path, classes.astype(np.uint8))
        return [place.path, beside.path]
    images, shape = np.concatenate(list(drawn.images())), drawn.generator.config.image_shape
    ends = drawn.generator.system.pixels()[[0, 255]].tolist()
    if beside is not None:
        with place.whole() as path:
            renderer(n // config.interpolate, config.interpolate, shape, *ends).save(path, images)
        with beside.whole() as path:
            if shape == POINT:
                plot = renderer(1, 1, shape, *ends)
                _write_gif(path, np.stack([plot.draw(i[None])[..., 0].copy() for i in images]))
            else:
                _write_gif(path, shown(drawn.generator.to_grey(images), shape))
        return [place.path, beside.path]
    # All points are in one plot.
    rows, cols = (1, n) if shape == POINT else _layout(config, n)
    empty = np.full((rows * cols - n, *shape.array), images.min(), np.float32)
    with place.whole() as path:
        renderer(rows, cols, shape, *ends).save(path, np.concatenate([images, empty]))
    return [place.path]


def _layout(config: SampleConfig, n: int) -> tuple[int, int]:
    if config.rows and config.cols:
        return config.rows, config.cols
    if config.rows:
        return config.rows, math.ceil(n / config.rows)
    cols = config.cols or math.ceil(math.sqrt(n))
    return math.ceil(n / cols), cols


def _write_separate(folder: pathlib.Path, drawn: Blocks) -> None:
    folder.mkdir()
    digits = max(3, len(str(drawn.n - 1)))
    pictures = (shown(grey, drawn.generator.config.image_shape) for grey in drawn.grey())
    for number, grey in enumerate(itertools.chain.from_iterable(pictures)):
        PIL.Image.fromarray(grey).save(folder / f"{number:0{digits}d}.png", "png")


def _write_gif(path: pathlib.Path, grey: npt.NDArray[np.uint8]) -> None:
    height, width = grey.shape[1:3]
    enlarged = max(1, _GIF_PX // max(height, width))
    size = (width * enlarged, height * enlarged)
    frames = [PIL.Image.fromarray(image).resize(size) for image in grey]
    frames[0].save(path, "gif", save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0)
