"""`./run.sh sample`: images of a trained generator as pictures, arrays or IDX files."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from vanilla_gan.data.dataset import NUM_CLASSES
from vanilla_gan.data.idx import write_idx
from vanilla_gan.data.streams import fresh_seed
from vanilla_gan.drawing.grid import GridRenderer
from vanilla_gan.errors import UsageError
from vanilla_gan.generator.generator import BLOCK, Generator
from vanilla_gan.generator.latent import walk
from vanilla_gan.generator.settings import SampleConfig
from vanilla_gan.storage.files import unwritable, whole_file
from vanilla_gan.storage.npz import read_npy, write_npz
from vanilla_gan.storage.reading import reason_of
from vanilla_gan.systems import noise

FRAME_MS = 100
MAX_INPUTS = 1 << 32  # bytes of the noise in a file


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
            loaded = read_npy(config.inputs, max_bytes=MAX_INPUTS)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--inputs={config.inputs} cannot be read as a npy file: {reason_of(error)}; "
                "expected a npy file with one array"
            ) from error
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
        return np.arange(n) // max(config.interpolate, 1) % NUM_CLASSES
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
    images = generator(Z, classes)
    if config.interpolate:
        rows = len(Z) // config.interpolate
        GridRenderer(rows, config.interpolate).save(path, images)
        return [path, _write_gif(path.with_suffix(".gif"), generator.to_grey(images))]
    rows, cols = _layout(config, len(images))
    empty = np.full((rows * cols - len(images), 28, 28), images.min(), np.float32)
    GridRenderer(rows, cols).save(path, np.concatenate([images, empty]))
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
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(Z), 28, 28)}
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
    grey = np.empty((len(Z), 28, 28), np.uint8)
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
        for grey in generator.to_grey(images):
            with whole_file(folder / f"{number:0{digits}d}.png") as stream:
                PIL.Image.fromarray(grey).save(stream, "png")
            number += 1
    return [folder]


def _write_gif(path: pathlib.Path, grey: npt.NDArray[np.uint8]) -> pathlib.Path:
    frames = [PIL.Image.fromarray(image).resize((280, 280)) for image in grey]
    with whole_file(path) as stream:
        frames[0].save(
            stream, "gif", save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0
        )
    return path
