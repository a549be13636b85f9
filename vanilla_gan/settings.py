"""RunConfig: every setting of a run, validated, frozen, saved in `out/run.json`; no TensorFlow."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import typing
from typing import Any

from vanilla_gan.data.streams import fresh_seed
from vanilla_gan.errors import UsageError
from vanilla_gan.systems import SYSTEMS

DATASETS = ("auto", "mnist", "fashion_mnist", "digits")
INITS = ("xavier", "xavier_normal")
LOSSES = ("sigmoid_cross_entropy", "log", "minimax")
ENGINES = ("loop", "feed")
PRECISIONS = ("float32", "bfloat16")
ON_NAN = ("stop", "rewind")
SAMPLE_CLASSES = (*"0123456789", "all")
# Settings that come with a system, in the order of the flags.
SYSTEM_SETTINGS = (
    "iters",
    "epochs",
    "sample_every",
    "batch_size",
    "z_dim",
    "h_dim",
    "learning_rate",
    "adam_epsilon",
    "label_smoothing",
    "dropout_rate",
    "sample_class",
)
# Those of them that every system has, named by it or not.
_COMMON = ("iters", "epochs", "sample_every")
_COUNTS = (
    "iters",
    "epochs",
    "sample_every",
    "log_every",
    "gif_frames",
    "gif_stride",
    "keep_checkpoints",
    "batch_size",
    "z_dim",
    "h_dim",
)
_COUNTS_OR_NONE = (
    "intra_op_threads",
    "inter_op_threads",
    "checkpoint_every",
    "max_rewinds",
    "evaluate_every",
)
# Far more than fits any machine with the rest; TensorFlow fails in riddles beyond it.
MAX_SIZE = 2**20
MAX_SEED = 2**32 - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The settings of one training run.

    The flags of `train` have the same names, and `cli/train.py` their one-line descriptions. Settings
    that come with the system are None until `resolved()` has filled them in, and what follows from
    the number of images until `counted()` has.

    Attributes:
      iters: iterations to train, one update of each network per iteration.
      epochs: the same, counted in passes through the training images; `iters` follows from it.
      system: which published program, a key of `SYSTEMS`.
      loss: one of `LOSSES`.
      init: how weights are initialised, one of `INITS`.
      batch_size: images per update, the listing's `mb_size`.
      z_dim: length of a noise vector.
      h_dim: units of a hidden layer.
      learning_rate: of both Adam optimizers.
      adam_epsilon: added by both to the root of the second moment, above 0.
      label_smoothing: how much less than 1 the discriminator shall say of real images, in [0, 1).
      dropout_rate: share of a layer's values that training sets to 0, in [0, 1).
      sample_class: the class that a conditional system's pictures show, `0` to `9`, or `all`.
      dataset: one of `DATASETS`.
      data_dir: folder that holds (or shall hold) `<dataset>/train-images-idx3-ubyte[.gz]`, ...
      allow_unverified_data: accept IDX files whose checksum is not the published one.
      out: folder of the results.
      overwrite: move an earlier run in `out` aside, to `out.1`, and start anew.
      checkpoint_every: iterations between two checkpoints; 0: by the clock, see `training.loop`.
      keep_checkpoints: how many of the newest checkpoints stay.
      on_nan: `stop`, or `rewind` to the last checkpoint with new noise when numbers diverge.
      max_rewinds: how often a run may be rewound before it stops after all.
      seed: decides every random draw, 0..2**32 - 1; None draws a fresh one.
      sample_every: iterations between two pictures; an epoch in a system that counts in epochs.
      log_every: iterations between two rows of `losses.csv`.
      gif_frames: how many pictures `training.gif` shows.
      gif_stride: it shows every so many-th picture.
      report: keep `report.html` fresh.
      tensorboard: write event files for TensorBoard.
      evaluate_every: iterations between two evaluations, a multiple of `sample_every`; 0 for none.
      init_weights: npz file with an array for each trainable variable, by name; None to draw them.
      engine: `feed`, the published session loop; or `loop`, many iterations a `session.run`.
      precision: `float32`, or `bfloat16` for the products, where the processor has it.
      device: `auto`, `cpu`, `gpu` or `gpu:K`.
      allow_growth: take GPU memory as it is needed instead of all at once.
      gpu_memory_fraction: share of each GPU's memory to use, in (0, 1]; None leaves it open.
      allow_soft_placement: run operations without a GPU kernel on the CPU.
      log_device_placement: log each operation's device.
      tune: before a new run begins, time numbers of threads and take the fastest.
      intra_op_threads: threads within one operation; 0: see `engines.threads`.
      inter_op_threads: operations that run at the same time; 0 lets TensorFlow choose.
    """

    iters: int | None = None
    epochs: int | None = None
    system: str = "vanilla"
    loss: str = "sigmoid_cross_entropy"
    init: str = "xavier"
    batch_size: int | None = None
    z_dim: int | None = None
    h_dim: int | None = None
    learning_rate: float | None = None
    adam_epsilon: float | None = None
    label_smoothing: float | None = None
    dropout_rate: float | None = None
    sample_class: str | None = None
    dataset: str = "auto"
    data_dir: str = "data"
    allow_unverified_data: bool = False
    out: str = "out"
    overwrite: bool = False
    checkpoint_every: int = 0
    keep_checkpoints: int = 3
    on_nan: str = "stop"
    max_rewinds: int = 3
    seed: int | None = None
    sample_every: int | None = None
    log_every: int = 100
    gif_frames: int = 11
    gif_stride: int = 1
    report: bool = False
    tensorboard: bool = False
    evaluate_every: int = 0
    init_weights: str | None = None
    engine: str = "loop"
    precision: str = "float32"
    device: str = "auto"
    allow_growth: bool = True
    gpu_memory_fraction: float | None = None
    allow_soft_placement: bool = True
    log_device_placement: bool = False
    tune: bool = False
    intra_op_threads: int = 0
    inter_op_threads: int = 0

    def __post_init__(self) -> None:
        """Checks every setting by itself; what only the machine can answer is checked later.

        Raises:
          UsageError: naming the setting as its flag, the value, and what was expected.
        """
        for name in _COUNTS:
            if getattr(self, name) is not None:
                _check_at_least(1, name, getattr(self, name))
        for name in _COUNTS_OR_NONE:
            _check_at_least(0, name, getattr(self, name))
        for name, choices in (
            ("system", tuple(SYSTEMS)),
            ("loss", LOSSES),
            ("init", INITS),
            ("dataset", DATASETS),
            ("on_nan", ON_NAN),
            ("engine", ENGINES),
            ("precision", PRECISIONS),
        ):
            if getattr(self, name) not in choices:
                raise _bad_value(name, getattr(self, name), f"one of {', '.join(choices)}")
        for name in ("batch_size", "z_dim", "h_dim"):
            if getattr(self, name) is not None and getattr(self, name) > MAX_SIZE:
                raise _bad_value(name, getattr(self, name), f"at most {MAX_SIZE}")
        if self.seed is not None and not 0 <= self.seed <= MAX_SEED:
            raise _bad_value("seed", self.seed, f"a whole number in 0..{MAX_SEED}")
        for name in ("learning_rate", "adam_epsilon"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise _bad_value(name, value, "a number above 0")
        if self.gpu_memory_fraction is not None and not 0 < self.gpu_memory_fraction <= 1:
            raise _bad_value("gpu_memory_fraction", self.gpu_memory_fraction, "a number in (0, 1]")
        for name in ("label_smoothing", "dropout_rate"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise _bad_value(name, value, "a number in [0, 1)")
        if self.sample_class is not None and self.sample_class not in SAMPLE_CLASSES:
            raise _bad_value("sample_class", self.sample_class, "a class, 0 to 9, or all")
        parse_device(self.device)
        for name in ("data_dir", "out", "init_weights"):
            if getattr(self, name) == "":
                raise _bad_value(name, "''", "a path")

    def resolved(self) -> RunConfig:
        """Returns these settings with the system's own ones filled in and a seed drawn.

        Raises:
          UsageError: for a setting that the system does not have.
        """
        defaults = SYSTEMS[self.system].defaults
        for name in SYSTEM_SETTINGS:
            if getattr(self, name) is not None and name not in (*defaults, *_COMMON):
                takes = ", ".join(f"--{known}" for known in defaults)
                raise UsageError(
                    f"--{name} does not apply to --system {self.system}, which takes {takes}; "
                    "leave it out"
                )
        if self.iters is not None and self.epochs is not None:
            raise UsageError("--iters and --epochs say the same in two ways; give one of them")
        filled: dict[str, Any] = {
            name: value for name, value in defaults.items() if getattr(self, name) is None
        }
        if self.iters is not None or self.epochs is not None:
            # However the system counts, the user has counted.
            filled.pop("iters", None)
            filled.pop("epochs", None)
        if self.seed is None:
            filled["seed"] = fresh_seed()
        return dataclasses.replace(self, **filled)

    def counted(self, num_examples: int) -> RunConfig:
        """Returns these settings with `iters` and `sample_every` filled in from the epoch's length.

        An epoch is as many iterations as whole batches fit into `num_examples` images, and one
        more for what is left in a system with short batches.

        Raises:
          UsageError: a batch is larger than that; evaluations that fall between pictures.
        """
        batch_size = self.resolved_int("batch_size")
        if batch_size > num_examples:
            raise _bad_value(
                "batch_size", batch_size, f"at most the number of training images, {num_examples}"
            )
        epoch = num_examples // batch_size
        if SYSTEMS[self.system].short_batches:
            epoch = -(-num_examples // batch_size)
        filled: dict[str, Any] = {}
        if self.epochs is not None:
            filled["iters"] = self.epochs * epoch
        if self.sample_every is None:
            filled["sample_every"] = epoch
        counted = dataclasses.replace(self, **filled)
        sample_every = counted.resolved_int("sample_every")
        if self.evaluate_every % sample_every:
            raise _bad_value(
                "evaluate_every",
                self.evaluate_every,
                f"a multiple of --sample_every, which is {sample_every}",
            )
        return counted

    def resolved_int(self, name: str) -> int:
        """Returns a whole-number setting that `resolved()` has filled in."""
        value = getattr(self, name)
        assert isinstance(value, int), f"{name} is not resolved"
        return value

    def to_json(self) -> dict[str, Any]:
        """Returns the settings by name, as `out/run.json` records them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, settings: object) -> RunConfig:
        """Returns the settings that `to_json` gave.

        Raises:
          ValueError: something is unknown, of another type or out of range.
        """
        if not isinstance(settings, dict):
            raise ValueError("the settings are not an object")
        kinds = typing.get_type_hints(cls)
        # One that is missing came with a later version, and is left at its default.
        unknown = sorted(settings.keys() - kinds.keys())
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(unknown)}")
        for name, value in settings.items():
            # An int is not a bool here, but as good as a float.
            kind = typing.get_args(kinds[name]) or (kinds[name],)
            if type(value) not in kind and not (type(value) is int and float in kind):
                raise ValueError(f"setting {name} is {value!r}")
        try:
            config = cls(**settings)
            defaults = SYSTEMS[config.system].defaults
            missing: dict[str, Any] = {
                name: value for name, value in defaults.items() if name not in settings
            }
            return dataclasses.replace(config, **missing)
        except UsageError as error:
            raise ValueError(str(error)) from error

    @property
    def out_dir(self) -> pathlib.Path:
        """The folder of the results as a path."""
        return pathlib.Path(self.out)


def default_data_dir() -> str:
    """Returns where the data sets are looked for: `$VANILLA_GAN_DATA`, else `data`."""
    return os.environ.get("VANILLA_GAN_DATA") or "data"


def parse_device(device: str) -> tuple[str, int | None]:
    """Returns `(kind, index)` of a `--device` value: kind `auto`, `cpu` or `gpu`.

    Raises:
      UsageError: if it is none of `auto`, `cpu`, `gpu`, `gpu:K`.
    """
    kind, separator, index = device.partition(":")
    if kind in ("auto", "cpu", "gpu") and not separator:
        return kind, None
    if kind == "gpu" and index.isascii() and index.isdigit():
        return kind, int(index)
    raise _bad_value("device", device, "auto, cpu, gpu or gpu:K with K = 0, 1, ...")


def _check_at_least(least: int, name: str, value: int) -> None:
    if value < least:
        raise _bad_value(name, value, f"a whole number of at least {least}")


def _bad_value(name: str, value: object, expected: str) -> UsageError:
    return UsageError(f"--{name}={value}: expected {expected}")
