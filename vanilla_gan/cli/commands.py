"""The commands: what each is for, its flags, and the function that runs it with its settings.

Each is made by a function that imports only what the flags need; running the command imports the
rest. So no command loads what only another one needs.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from vanilla_gan.cli.flags import Flags
from vanilla_gan.say import json_text, say, show


class Command(NamedTuple):
    """One command.

    Attributes:
      summary: what it does, for its help.
      flags: its flags, which also hold the class of its settings.
      run: runs it with these settings.
      example: an example of the words after the program's name.
    """

    summary: str
    flags: Flags
    run: Callable[[Any], object]
    example: str


def _alone(command: str, instead: str) -> None:
    """Checks that a command that trains on one machine is not started on a cluster."""
    from vanilla_gan.engines.task import task_of
    from vanilla_gan.errors import UsageError

    if task_of(os.environ) is not None:
        raise UsageError(f"TF_CONFIG: {command} does not train on a cluster; {instead}")


def train() -> Command:
    """Returns the command that trains a run, which is the default command."""
    from vanilla_gan.settings import default_data_dir
    from vanilla_gan.systems import SYSTEMS
    from vanilla_gan.training.settings import TrainConfig

    def run(given: TrainConfig) -> None:
        task, config = given.of_process(os.environ), given.of_run()
        if "data_dir" not in config.given:
            config = config.filled({"data_dir": default_data_dir()})
        if config.log_device_placement:
            # TensorFlow logs placements at level INFO, which `cli` hides.
            os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
        from vanilla_gan.sweep.processes import OF_A_SWEEP
        from vanilla_gan.training.host import Host

        host = Host(second_signal_exits=OF_A_SWEEP not in os.environ)
        if task is None:
            from vanilla_gan.training.run import train

            train(config, host)
        else:
            from vanilla_gan.training.cluster import train_in_cluster

            train_in_cluster(task, config, host)

    of_systems = {name: {**system.defaults, **system.published} for name, system in SYSTEMS.items()}
    return Command(
        "Trains the GAN of the 2016 blog post and writes a 4x4 picture every 1000 iterations. "
        "To continue a run that was stopped, give the same command again.",
        Flags(TrainConfig, {"data_dir": default_data_dir()}, of_systems),
        run,
        "--iters 20001 --out out",
    )


def fork() -> Command:
    """Returns the command that starts a run from the state of another one."""
    from vanilla_gan.declare import table_of
    from vanilla_gan.settings import default_data_dir
    from vanilla_gan.training.settings import ForkConfig

    def run(config: ForkConfig) -> None:
        from vanilla_gan.training.fork import fork

        _alone(
            "fork",
            "begin the run on one machine with --towers K, the number of tasks that train, then "
            "continue it with train on all of them",
        )
        settings = config.of_run()
        if settings.data is not None and "data_dir" not in settings.given:
            settings = settings.filled({"data_dir": default_data_dir()})
        fork(config.source, settings)

    return Command(
        "Begins a new run from a checkpoint of another run, its parent, by default the newest, and "
        "trains it. The flags are those of train; their defaults are the parent's values.",
        # No default is shown, because the defaults are the parent's values.
        Flags(ForkConfig, dict.fromkeys(table_of(ForkConfig), " ")),
        run,
        "fork --from out --out slower --learning_rate 0.0002",
    )


def sweep() -> Command:
    """Returns the command that trains many runs; it prints a table, and fails if any run fails."""
    from vanilla_gan.settings import default_data_dir
    from vanilla_gan.sweep.settings import SweepConfig
    from vanilla_gan.systems import SYSTEMS

    def run(config: SweepConfig) -> None:
        import dataclasses
        import shlex

        from vanilla_gan.cli.grid import grid_of
        from vanilla_gan.cli.words import this_program, words_of
        from vanilla_gan.plugins.loading import given
        from vanilla_gan.sweep.sweep import Program, sweep
        from vanilla_gan.sweep.table import sweep_table

        _alone("sweep", "unset it, and split the runs over machines with --part")
        grid = grid_of(config.grid)
        if "data_dir" not in config.given:
            config = config.filled({"data_dir": default_data_dir()})
        plugins = [f"--plugin={path}" for path in given()]
        # The command of the whole sweep, not of this part of it.
        whole = dataclasses.replace(config, part=None)
        program = Program(
            train=lambda settings: [*this_program(), "train", *plugins, *words_of(settings)],
            sweep=shlex.join(["./run.sh", "sweep", *plugins, *words_of(whole)]),
        )
        found, failure = sweep(config, grid, program, say)
        show(sweep_table(found) + "\n")
        if failure is not None:
            raise failure

    of_systems = {name: {**system.defaults, **system.published} for name, system in SYSTEMS.items()}
    return Command(
        "Trains the same system with many seeds. Each run is a process of one thread with its "
        "own folder; they run side by side. The flags are those of train. The same command again "
        "continues stopped runs and skips finished ones. At the end it prints a table on stdout, "
        "and writes sweep.json, sweep.png and sweep.html.",
        Flags(SweepConfig, {"data_dir": default_data_dir()}, of_systems),
        run,
        "sweep --seeds 0:4 --iters 10001 --out sweep",
    )


def sample() -> Command:
    """Returns the command that samples from a trained generator."""
    from vanilla_gan.generator.settings import SampleConfig

    def run(config: SampleConfig) -> None:
        from vanilla_gan.generator.sample import sample

        sample(config, say)

    return Command(
        "Draws images from a trained generator: a grid, single files, arrays, or a walk between "
        "them.",
        Flags(SampleConfig),
        run,
        "sample --from out --n 100 --out samples.png",
    )


def evaluate() -> Command:
    """Returns the command that judges a trained generator; it prints what was found."""
    from vanilla_gan.quality.settings import EvaluateConfig

    def run(config: EvaluateConfig) -> None:
        from vanilla_gan.quality.evaluate import evaluate
        from vanilla_gan.quality.table import quality_table

        found = evaluate(config, say)
        show(json_text(found) if config.format == "json" else quality_table(found) + "\n")

    return Command(
        "Compares samples of a trained generator with real images: Parzen log-likelihood, Frechet "
        "distance, precision and recall, density and coverage, classes, nearest neighbours. Prints "
        "on stdout. The first time, it trains a classifier of the data set: about a minute.",
        Flags(EvaluateConfig),
        run,
        "evaluate --from out",
    )


def report() -> Command:
    """Returns the command that writes a report."""
    from vanilla_gan.report.settings import ReportConfig

    def run(config: ReportConfig) -> None:
        from vanilla_gan.report.report import write_report

        write_report(config, say)

    return Command(
        "Writes one HTML page about a run: its pictures, losses, quality and settings. The page "
        "needs neither a server nor a network. An earlier report is replaced.",
        Flags(ReportConfig),
        run,
        "report --from out",
    )


def compare() -> Command:
    """Returns the command that compares a run; it prints verdicts and fails if one of them does."""
    from vanilla_gan.agreement.settings import CompareConfig

    def run(config: CompareConfig) -> None:
        from vanilla_gan.agreement.compare import compare
        from vanilla_gan.agreement.comparison import NOT_JUDGED, as_dict
        from vanilla_gan.agreement.table import agreement_table
        from vanilla_gan.errors import DisagreementError, NotJudgedError

        found = compare(config, say)
        content = as_dict(found)
        show(json_text(content) if config.format == "json" else agreement_table(content) + "\n")
        if found.failed:
            against = found.judged_by if config.against else "what was published"
            raise DisagreementError(
                f"{config.source} does not agree with {against}: {found.failed} of "
                f"{found.judged} verdicts fail"
            )
        if found.outcome == NOT_JUDGED:
            parts = "statistics, losses" if config.against else "statistics, losses, traces"
            what = ", ".join(found.missing) or parts
            raise NotJudgedError(
                f"{config.source} cannot be judged by its {what}: {'; '.join(found.reasons)}"
            )

    return Command(
        "Checks whether a run agrees with what was published, or with a sweep: picture size and "
        "tile positions, recorded losses, and whether statistics of pictures and losses are within "
        "the spread of ten recorded runs, or of the sweep. Prints one verdict per line on stdout. "
        "The exit status is 1 if one fails, 3 if too little could be judged (see --require).",
        Flags(CompareConfig),
        run,
        "compare --from out",
    )


def doctor() -> Command:
    """Returns the command that examines a run's health; it prints what is found."""
    from vanilla_gan.health.settings import DoctorConfig

    def run(config: DoctorConfig) -> None:
        from vanilla_gan.health.doctor import as_dict, as_text, examined

        found = examined(config.source)
        show(json_text(as_dict(found)) if config.format == "json" else as_text(found))

    return Command(
        "Says which diseases a run's health.csv shows, since when, by which numbers, and what to "
        "try. Prints one line for each on stdout. Trains nothing, and needs no network or data.",
        Flags(DoctorConfig),
        run,
        "doctor --from out",
    )


def verify() -> Command:
    """Returns the command that checks this installation against recorded steps."""
    from vanilla_gan.agreement.settings import VerifyConfig

    def run(config: VerifyConfig) -> None:
        from vanilla_gan.agreement.verify import as_dict, verify
        from vanilla_gan.agreement.verify_table import verify_table
        from vanilla_gan.errors import DisagreementError

        found = verify(config)
        content = as_dict(found)
        show(json_text(content) if config.format == "json" else verify_table(content) + "\n")
        if found.failed:
            raise DisagreementError(
                f"this installation does not compute what was published: {found.failed} of "
                f"{found.judged} verdicts fail"
            )

    return Command(
        "Checks whether this installation computes what the published programs computed: replays "
        "steps that were recorded with TensorFlow 1.15.5, from their recorded states. Prints one "
        "line per trace and engine on stdout. The exit status is 1 if one differs by more than "
        "rounding. Needs no network and no data.",
        Flags(VerifyConfig),
        run,
        "verify",
    )


def export() -> Command:
    """Returns the command that exports a trained system."""
    from vanilla_gan.generator.settings import ExportConfig

    def run(config: ExportConfig) -> None:
        from vanilla_gan.generator.export import export

        export(config, say)

    return Command(
        "Exports a trained system as a SavedModel that any TensorFlow 2 loads, as an npz file of "
        "its weights for --init_weights, as ONNX, or as TensorFlow Lite. The export is read back "
        "and compared before it is reported as done.",
        Flags(ExportConfig),
        run,
        "export --from out --out gan.onnx",
    )


def import_weights() -> Command:
    """Returns the command that takes weights from another program's checkpoint."""
    from vanilla_gan.generator.settings import ImportConfig

    def run(config: ImportConfig) -> None:
        from vanilla_gan.generator.import_weights import import_weights

        import_weights(config, say)

    return Command(
        "Takes the weights out of a TensorFlow checkpoint, such as one of the published program "
        "under TensorFlow 1.x, and writes them as an npz file for --init_weights.",
        Flags(ImportConfig),
        run,
        "import_weights --from CHECKPOINT --out weights.npz",
    )


def import_images() -> Command:
    """Returns the command that makes a data set from a folder of pictures."""
    from vanilla_gan.data.pictures.settings import ImportConfig

    def run(config: ImportConfig) -> None:
        from vanilla_gan.cli.bar import Bar
        from vanilla_gan.data.pictures.import_images import import_images

        with contextlib.closing(Bar()) as progress:
            import_images(config, progress.inform, progress)

    return Command(
        "Makes a data set from a folder of pictures, 28x28 and grey unless flags say otherwise. "
        "Subfolders are classes. train --data FOLDER does the same with default flags.",
        Flags(ImportConfig),
        run,
        "import_images FOLDER --out data/birds",
    )


COMMANDS: dict[str, Callable[[], Command]] = {
    each.__name__: each
    for each in (
        *(train, fork, sweep, sample, evaluate, report),
        *(doctor, compare, verify, export, import_weights, import_images),
    )
}
