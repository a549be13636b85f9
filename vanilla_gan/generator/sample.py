"""`./run.sh sample`: images of a trained generator as pictures, arrays or IDX files."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from vanilla_gan.data.idx import write_idx
from vanilla_gan.data.streams import fresh_seed
from vanilla_gan.drawing.grid import GridRenderer
from vanilla_gan.drawing.shown import shown
from vanilla_gan.errors import UsageError
from vanilla_gan.generator.generator import BLOCK, Generator
from vanilla_gan.generator.latent import walk
from vanilla_gan.generator.settings import SampleConfig
from vanilla_gan.storage.files import unwritable, whole_file
from vanilla_gan.storage.npz import write_npz
from vanilla_gan.systems import noise

FRAME_MS = 100
# How long the longer side of a frame is, about.
_GIF_PX = 280


def sample(config: SampleConfig, inform: Callable[[str], None]) -> list[pathlib.Path]:
    """Samples what `config` asks for, and returns the files that were written.

    Raises:
      VanillaGanError: nothing to load, noise or classes that do not fit, or an unwritable file.
    """
    with Generator.load(config.source, inform=inform) as generator:
        Z = generator.checked_noise(_noise(config, generator, inform))
        if config.interpolate:
            if len(Z) < 2:
                raise UsageError(
                    "--interpolate needs at least 2 points; give more, by --n or in --inputs"
                )
            spherical = generator.system.sample_Z is noise.normal
            Z = walk(Z, config.interpolate, spherical=spherical).reshape(-1, generator.z_dim)
        classes = _classes(config, generator, len(Z))
        written = _write(config, generator, Z, classes)
    for path in written:
        inform(f"wrote {path}")
    return written


def _noise(
    config: SampleConfig, generator: Generator, inform: Callable[[str], None]
) -> npt.NDArray[Any]:
    if config.inputs is not None:
        try:
            loaded = np.load(config.inputs, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise UsageError(
                f"--inputs={config.inputs} cannot be read as a npy file: {error}"
            ) from error
        if not isinstance(loaded, np.ndarray):
            raise UsageError(f"--inputs={config.inputs}: expected a npy file with one array")
        if not loaded.size:
            raise UsageError(f"--inputs={config.inputs}: it holds no noise vectors")
        return loaded
    default = 5 if config.interpolate else (config.rows or 4) * (config.cols or 4)
    n = config.n or default
    seed = config.seed
    if seed is None:
        seed = fresh_seed()
        inform(f"--seed {seed} draws these samples again")
    return generator.sample_Z(n, seed)


def _classes(config: SampleConfig, generator: Generator, n: int) -> npt.NDArray[np.intp] | None:
    if not generator.system.conditional:
        if config.sample_class is not None:
            raise UsageError(
                f"--class={config.sample_class}: system {generator.config.system} is not "
                "conditional; leave it out"
            )
        return None
    if config.sample_class in (None, "all"):
        # Each leg of a walk shows one class: its points are steps of one change.
        return np.arange(n) // max(config.interpolate, 1) % generator.config.num_classes
    return np.full(n, int(config.sample_class or 0))


def _write(
    config: SampleConfig,
    generator: Generator,
    Z: npt.NDArray[np.float32],
    classes: npt.NDArray[np.intp] | None,
) -> list[pathlib.Path]:
    path = config.path
    if config.format == "npy":
        _write_npy(path, generator, Z, classes)
        return [path]
    if config.format == "npz":
        arrays = {"images": generator(Z, classes), "Z": Z}
        write_npz(path, arrays if classes is None else {**arrays, "classes": classes})
        return [path]
    if config.format == "idx":
        return _write_idx(path, generator, Z, classes)
    if config.separate:
        return _write_separate(path, generator, Z, classes)
    images, shape = generator(Z, classes), generator.config.image_shape
    if config.interpolate:
        rows = len(Z) // config.interpolate
        GridRenderer(rows, config.interpolate, shape).save(path, images)
        frames = shown(generator.to_grey(images), shape)
        return [path, _write_gif(path.with_suffix(".gif"), frames)]
    rows, cols = _layout(config, len(images))
    empty = np.full((rows * cols - len(images), *shape.array), images.min(), np.float32)
    GridRenderer(rows, cols, shape).save(path, np.concatenate([images, empty]))
    return [path]


def _layout(config: SampleConfig, n: int) -> tuple[int, int]:
    if config.rows and config.cols:
        return config.rows, config.cols
    if config.rows:
        return config.rows, math.ceil(n / config.rows)
    cols = config.cols or math.ceil(math.sqrt(n))
    return math.ceil(n / cols), cols


def _blocks(
    generator: Generator, Z: npt.NDArray[np.float32], classes: npt.NDArray[np.intp] | None
) -> Iterator[npt.NDArray[np.float32]]:
    for start in range(0, len(Z), BLOCK):
        block = slice(start, start + BLOCK)
        yield generator(Z[block], None if classes is None else classes[block])


def _write_npy(
    path: pathlib.Path,
    generator: Generator,
    Z: npt.NDArray[np.float32],
    classes: npt.NDArray[np.intp] | None,
) -> None:
    header = {
        "descr": "<f4",
        "fortran_order": False,
        "shape": (len(Z), *generator.config.image_shape.array),
    }
    with whole_file(path) as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for images in _blocks(generator, Z, classes):
            stream.write(images.astype("<f4").tobytes())


def _write_idx(
    path: pathlib.Path,
    generator: Generator,
    Z: npt.NDArray[np.float32],
    classes: npt.NDArray[np.intp] | None,
) -> list[pathlib.Path]:
    grey = np.empty((len(Z), *generator.config.image_shape.array), np.uint8)
    for number, images in enumerate(_blocks(generator, Z, classes)):
        grey[number * BLOCK : number * BLOCK + len(images)] = generator.to_grey(images)
    write_idx(path, grey)
    if classes is None:
        return [path]
    name = path.name.replace("images-idx3", "labels-idx1")
    labels = path.with_name(name if name != path.name else f"{path.name}.labels-idx1-ubyte.gz")
    write_idx(labels, classes.astype(np.uint8))
    return [path, labels]


def _write_separate(
    folder: pathlib.Path,
    generator: Generator,
    Z: npt.NDArray[np.float32],
    classes: npt.NDArray[np.intp] | None,
) -> list[pathlib.Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    digits = max(3, len(str(len(Z) - 1)))
    number = 0
    for images in _blocks(generator, Z, classes):
        for grey in shown(generator.to_grey(images), generator.config.image_shape):
            with whole_file(folder / f"{number:0{digits}d}.png") as stream:
                PIL.Image.fromarray(grey).save(stream, "png")
            number += 1
    return [folder]


def _write_gif(path: pathlib.Path, grey: npt.NDArray[np.uint8]) -> pathlib.Path:
    height, width = grey.shape[1:3]
    enlarged = max(1, _GIF_PX // max(height, width))
    size = (width * enlarged, height * enlarged)
    frames = [PIL.Image.fromarray(image).resize(size) for image in grey]
    with whole_file(path) as stream:
        frames[0].save(
            stream, "gif", save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0
        )
    return path
