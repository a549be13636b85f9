"""RunConfig: the table of a run's settings, recorded in `out/run.json`; needs no TensorFlow."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Collection, Iterable
from typing import Any, Literal

from vanilla_gan.data.classes import PUBLISHED, Classes, all_classes
from vanilla_gan.data.known import KNOWN, OWN_NAME
from vanilla_gan.data.shape import POINT, POINT_TILES, PUBLISHED_SHAPE, ImageShape
from vanilla_gan.data.streams import fresh_seed
from vanilla_gan.declare import (
    ABOVE_0,
    PATH,
    SEED,
    THREADS,
    Registered,
    Rule,
    Settings,
    at_least,
    at_most,
    bad_value,
    nearest,
    setting,
    some_of,
    table_of,
)
from vanilla_gan.errors import UsageError
from vanilla_gan.graph import losses
from vanilla_gan.graph.optimizers import OPTIMIZERS, OWN
from vanilla_gan.graph.penalties import OWN_WEIGHTS, PENALTIES, weights_of
from vanilla_gan.systems import SYSTEMS
from vanilla_gan.systems.presets import PRESETS

DATASETS = ("auto", *KNOWN)
INITS = ("xavier", "xavier_normal", OWN)
LOSSES = tuple(losses.LOSSES)  # this program's own; plug-ins add others
ENGINES = ("loop", "feed")
PRECISIONS = ("float32", "bfloat16")
DISEASES = (
    *("overpowering", "collapse", "partial_collapse", "frozen", "memorising", "oscillation"),
    *("numbers", "scale", "swapped", "one_class"),
)
# The evaluation figures by which checkpoints can be ranked, and which direction is better.
BETTER = {
    **{"parzen_nats": "higher", "frechet": "lower", "precision": "higher", "recall": "higher"},
    **{"coverage": "higher", "classes_covered": "higher"},
}
# For type checkers, which catch misspelt names; at run time the tables decide.
SystemName = (
    Literal["vanilla", "layers", "conditional", "conv", "wgan", "wgan_gp", "lsgan", "infogan"]
    | Literal["acgan", "goodfellow2014"]
    | Registered
)
LossName = (
    Literal["sigmoid_cross_entropy", "log", "minimax", "lsgan", "hinge", "wgan", "relativistic"]
    | Literal["log_epsilon"]
    | Registered
)
FigureName = Literal[
    "none", "parzen_nats", "frechet", "precision", "recall", "coverage", "classes_covered"
]
InitName = Literal["xavier", "xavier_normal", "own"]
CURES = "Cures, which the published programs do not have"
# Every system has these, even if its defaults do not name them; others only if they are named.
_COMMON = ("iters", "epochs", "sample_every")

# Far more than any machine can hold; beyond it TensorFlow's errors do not name the cause.
SIZE = (at_least(1), at_most(2**20))
_NAN, _INF = float("nan"), float("inf")
_SHARE = Rule("a number in [0, 1)", lambda value: 0 <= value < 1, (-0.1, 1.0, _INF, _NAN))
_WEIGHT = Rule("a number of at least 0", lambda value: 0 <= value < _INF, (-1e-9, _INF, _NAN))
_MEMORY = Rule("a number in (0, 1]", lambda value: 0 < value <= 1, (0.0, -0.5, 1.01, _INF, _NAN))


def _are_penalties(value: str) -> bool:
    try:
        return all(_WEIGHT.holds(weight) for weight in weights_of(value).values())
    except ValueError:
        return False


# `resolved` checks whether the names exist.
_PENALTY = Rule(
    "none, or NAME:WEIGHT with commas between, each weight a number of at least 0",
    _are_penalties,
    ("", "mine", "mine:", "mine:x", "mine:-1", "mine:nan", "mine:1,", "mine:1,mine:2", "none,a:1"),
)
# `of_data` checks whether the data have the class.
CLASS = Rule("a class, or all", lambda value: 0 < len(value) <= 1000, ("", 1001 * "x"))
DEVICE = Rule(
    "auto, cpu, gpu or gpu:K with K = 0, 1, ...",
    lambda value: re.fullmatch("auto|cpu|gpu(:[0-9]{1,4})?", value) is not None,
    (
        *("", "GPU", "gpu:", "gpu:x", "gpu:-1", "gpu:1.0", "gpu:\u00b2", "cpu:0"),
        *("gpu:0:1", "gpu:12345", "tpu"),
    ),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig(Settings):
    """The settings of one training run; the flags of `train` have the same names.

    Settings that come with the system are None until `resolved()` fills them in. Those that depend
    on the data are None until `of_data()` and `counted()` fill them in.

    Attributes:
      image_shape, classes: those of the data, which `run.json` records with the data's name. They
        are the published ones until `of_data` sets others. No flag sets them.
    """

    image_shape: ImageShape = PUBLISHED_SHAPE
    classes: Classes = PUBLISHED

    iters: int | None = setting(
        None,
        "training iterations; each updates G once, and D --D_steps times",
        at_least(1),
        effect="length",
        group="What is trained",
        common=True,
    )
    epochs: int | None = setting(
        None,
        "passes over the training images, instead of --iters",
        at_least(1),
        effect="length",
    )
    system: SystemName = setting(
        "vanilla",
        "which published program to run",
        choices=SYSTEMS,
        effect="variables",
        common=True,
    )
    loss: LossName = setting(
        "sigmoid_cross_entropy", "what the two networks minimise", choices=losses.LOSSES
    )
    init: InitName = setting(
        "xavier",
        "initial weights: uniform or normal Xavier, or the system's own initialisation",
        choices=INITS,
        effect="beginning",
    )
    batch_size: int | None = setting(None, "images per update", *SIZE)
    z_dim: int | None = setting(None, "length of a noise vector", *SIZE, effect="variables")
    h_dim: int | tuple[int, ...] | None = setting(
        None,
        "units per hidden layer; give several numbers for several layers",
        *SIZE,
        effect="variables",
    )
    learning_rate: float | None = setting(
        None, "learning rate of both optimizers", ABOVE_0, common=True
    )
    adam_epsilon: float | None = setting(
        None, "adam: added to the root of the mean square; rmsprop: added under the root", ABOVE_0
    )
    label_smoothing: float | None = setting(
        None, "the target for real images is 1 minus this", _SHARE
    )
    dropout_rate: float | None = setting(
        None, "fraction of a layer's values set to 0 in training, in [0, 1)", _SHARE
    )
    strided_layers: int | None = setting(
        None,
        "layers that halve (D) or double (G) the image size; above 32 px, one more per doubling",
        at_least(1),
        at_most(16),
        effect="variables",
    )
    seed: int | None = setting(
        None,
        "decides every random draw; by default a new one is drawn and recorded",
        SEED,
        common=True,
    )
    init_weights: str | None = setting(
        None,
        "npz file of initial weights, one array per variable, under its name",
        PATH,
        effect="beginning",
    )

    preset: Literal["published", "stable"] = setting(
        "published",
        "a named set of settings; a setting that you give overrides the preset's",
        choices=tuple(PRESETS),
        effect="variables",
        group=CURES,
    )
    optimizer: Literal["adam", "rmsprop", "sgd", "own"] = setting(
        "adam",
        "optimizer of both networks, or the system's own",
        choices=(*OPTIMIZERS, OWN),
        effect="variables",
    )
    D_learning_rate: float | None = setting(
        None, "learning rate of the discriminator, instead of --learning_rate", ABOVE_0
    )
    G_learning_rate: float | None = setting(None, "learning rate of the generator", ABOVE_0)
    beta1: float | None = setting(
        None, "decay of the mean gradient (adam: 0.9), momentum (other optimizers: 0)", _SHARE
    )
    beta2: float | None = setting(
        None, "decay of the mean square (adam: 0.999, rmsprop: 0.9; sgd has none)", _SHARE
    )
    D_steps: int = setting(
        1, "updates of D per iteration, each on its own batch", at_least(1), at_most(100)
    )
    r1: float = setting(
        0.0, "weight of the R1 penalty: keeps D's gradients at real images small; 0: none", _WEIGHT
    )
    r2: float = setting(
        0.0, "weight of the R2 penalty: keeps D's gradients at samples small; 0: none", _WEIGHT
    )
    wgan_gp: float = setting(
        0.0,
        "weight of WGAN-GP's penalty: pulls D's gradient norm between images and samples to 1",
        _WEIGHT,
    )
    dragan: float = setting(
        0.0, "weight of DRAGAN's penalty: pulls D's gradient norm around real images to 1", _WEIGHT
    )
    penalty: str = setting(
        "none", "penalties from your plug-ins with weights: NAME:WEIGHT,NAME:WEIGHT", _PENALTY
    )
    D_noise: float = setting(
        0.0,
        "standard deviation of noise added to the images that D sees in training; 0: none",
        _WEIGHT,
    )
    D_dropout: float | None = setting(
        None,
        "fraction of the values of D's hidden layers set to 0 in training, in [0, 1)",
        _SHARE,
    )
    spectral_norm: bool = setting(
        False, "divide each weight of D by its largest singular value", effect="variables"
    )
    pack: int = setting(
        1,
        "number of images that D judges as one group; --batch_size counts groups",
        at_least(1),
        at_most(64),
        effect="variables",
    )
    clip_weights: float | None = setting(
        None, "after each D update, clip D's weights to +- this, as in the original WGAN", ABOVE_0
    )
    ema: float | None = setting(
        None,
        "decay of a moving average of G's weights; samples are drawn with the average",
        _SHARE,
        effect="variables",
    )

    dataset: str = setting(
        "auto",
        "auto: MNIST, or the built-in digits if MNIST is not available",
        choices=DATASETS,
        others=OWN_NAME,
        group="Data",
        common=True,
    )
    data: str | None = setting(
        None,
        "folder of your own pictures, or a .npy, .npz or .csv file; the first run imports it into "
        "--data_dir, under the name in --dataset, or else its own",
        PATH,
        effect="data",
        common=True,
    )
    data_dir: str = setting(
        "data",
        "folder of the data sets; the default is $VANILLA_GAN_DATA if that is set",
        PATH,
        effect="data",
    )
    allow_unverified_data: bool = setting(
        False, "accept your own IDX files instead of the published ones", effect="data"
    )

    out: str = setting(
        "out",
        "folder of the results; a run that is already there is continued",
        PATH,
        effect="keeping",
        group="Results",
        common=True,
    )
    overwrite: bool = setting(
        False, "move the run in --out aside, to OUT.1, and start a new one", effect="keeping"
    )
    sample_every: int | None = setting(
        None, "iterations between two pictures; none means one epoch", at_least(1), common=True
    )
    sample_class: str | None = setting(
        None, "class that the pictures show, by number or name; all: one row per class", CLASS
    )
    log_every: int = setting(
        100, "iterations between two rows of losses.csv", at_least(1), effect="rows"
    )
    health_every: int = setting(
        250,
        "iterations between two rows of signs in health.csv; 0: do not write it",
        at_least(0),
        effect="rows",
    )
    watch_classes: bool = setting(
        False,
        "at each picture, write class counts of 1,000 samples to health.csv; needs --health_every",
        effect="keeping",
    )
    stop_on: str = setting(
        "none",
        "diseases, as doctor names them, that end the run with status 1; its state is saved",
        some_of(DISEASES),
        effect="rescue",
    )
    gif_frames: int = setting(
        11, "pictures in training.gif, 750 ms each, as in the post", at_least(1), effect="keeping"
    )
    gif_stride: int = setting(
        1, "training.gif shows every N-th picture", at_least(1), effect="keeping"
    )
    report: bool = setting(False, "keep report.html up to date while training", effect="keeping")
    against: str | None = setting(
        None,
        "folder of a sweep whose range is drawn in losses.png and report.html; by default, that of "
        "the recorded runs",
        PATH,
        effect="keeping",
    )
    tensorboard: bool = setting(
        False, "write event files for TensorBoard, into OUT/tensorboard", effect="keeping"
    )
    log_json: str | None = setting(
        None,
        "file for losses, signs, pictures and evaluations as JSON lines; give it again when you "
        "continue the run",
        PATH,
        effect="keeping",
    )
    evaluate_every: int = setting(
        0,
        "iterations between two evaluations of quality, a multiple of --sample_every; 0: none",
        at_least(0),
        effect="keeping",
        common=True,
    )
    checkpoint_every: int = setting(
        0,
        "iterations between two checkpoints; 0: every 10 to 60 seconds",
        at_least(0),
        effect="keeping",
    )
    keep_checkpoints: int = setting(
        3, "how many of the newest checkpoints to keep", at_least(1), effect="keeping"
    )
    keep_best: FigureName = setting(
        "none",
        "keep the checkpoint that evaluations rank best by this figure, as OUT/best",
        choices=("none", *BETTER),
        effect="keeping",
    )
    stop_after_no_gain: int = setting(
        0,
        "end the run after this many evaluations in a row with no new --keep_best; 0: never",
        at_least(0),
        effect="keeping",
    )
    on_nan: Literal["stop", "rewind"] = setting(
        "stop",
        "when a loss is not finite: stop, or go back to a checkpoint and draw new noise",
        choices=("stop", "rewind"),
        effect="rescue",
    )
    max_rewinds: int = setting(
        3,
        "how often --on_nan rewind may go back before the run stops",
        at_least(0),
        effect="rescue",
    )

    engine: Literal["loop", "feed"] = setting(
        "loop",
        "many iterations per session.run, or the published loop with two calls per iteration",
        choices=ENGINES,
        effect="machine",
        group="How it is computed",
    )
    jit_compile: bool | None = setting(
        None,
        "compile the iterations of --engine loop with XLA; by default only on a GPU",
        effect="machine",
    )
    precision: Literal["float32", "bfloat16"] = setting(
        "float32",
        "precision of matrix products and convolutions; bfloat16 only on CPUs that support it",
        choices=PRECISIONS,
    )
    towers: int = setting(
        1,
        "split each batch into this many parts, computed in parallel on as many CPU devices",
        at_least(1),
        at_most(64),
    )
    cluster_timeout: float = setting(
        60.0,
        "seconds to wait for the other tasks of a cluster before they count as lost",
        ABOVE_0,
        at_most(86400),
        effect="speed",
    )
    device: str = setting("auto", "auto, cpu, gpu or gpu:K", DEVICE, effect="machine", common=True)
    allow_growth: bool = setting(
        True, "take GPU memory as it is needed, not all at once", effect="speed"
    )
    gpu_memory_fraction: float | None = setting(
        None, "fraction of the GPU's memory to use, in (0, 1]", _MEMORY, effect="speed"
    )
    allow_soft_placement: bool = setting(
        True, "use the CPU for operations that the GPU does not support", effect="machine"
    )
    log_device_placement: bool = setting(
        False, "log the device of each operation", effect="keeping"
    )
    tune: bool = setting(
        False,
        "before a new run begins, time several thread counts and use the fastest",
        effect="speed",
    )
    intra_op_threads: int = setting(
        0,
        "threads within one operation; 0: chosen by network sizes and number of cores",
        *THREADS,
        effect="machine",
    )
    inter_op_threads: int = setting(
        0, "operations run at the same time; 0: TensorFlow's choice", *THREADS, effect="machine"
    )

    def of_run(self) -> RunConfig:
        """Returns the given settings of the run, without those that belong only to a command."""
        names = self.given & {field.name for field in dataclasses.fields(RunConfig)}
        return RunConfig(**{name: getattr(self, name) for name in names})

    def resolved(self) -> RunConfig:
        """Returns these settings with the preset's, the system's own and a seed filled in.

        Raises:
          UsageError: a setting does not apply to the system, or two do not go together.
        """
        self.check_applies()
        self._check_beginning()
        defaults = SYSTEMS[self.system].defaults
        filled: dict[str, Any] = {
            name: value for name, value in defaults.items() if getattr(self, name) is None
        }
        filled |= self.from_program | self.from_preset
        if self.iters is not None or self.epochs is not None:
            # A length that the user gave, in iterations or epochs, replaces the system's.
            filled.pop("iters", None)
            filled.pop("epochs", None)
        if self.seed is None:
            filled["seed"] = fresh_seed()
        complete = self.filled(filled).paired(self.given)
        complete.check_used(self.given)
        return complete

    def check_used(self, asked: Iterable[str]) -> None:
        """Checks that the optimizer uses the settings of these names.

        Raises:
          UsageError: it does not use one of them.
        """
        whose = f"--optimizer {self.optimizer}"
        if self.optimizer == OWN:
            whose = f"the optimizer of --system {self.system}"
        for name in sorted(self._unused_by_optimizer.intersection(asked)):
            if getattr(self, name) not in (None, SYSTEMS[self.system].defaults.get(name)):
                raise UsageError(f"--{name} does not apply to {whose}; leave it out")

    def check_applies(self) -> None:
        """Checks that the system has each of these settings.

        Raises:
          UsageError: it lacks one, or both `iters` and `epochs` are set.
        """
        system, known = SYSTEMS[self.system], table_of(RunConfig)
        for name in system_settings():
            if getattr(self, name) is not None and name not in (*system.defaults, *_COMMON):
                takes = ", ".join(f"--{other}" for other in system.defaults)
                raise UsageError(
                    f"--{name} does not apply to --system {self.system}, which takes {takes}; "
                    "leave it out"
                )
        for name in (*system.published, *system.without):
            if name not in known:
                raise UsageError(
                    f"--system={self.system}: it names a setting {name}, which does not exist"
                    f"{nearest(name, known)}"
                )
        for name in system.without:
            if getattr(self, name) != known[name].default:
                raise UsageError(
                    f"--{name} does not apply to --system {self.system}, because it does not fit "
                    "that system's networks; leave it out"
                )
        for name in ("init", "optimizer"):
            if getattr(self, name) == OWN != system.published.get(name):
                others = [word for word in known[name].choices if word != OWN]
                raise UsageError(
                    f"--{name} {OWN} does not apply to --system {self.system}, which has none of "
                    f"its own; expected one of {', '.join(others)}"
                )
        if self.iters is not None and self.epochs is not None:
            raise UsageError("--iters and --epochs both set the length of a run; give one of them")

    def _check_beginning(self) -> None:
        """Checks the settings that matter only when a run begins.

        Raises:
          UsageError: the preset has no row for the system, or `tune` and threads are both given.
        """
        rows = PRESETS[self.preset]
        if rows and self.system not in rows:
            raise UsageError(
                f"--preset {self.preset} has no settings for --system {self.system}; leave it out, "
                "or give the settings that you want one by one"
            )
        for name in ("intra_op_threads", "inter_op_threads"):
            if self.tune and name in self.given:
                raise UsageError(f"--tune chooses --{name}; leave one of the two out")

    @property
    def from_program(self) -> dict[str, Any]:
        """The published program's values of settings that all systems have, unless given."""
        row = SYSTEMS[self.system].published if self.preset == "published" else {}
        # To any optimizer but the program's, beta1 and beta2 mean something else.
        own = row.get("optimizer", table_of(RunConfig)["optimizer"].default)
        is_other = "optimizer" in self.given and self.optimizer != own
        of_optimizer = ("beta1", "beta2") if is_other else ()
        return {
            name: value for name, value in row.items() if name not in (*self.given, *of_optimizer)
        }

    @property
    def from_preset(self) -> dict[str, Any]:
        """The preset's values for this system, unless given or not used by the optimizer."""
        row = PRESETS[self.preset].get(self.system, {})
        return {
            name: value
            for name, value in row.items()
            if name not in {*self.given} | self._unused_by_optimizer
        }

    @property
    def _unused_by_optimizer(self) -> set[str]:
        """The settings that the optimizer does not use."""
        unused = {"sgd": ("beta2", "adam_epsilon"), OWN: SYSTEMS[self.system].unused}
        return {*unused.get(self.optimizer, ())}

    def paired(self, asked: Collection[str]) -> RunConfig:
        """Returns these settings, with label smoothing turned off if the loss has no labels.

        Args:
          asked: the names of the given settings; only `label_smoothing` matters here.

        Raises:
          UsageError: two of them do not go together.
        """
        self._check_penalties()
        for name, off in (("stop_on", "none"), ("watch_classes", False)):
            if not self.health_every and getattr(self, name) != off:
                raise UsageError(
                    f"--{name} needs the rows of health.csv, and --health_every=0 writes none; "
                    "leave one of them out"
                )
        unfit = {"engine": "feed", "precision": "bfloat16"}
        for name, value in unfit.items():
            if self.jit_compile and getattr(self, name) == value:
                raise UsageError(
                    f"--jit_compile does not apply to --{name} {value}; leave one of them out"
                )
        if self.towers > 1 and self.jit_compile:
            raise UsageError(
                "--jit_compile does not apply to --towers: XLA compiles for one device; leave one "
                "of them out"
            )
        if self.keep_best != "none" and not self.evaluate_every:
            raise UsageError(
                f"--keep_best={self.keep_best} needs evaluations, and the run has none; give "
                "--evaluate_every, or leave --keep_best out"
            )
        if self.stop_after_no_gain and self.keep_best == "none":
            raise UsageError(
                f"--stop_after_no_gain={self.stop_after_no_gain} needs a figure to compare; "
                "give --keep_best, or leave --stop_after_no_gain out"
            )
        if self.loss in losses.LABELLED or not self.label_smoothing:
            return self
        if "label_smoothing" in asked:
            raise UsageError(
                f"--label_smoothing does not apply to --loss {self.loss}, which has no labels; "
                "leave it out"
            )
        return self.filled({"label_smoothing": 0.0})

    def _check_penalties(self) -> None:
        """Checks that plug-ins have registered the penalties that `penalty` names.

        Raises:
          UsageError: one is not registered, or has a flag of its own.
        """
        own = [name for name in PENALTIES if name not in OWN_WEIGHTS]
        for name in weights_of(self.penalty):
            if name in OWN_WEIGHTS:
                raise UsageError(
                    f"--penalty={self.penalty}: {name} has its own flag; give --{name}"
                )
            if name not in own:
                expected = f"one of {', '.join(own)}" if own else "the --plugin that registers it"
                raise bad_value("penalty", self.penalty, expected)

    def of_data(self, shape: ImageShape, classes: Classes) -> RunConfig:
        """Returns these settings for data of this shape, with these classes.

        A name in `sample_class` becomes a number. If the system's default class has no training
        images, the last class that has some replaces it.

        Raises:
          UsageError: the system cannot make images of that shape, or the data lack `sample_class`.
        """
        layers, of_shape = self.strided_layers, SYSTEMS[self.system].strided_layers
        if of_shape is not None and "strided_layers" not in self.given:
            layers = of_shape(shape)
        multiple = 1 << (layers or 0)
        if shape.height % multiple or shape.width % multiple:
            raise UsageError(
                f"--system={self.system} makes images with a height and a width that are multiples "
                f"of {multiple}, but the images of the data are {shape}; scale them, or choose "
                "another system"
            )
        if SYSTEMS[self.system].draws.classes:
            # The classes are drawn, not taken from labels: all are trained, and names do not fit.
            classes = all_classes(classes.total)
        filled: dict[str, Any] = {
            "image_shape": shape,
            "classes": classes,
            "strided_layers": layers,
        }
        if self.sample_class not in (None, "all"):
            label = classes.label(self.sample_class)
            if label is None and "sample_class" in self.given:
                raise bad_class("sample_class", self.sample_class, classes)
            filled["sample_class"] = str(classes.trained[-1] if label is None else label)
        return self.filled(filled)

    def counted(self, num_examples: int) -> RunConfig:
        """Returns these settings with `iters` and `sample_every` filled in from the epoch's length.

        An iteration takes `D_steps` batches of `batch_size * pack` images, and one more batch in a
        system that leaves one unused. An epoch is the number of iterations that fit into
        `num_examples` images, at least 1. With short batches (see `has_short_batches`), any images
        that are left take one more iteration.

        Raises:
          UsageError: a batch or `towers` is too large, or an evaluation is between pictures.
        """
        images = self.images_a_step
        if images > num_examples:
            packed = "" if self.pack == 1 else f" divided by --pack={self.pack}"
            expected = f"at most the number of training images, {num_examples}{packed}"
            raise bad_value("batch_size", self.resolved_int("batch_size"), expected)
        if self.towers > (size := self.resolved_int("batch_size")):
            raise bad_value("towers", self.towers, f"at most --batch_size, which is {size}")
        draws = SYSTEMS[self.system].draws
        epoch = max(1, num_examples // (images * (self.D_steps + draws.unused)))
        if self.has_short_batches:
            epoch = -(-num_examples // images)
            rest = num_examples % images
            if 0 < rest < self.towers:
                expected = f"at most the size of the last batch of an epoch, {rest}"
                raise bad_value("towers", self.towers, expected)
        filled: dict[str, Any] = {}
        if self.epochs is not None:
            filled["iters"] = self.epochs * epoch
        if self.sample_every is None:
            filled["sample_every"] = epoch
        counted = self.filled(filled)
        sample_every = counted.resolved_int("sample_every")
        if self.evaluate_every % sample_every:
            expected = f"a multiple of --sample_every, which is {sample_every}"
            raise bad_value("evaluate_every", self.evaluate_every, expected)
        return counted

    def check_complete(self, num_examples: int) -> None:
        """Checks that these are the complete settings of a run on `num_examples` training images.

        Raises:
          ValueError: one is missing, does not apply to the system, or does not go with another one.
        """
        own = [name for name in SYSTEMS[self.system].defaults if name not in _COMMON]
        for name in (*own, "iters", "sample_every", "seed"):
            if getattr(self, name) is None:
                raise ValueError(f"the setting {name} is missing")
        for name in system_settings():
            if getattr(self, name) is not None and name not in (*own, *_COMMON):
                raise ValueError(f"the system {self.system} has no setting {name}")
        try:
            self._check_penalties()
            counted = self.counted(num_examples)
        except UsageError as error:
            raise ValueError(str(error)) from error
        if counted.iters != self.iters:
            raise ValueError(f"{self.epochs} epochs are {counted.iters} iters, not {self.iters}")

    @property
    def images_a_step(self) -> int:
        """How many images, and how many noise vectors, one training step uses."""
        return self.resolved_int("batch_size") * self.pack

    @property
    def has_short_batches(self) -> bool:
        """Whether an epoch may end with a smaller batch; needs one unpacked batch per iteration."""
        draws = SYSTEMS[self.system].draws
        return draws.short_batches and not draws.unused and self.D_steps == self.pack == 1

    def resolved_int(self, name: str) -> int:
        """Returns a whole-number setting that `resolved()` has filled in."""
        value = getattr(self, name)
        assert isinstance(value, int), f"{name} is not resolved"
        return value

    @classmethod
    def from_json(cls, settings: object) -> RunConfig:
        """Returns the settings that `to_json` returned.

        Raises:
          ValueError: something is unknown, of another type or out of range.
        """
        if not isinstance(settings, dict):
            raise ValueError("the settings are not an object")
        unknown = sorted(settings.keys() - table_of(cls).keys())
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(unknown)}")
        try:
            config = cls(**settings)
        except UsageError as error:
            raise ValueError(str(error)) from error
        # A missing setting is newer than the record: the system's default or its own applies.
        defaults = SYSTEMS[config.system].defaults
        missing = {name: defaults[name] for name in defaults.keys() - settings.keys()}
        config = config.filled(missing)
        # Counts as given, so that `of_data` does not derive it from the size of the images.
        return dataclasses.replace(config, strided_layers=config.strided_layers)

    @property
    def num_classes(self) -> int:
        """How many classes the data have, with training images or without."""
        return self.classes.total

    @property
    def picture_tiles(self) -> tuple[int, int]:
        """The rows and columns of tiles in a picture; with all classes, a row for each.

        Points of the plane are drawn in one plot, which shows rows times columns of them.
        """
        points = self.image_shape == POINT
        if self.sample_class == "all":
            return len(self.classes.trained), 100 if points else 10
        return POINT_TILES if points else (4, 4)

    @property
    def diseases_to_stop_on(self) -> tuple[str, ...]:
        """The diseases that end the run."""
        return tuple(name for name in DISEASES if name in self.stop_on.split(","))

    @property
    def out_dir(self) -> pathlib.Path:
        """The results folder as a path."""
        return pathlib.Path(self.out)


def bad_class(flag: str, said: str, classes: Classes) -> UsageError:
    """Returns the error for a class that has no training images."""
    return bad_value(flag, said, f"a class with training images, {classes.listed()}, or all")


def system_settings() -> list[str]:
    """Returns the names of the settings that come with a system, in the order of the table."""
    names = {name for system in SYSTEMS.values() for name in system.defaults}
    return [name for name in table_of(RunConfig) if name in names]


def default_data_dir() -> str:
    """Returns the folder of the data sets: `$VANILLA_GAN_DATA`, else `data`."""
    return os.path.expanduser(os.environ.get("VANILLA_GAN_DATA") or "data")


def parse_device(device: str) -> tuple[str, int | None]:
    """Returns `(kind, index)` of a `device` setting: `auto`, `cpu` or `gpu`, and its K or None."""
    kind, _, index = device.partition(":")
    return kind, int(index) if index else None
