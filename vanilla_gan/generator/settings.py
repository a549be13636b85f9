"""The settings of `./run.sh sample`, `export` and `import_weights`."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from vanilla_gan.data.shape import PUBLISHED_CLASSES, PUBLISHED_SHAPE, ImageShape
from vanilla_gan.declare import PATH, SEED, Rule, Settings, at_least, at_most, setting
from vanilla_gan.errors import UsageError
from vanilla_gan.graph.inference import EXPORTED, SIGNATURES
from vanilla_gan.settings import CLASS, SIZE, SystemName
from vanilla_gan.systems import SYSTEMS

_SOURCE = "folder of a run, one of its checkpoints, OUT/best, or a SavedModel"
# Images of 28x28 as float32 take 3 kB each; a grid is drawn whole, in memory.
_COUNT = (at_least(1), at_most(10_000_000))
_SIDE = (at_least(1), at_most(1000))
_POINTS = Rule("at least 2 points, or 0", lambda value: value == 0 or value >= 2, (1, -3))
_IMAGE_SHAPE = Rule(
    "HxW or HxWxC, such as 32x32x3",
    lambda value: re.fullmatch(r"[1-9]\d{0,4}(x[1-9]\d{0,4}){1,2}", value) is not None,
    ("32", "32x", "0x32", "3x32x32x1", "axb", ""),
)
_DEFAULT_OUT = {
    "saved_model": "saved_model",
    "npz": "weights.npz",
    "onnx": "{signature}.onnx",
    "tflite": "model.tflite",
}
# The endings of names, by format; a name with the ending of an unsupported format is refused.
_SAMPLE_ENDINGS: Mapping[str, tuple[str, ...]] = {
    "png": (".png",),
    "npy": (".npy",),
    "npz": (".npz",),
    "idx": ("-ubyte", "-ubyte.gz", ".idx"),
}
_EXPORT_ENDINGS = {"npz": (".npz",), "onnx": (".onnx",), "tflite": (".tflite",)}
_PICTURES = (".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".pdf", ".svg")
_MODELS = (".h5", ".hdf5", ".keras", ".pb", ".pt", ".pth", ".ckpt", ".pkl", ".safetensors")
_FILES_OF_PREFIX = re.compile(r"\.(?:index|meta|data-\d{5}-of-\d{5})$")


def _format_by_name(
    config: Any, endings: Mapping[str, tuple[str, ...]], foreign: tuple[str, ...]
) -> str:
    """Returns the format that is given, or else the one that the name's ending says.

    Raises:
      UsageError: the two differ, or the ending is that of a format that is not written.
    """
    name = str(config.out or "").lower()
    meant = next((of for of, ends in endings.items() if name.endswith(ends)), None)
    if "format" not in config.given:
        if name.endswith(foreign):
            expected = ", ".join(ending for ends in endings.values() for ending in ends)
            raise UsageError(
                f"--out={config.out}: this command does not write that format; expected a name "
                f"that ends in one of {expected}, or --format"
            )
        return meant or str(config.format)
    if meant not in (None, config.format):
        raise UsageError(
            f"--out={config.out}: the name says {meant}, but --format says {config.format}; leave "
            "--format out, or choose another name"
        )
    return str(config.format)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampleConfig(Settings):
    """What to sample, and into which file."""

    source: str = setting("out", _SOURCE, PATH, flag="from")
    out: str | None = setting(
        None, "file to write, or folder with --separate (default samples.png, .npy, ...)", PATH
    )
    format: str = setting(
        "png",
        "PNG picture, NumPy arrays, or MNIST's own format; by default, the ending of --out decides",
        choices=("png", "npy", "npz", "idx"),
    )
    n: int | None = setting(
        None, "how many images; by default a grid of 4x4 or --rows x --cols; 5 for a walk", *_COUNT
    )
    rows: int | None = setting(None, "rows of the grid", *_SIDE)
    cols: int | None = setting(None, "columns of the grid", *_SIDE)
    separate: bool = setting(False, "write one PNG per image, at its own size")
    seed: int | None = setting(
        None, "seed of the noise; by default a new one is drawn and printed", SEED
    )
    sample_class: str | None = setting(
        None,
        "for conditional systems: a class, by number or name; all: each class in turn",
        CLASS,
        flag="class",
    )
    interpolate: int = setting(
        0,
        "walk from each image to the next in this many points, as a strip and a GIF",
        _POINTS,
        at_most(10_000),
    )
    inputs: str | None = setting(
        None, "npy file with noise, [n, z_dim], to use instead of drawing it", PATH
    )
    overwrite: bool = setting(False, "replace the files that --out names, if they exist")

    def __post_init__(self) -> None:
        super().__post_init__()
        # A folder may have any name, and the name of a walk's GIF gets an error of its own below.
        if not self.separate:
            foreign = tuple(end for end in _PICTURES if not self.interpolate or end != ".gif")
            found = _format_by_name(self, _SAMPLE_ENDINGS, foreign)
            object.__setattr__(self, "format", found)
        if self.separate and self.format != "png":
            raise UsageError("--separate writes PNG files; leave out --format")
        if self.interpolate and (self.separate or self.rows or self.cols):
            raise UsageError(
                "--interpolate decides the layout of its strip; leave out --rows, --cols and "
                "--separate"
            )
        if self.interpolate and self.format == "png" and self.gif_path == self.path:
            raise UsageError(
                f"--out={self.out}: it names the GIF, but --interpolate writes a PNG strip there "
                "and the GIF beside it; give the name of the strip, such as walk.png"
            )
        if self.rows and self.cols and self.n and self.n > self.rows * self.cols:
            raise UsageError(
                f"--n={self.n} images do not fit into {self.rows} rows of {self.cols}; "
                "leave one of the three out"
            )
        if self.inputs is not None and (self.seed is not None or self.n is not None):
            raise UsageError("--inputs already holds the noise; leave out --seed and --n")

    @property
    def path(self) -> pathlib.Path:
        """Where the result goes."""
        if self.out is not None:
            return pathlib.Path(self.out)
        if self.separate:
            return pathlib.Path("samples")
        ending = {"idx": "-images-idx3-ubyte.gz"}.get(self.format, f".{self.format}")
        return pathlib.Path(f"samples{ending}")

    @property
    def gif_path(self) -> pathlib.Path:
        """Where the walk's GIF goes, beside the strip."""
        return self.path.parent / f"{self.path.stem}.gif"

    @property
    def labels_path(self) -> pathlib.Path:
        """Where the labels go, beside images in MNIST's format."""
        name = self.path.name.replace("images-idx3", "labels-idx1")
        if name == self.path.name:
            name = f"{name}.labels-idx1-ubyte.gz"
        return self.path.parent / name


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportConfig(Settings):
    """What to export, and where to; every format except ONNX holds both networks."""

    source: str = setting("out", _SOURCE, PATH, flag="from")
    out: str | None = setting(
        None,
        "folder or file to write (default saved_model, weights.npz, generate.onnx or model.tflite)",
        PATH,
    )
    format: str = setting(
        "saved_model",
        "by default, the ending of --out decides; onnx needs the extra [onnx]",
        choices=("saved_model", "npz", "onnx", "tflite"),
    )
    signature: str | None = setting(None, "which function an ONNX file holds", choices=EXPORTED)
    overwrite: bool = setting(False, "replace --out if it exists")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "format", _format_by_name(self, _EXPORT_ENDINGS, _MODELS))
        if self.signature is not None and self.format != "onnx":
            raise UsageError(
                f"--signature says which function an ONNX file holds; --format={self.format} holds "
                "both networks; leave out --signature"
            )

    @property
    def path(self) -> pathlib.Path:
        """Where the export goes."""
        default = _DEFAULT_OUT[self.format].format(signature=self.onnx_signature)
        return pathlib.Path(self.out or default)

    @property
    def onnx_signature(self) -> str:
        """The function that an ONNX file holds."""
        return self.signature or SIGNATURES[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportConfig(Settings):
    """Which weights to import, and where to."""

    source: str = setting(
        "",
        "prefix of the checkpoint, as tf.train.Saver.save returned it",
        flag="from",
        missing="expected a checkpoint's prefix, such as model.ckpt-1000",
    )
    system: SystemName = setting(
        "vanilla", "the system that the weights belong to", choices=SYSTEMS
    )
    z_dim: int | None = setting(None, "length of a noise vector, if not the system's own", *SIZE)
    h_dim: int | tuple[int, ...] | None = setting(
        None, "units per hidden layer, as for train, if not the system's own", *SIZE
    )
    image_shape: str = setting(
        str(PUBLISHED_SHAPE), "shape of its images: HxW, or HxWxC with C channels", _IMAGE_SHAPE
    )
    strided_layers: int | None = setting(
        None,
        "for conv: strided layers per network, if not the usual number for that image size",
        at_least(1),
    )
    num_classes: int = setting(PUBLISHED_CLASSES, "classes of a conditional system", *SIZE)
    map: str | None = setting(
        None, "JSON file: an object that maps the system's variable names to the checkpoint's", PATH
    )
    out: str = setting("weights.npz", "npz file to write", PATH)
    overwrite: bool = setting(False, "replace --out if it exists")

    @property
    def shape(self) -> ImageShape:
        """The shape of its images."""
        return ImageShape(*map(int, self.image_shape.split("x")))

    @property
    def prefix(self) -> str:
        """The checkpoint's prefix, even if one of its files was named."""
        return _FILES_OF_PREFIX.sub("", self.source)
