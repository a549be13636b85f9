"""`out/run.json`: what a run is, so that the same command continues it and another one does not."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import os
import pathlib
import platform
import secrets
from collections.abc import Mapping
from typing import Any

from vanilla_gan import __version__
from vanilla_gan.data.shape import PUBLISHED_CLASSES, PUBLISHED_SHAPE, ImageShape
from vanilla_gan.declare import table_of
from vanilla_gan.errors import DamagedRunError, RunConflictError, UsageError
from vanilla_gan.runfolder.names import RUN_JSON
from vanilla_gan.settings import RunConfig
from vanilla_gan.storage.sealed_json import read_sealed, write_sealed

FORMAT = 1

# The types of the entries, as JSON has them.
_KINDS = {
    "run_id": str,
    "config": dict,
    "dataset": dict,
    "device": str,
    "versions": dict,
    "started": str,
    "trained": int,
    "rewinds": list,
}


@dataclasses.dataclass
class RunRecord:
    """The content of `run.json`.

    Attributes:
      run_id: ties the run's checkpoints to it.
      config: every setting, the system's own and the seed filled in.
      dataset: of the data that it is trained on, `name`, `checksum`, `train_examples`,
        `image_shape` and `num_classes`; the last two are missing in records of earlier versions.
      device: where the graph was placed.
      versions: of what the numbers may depend on.
      started: UTC time of the first start.
      trained: how many iterations it had when it last reached its end; 0 before.
      rewinds: for each time that the run diverged and went back: `iteration`, where it was found,
        and `to`, the iteration it went back to.
    """

    run_id: str
    config: RunConfig
    dataset: dict[str, Any]
    device: str
    versions: dict[str, str]
    started: str
    trained: int = 0
    rewinds: list[dict[str, int]] = dataclasses.field(default_factory=list)

    def save(self, out_dir: pathlib.Path) -> None:
        """Writes `run.json`, whole or not at all.

        Raises:
          OutputError: it could not be written.
        """
        content = {
            "format": FORMAT,
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(self)},
            "config": self.config.to_json(),
        }
        write_sealed(out_dir / RUN_JSON, content)


def new_record(config: RunConfig, dataset: dict[str, Any], device: str) -> RunRecord:
    """Returns the record of a run that starts now, with an id that no other run has."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return RunRecord(
        run_id=secrets.token_hex(8),
        config=config,
        dataset=dataset,
        device=device,
        versions=versions(),
        started=now.isoformat(timespec="seconds"),
    )


def read_record(out_dir: pathlib.Path) -> RunRecord | None:
    """Reads `run.json`; returns None where there is none.

    Raises:
      DamagedRunError: it is, or it is of another format.
    """
    path = out_dir / RUN_JSON
    try:
        content = read_sealed(path)
        if content.pop("format", None) != FORMAT:
            raise ValueError(f"it is not of format {FORMAT}")
        if {name: type(value) for name, value in content.items()} != _KINDS:
            raise ValueError("it does not hold the entries of a run")
        config = RunConfig.from_json(content["config"])
        content["config"] = config_of_data(config, content["dataset"])
        return RunRecord(**content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DamagedRunError(
            f"{path} cannot be used: {error}; put the original back, choose another --out, or "
            "start anew with --overwrite, which keeps this folder aside"
        ) from error


def config_of_data(config: RunConfig, dataset: Mapping[str, Any]) -> RunConfig:
    """Returns the settings of a run with the shape and classes that it has recorded of its data.

    Earlier versions had data of the published shape and classes alone, and did not record them.

    Raises:
      ValueError: they are not what they can be.
    """
    shape = dataset.get("image_shape", PUBLISHED_SHAPE)
    num_classes = dataset.get("num_classes", PUBLISHED_CLASSES)
    sizes = [*shape, num_classes] if isinstance(shape, (list, tuple)) else []
    if len(sizes) != 4 or not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError("the shape of its images, or the number of classes, cannot be")
    try:
        return config.of_data(ImageShape(*shape), num_classes)
    except UsageError as error:
        raise ValueError(str(error)) from error


def record_from(source: str) -> RunRecord:
    """Reads the `run.json` of the folder that a `--from` names.

    Raises:
      RunConflictError: there is none.
      DamagedRunError: it is damaged.
    """
    record = read_record(pathlib.Path(source))
    if record is None:
        raise RunConflictError(
            f"--from={source}: no run there, it has no {RUN_JSON}; expected the folder that --out "
            "of a training run named"
        )
    return record


def continued_config(record: RunRecord, config: RunConfig) -> RunConfig:
    """Returns the settings to continue a run with: of `config` what was given, else the run's own.

    Raises:
      RunConflictError: a given setting, on which the run's numbers depend, is not the run's.
      UsageError: `iters` and `epochs` are both given.
    """
    # Whatever `auto` was then, it is what it means for this run.
    then = {**record.config.to_json(), "dataset": record.dataset["name"]}
    now = {name: getattr(config, name) for name in config.given if name in table_of(RunConfig)}
    if now.get("dataset") in ("auto", then["dataset"]):
        del now["dataset"]
    different = [
        f"--{name} was {then[name]}, is {value}"
        for name, value in sorted(now.items())
        if value != then[name] and not table_of(RunConfig)[name].is_free
    ]
    if different:
        raise RunConflictError(
            f"{config.out} holds a run with other settings: {'; '.join(different)}; choose another "
            "--out, or start anew with --overwrite, which first moves that run aside"
        )
    if "iters" in now and "epochs" in now:
        raise UsageError("--iters and --epochs say the same in two ways; give one of them")
    if "iters" in now:
        now["epochs"] = None
    continued = dataclasses.replace(record.config, **{**now, "out": config.out})
    return continued.counted(record.dataset["train_examples"])


def changed_surroundings(record: RunRecord, device: str) -> list[str]:
    """Returns a line for each thing the run's numbers may depend on that is not as it was.

    They are no settings, and none of them stops a run from being continued; but from here on it may
    differ in the last digits from one that was never stopped.
    """
    then = {"device": record.device, **record.versions}
    now = {"device": device, **versions()}
    return [
        f"warning: this run was begun with {name} {then.get(name, 'unknown')} and goes on with "
        f"{value}; its numbers may differ from here on"
        for name, value in now.items()
        if then.get(name) != value
    ]


def versions() -> dict[str, str]:
    """Returns the versions of what a run's numbers may depend on."""
    found = {"vanilla_gan": __version__, "python": platform.python_version()}
    for package in ("tensorflow", "numpy", "matplotlib"):
        found[package] = importlib.metadata.version(package)
    found["machine"] = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return found
