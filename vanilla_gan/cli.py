"""The command line: the only flags, one frozen config, one function a command, the exit status."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
from collections.abc import Callable, Iterable, Sequence

from absl import flags

from vanilla_gan import __version__
from vanilla_gan.config import DATASETS, ENGINES, INITS, LOSSES, ON_NAN, RunConfig, default_data_dir
from vanilla_gan.errors import UsageError, VanillaGanError
from vanilla_gan.systems import SYSTEMS

_PROGRAM = "run.sh"
_DEFAULT_COMMAND = "train"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
      argv: the words behind the program's name; those of the process unless given.

    Returns:
      The exit status: 0 done, 1 failed, 2 wrong usage, 128 + N stopped by signal N.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    # TensorFlow's chatter about the processor is no news; its errors still come through.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        command = words.pop(0) if words and not words[0].startswith("-") else _DEFAULT_COMMAND
        if command not in _COMMANDS:
            raise UsageError(
                f"unknown command {command!r}{_nearest(command, _COMMANDS)}; "
                f"expected {', '.join(_COMMANDS)}"
            )
        _COMMANDS[command](words)
    except VanillaGanError as error:
        _say(f"{_PROGRAM}: {error}")
        return error.exit_status
    except KeyboardInterrupt:
        _say(f"{_PROGRAM}: interrupted before the run began; nothing was changed")
        return 130
    return 0


def _say(line: str) -> None:
    # The terminal may be gone; the exit status still tells.
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def _train(words: Sequence[str]) -> None:
    values = _train_flags()
    if _parse(values, words, "train"):
        return
    given = {name for name in list(values) if values[name].present}
    settings = {name: getattr(values, name) for name in list(values)}
    config = RunConfig(**settings)
    # Only now: what was asked for is in order, and the rest takes seconds to load.
    from vanilla_gan.training.run import train

    train(config, given)


def _train_flags() -> flags.FlagValues:
    """Returns the flags of `train`, none of them shared with any other library's."""
    v = flags.FlagValues()
    default = RunConfig()

    def integer(name: str, text: str) -> None:
        flags.DEFINE_integer(name, getattr(default, name), text, flag_values=v)

    def number(name: str, text: str) -> None:
        flags.DEFINE_float(name, getattr(default, name), text, flag_values=v)

    def boolean(name: str, text: str) -> None:
        flags.DEFINE_boolean(name, getattr(default, name), text, flag_values=v)

    def string(name: str, text: str) -> None:
        flags.DEFINE_string(name, getattr(default, name), text, flag_values=v)

    def enum(name: str, choices: Sequence[str], text: str) -> None:
        flags.DEFINE_enum(name, getattr(default, name), list(choices), text, flag_values=v)

    integer("iters", "iterations, one update of each network per iteration")
    integer("epochs", "the same, in passes through the training images")
    enum("system", tuple(SYSTEMS), "which published program to run")
    enum("loss", LOSSES, "what the two networks minimise")
    enum(
        "init", INITS, "form of the xavier initialisation: uniform, or normal as in the repository"
    )
    integer("batch_size", "images per update")
    integer("z_dim", "length of a noise vector")
    integer("h_dim", "units of a hidden layer")
    number("learning_rate", "of both Adam optimizers")
    number("label_smoothing", "how much less than 1 the discriminator shall say of real images")
    integer("seed", "decides every random draw; left out, a fresh one is drawn and recorded")
    string("init_weights", "npz file with an array for each variable, by name, to start from")

    enum("dataset", DATASETS, "auto: MNIST, or the built-in digits where it cannot be had")
    flags.DEFINE_string(
        "data_dir",
        default_data_dir(),
        "folder of the data sets; the default is $VANILLA_GAN_DATA if that is set",
        flag_values=v,
    )
    boolean("allow_unverified_data", "accept your own IDX files in place of the published ones")

    string("out", "folder of the results; a run that stands there is continued")
    boolean("overwrite", "move the run that stands in --out aside, to OUT.1, and start anew")
    integer("sample_every", "iterations between two pictures; one epoch where none is named")
    string("sample_class", "class that the pictures show, 0 to 9, or all: a row for each")
    integer("log_every", "iterations between two rows of losses.csv")
    integer("checkpoint_every", "iterations between two checkpoints; 0: by the clock, 10 s to 60 s")
    integer("keep_checkpoints", "how many of the newest checkpoints to keep")
    enum("on_nan", ON_NAN, "when a loss is not finite: stop, or go back and draw new noise")
    integer("max_rewinds", "how often --on_nan rewind may go back before the run stops")

    enum("engine", ENGINES, "many iterations per session.run, or the published loop of two")
    string("device", "auto, cpu, gpu or gpu:K")
    boolean("allow_growth", "take GPU memory as it is needed, not all at once")
    number("gpu_memory_fraction", "share of the GPU's memory to use, in (0, 1]")
    boolean("allow_soft_placement", "run operations that a GPU lacks on the CPU")
    boolean("log_device_placement", "log the device of each operation")
    integer("intra_op_threads", "threads within one operation; 0: TensorFlow's choice")
    integer("inter_op_threads", "operations at the same time; 0: TensorFlow's choice")
    return v


def _parse(values: flags.FlagValues, words: Sequence[str], command: str) -> bool:
    """Parses the words of a command; returns whether only help or the version was asked for.

    Raises:
      UsageError: an unknown flag, a value of the wrong type, or a word that is no flag.
    """
    if any(word in ("--help", "-h", "--helpfull", "-help") for word in words):
        print(_help(values, command))
        return True
    if "--version" in words:
        print(f"vanilla_gan {__version__}")
        return True
    try:
        rest = values([_PROGRAM, *words])[1:]
    except flags.UnrecognizedFlagError as error:
        nearest = _nearest(error.flagname, list(values))
        raise UsageError(
            f"unknown flag --{error.flagname}{nearest}; see {_PROGRAM} {command} --help"
        ) from error
    except flags.Error as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{reason}; see {_PROGRAM} {command} --help") from error
    if rest:
        raise UsageError(
            f"{' '.join(rest)!r}: expected flags only; see {_PROGRAM} {command} --help"
        )
    return False


def _nearest(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _help(values: flags.FlagValues, command: str) -> str:
    lines = [
        f"usage: ./{_PROGRAM} [{command}] [--flag=value ...]",
        "",
        "Trains the GAN of the 2016 blog post and writes a 4x4 picture every 1000 iterations.",
        "The same command again continues a run that was stopped.",
        "",
    ]
    for name in list(values):
        flag = values[name]
        shown = _shown_default(name, flag.default)
        choices = getattr(flag.parser, "enum_values", None)
        kind = "|".join(choices) if choices else flag.flag_type()
        lines.append(f"  --{name} {kind}{shown}")
        # absl puts the choices before the text; they stand above already.
        lines.append(f"      {flag.help.removeprefix(f'<{kind}>: ')}")
    return "\n".join(lines)


def _shown_default(name: str, default: object) -> str:
    if default is not None:
        return f" (default {default})"
    of_systems = [
        f"{system} {SYSTEMS[system].defaults[name]}"
        for system in SYSTEMS
        if name in SYSTEMS[system].defaults
    ]
    return f" (default {', '.join(of_systems)})" if of_systems else ""


_COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "train": _train,
}
