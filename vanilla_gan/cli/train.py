"""`./run.sh [train]`: the flags of a training run."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from vanilla_gan.cli.flags import Flags
from vanilla_gan.settings import (
    DATASETS,
    ENGINES,
    INITS,
    LOSSES,
    ON_NAN,
    PRECISIONS,
    RunConfig,
    default_data_dir,
)
from vanilla_gan.systems import SYSTEMS

SUMMARY = (
    "Trains the GAN of the 2016 blog post and writes a 4x4 picture every 1000 iterations.\n"
    "The same command again continues a run that was stopped."
)


def define() -> Flags:
    """Returns the flags of the command."""
    f = Flags(RunConfig(), {name: system.defaults for name, system in SYSTEMS.items()})
    f.integer("iters", "iterations, one update of each network per iteration")
    f.integer("epochs", "the same, in passes through the training images")
    f.enum("system", tuple(SYSTEMS), "which published program to run")
    f.enum("loss", LOSSES, "what the two networks minimise")
    f.enum(
        "init", INITS, "form of the xavier initialisation: uniform, or normal as in the repository"
    )
    f.integer("batch_size", "images per update")
    f.integer("z_dim", "length of a noise vector")
    f.integer("h_dim", "units of a hidden layer")
    f.number("learning_rate", "of both Adam optimizers")
    f.number("adam_epsilon", "added by both to the root of the second moment")
    f.number("label_smoothing", "how much less than 1 the discriminator shall say of real images")
    f.number("dropout_rate", "share of a layer's values that training sets to 0, in [0, 1)")
    f.integer("seed", "decides every random draw; left out, a fresh one is drawn and recorded")
    f.string("init_weights", "npz file with an array for each variable, by name, to start from")

    f.enum("dataset", DATASETS, "auto: MNIST, or the built-in digits where it cannot be had")
    f.string(
        "data_dir",
        "folder of the data sets; the default is $VANILLA_GAN_DATA if that is set",
        default=default_data_dir(),
    )
    f.boolean("allow_unverified_data", "accept your own IDX files in place of the published ones")

    f.string("out", "folder of the results; a run that stands there is continued")
    f.boolean("overwrite", "move the run that stands in --out aside, to OUT.1, and start anew")
    f.integer("sample_every", "iterations between two pictures; one epoch where none is named")
    f.string("sample_class", "class that the pictures show, 0 to 9, or all: a row for each")
    f.integer("log_every", "iterations between two rows of losses.csv")
    f.integer("gif_frames", "pictures in training.gif, at 750 ms each as in the post")
    f.integer("gif_stride", "training.gif shows every so many-th picture")
    f.boolean("report", "keep report.html fresh while training")
    f.boolean("tensorboard", "write event files for TensorBoard, into OUT/tensorboard")
    f.integer("evaluate_every", "iterations between two evaluations of quality; 0: none")
    f.integer("checkpoint_every", "iterations between two checkpoints; 0: 10 to 60 seconds")
    f.integer("keep_checkpoints", "how many of the newest checkpoints to keep")
    f.enum("on_nan", ON_NAN, "when a loss is not finite: stop, or go back and draw new noise")
    f.integer("max_rewinds", "how often --on_nan rewind may go back before the run stops")

    f.enum("engine", ENGINES, "many iterations per session.run, or the published loop of two")
    f.enum(
        "precision",
        PRECISIONS,
        "of matrix products and convolutions; bfloat16 on CPUs that have it",
    )
    f.string("device", "auto, cpu, gpu or gpu:K")
    f.boolean("allow_growth", "take GPU memory as it is needed, not all at once")
    f.number("gpu_memory_fraction", "share of the GPU's memory to use, in (0, 1]")
    f.boolean("allow_soft_placement", "run operations that a GPU lacks on the CPU")
    f.boolean("log_device_placement", "log the device of each operation")
    f.boolean("tune", "before a new run begins, time numbers of threads and take the fastest")
    f.integer("intra_op_threads", "threads within one operation; 0: from the number of cores")
    f.integer("inter_op_threads", "operations at the same time; 0: TensorFlow's choice")
    return f


def run(settings: Mapping[str, Any], given: Collection[str]) -> None:
    """Trains; see `training.run.train`."""
    config = RunConfig(**settings)
    if config.log_device_placement:
        # TensorFlow logs placements as information, which `cli` keeps quiet.
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
    # Only now: what was asked for is in order, and the rest takes seconds to load.
    from vanilla_gan.training.run import train

    train(config, given)
