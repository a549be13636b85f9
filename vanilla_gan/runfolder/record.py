"""`out/run.json`: what identifies a run, so that only a command that fits it can continue it."""

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
from vanilla_gan.data.classes import Classes
from vanilla_gan.data.known import OWN_NAME
from vanilla_gan.data.read import DataSource, read_data_sets
from vanilla_gan.data.shape import (
    MAX_CLASSES,
    MAX_SIDE,
    PUBLISHED_CLASSES,
    PUBLISHED_SHAPE,
    ImageShape,
)
from vanilla_gan.data.streams import unread
from vanilla_gan.declare import as_word, one_of, table_of
from vanilla_gan.errors import DamagedRunError, OutputError, RunConflictError, UsageError
from vanilla_gan.graph.processor import onednn_is_on
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.plugins.loading import require
from vanilla_gan.plugins.registry import Plugin, plugins_of
from vanilla_gan.runfolder.names import RUN_JSON
from vanilla_gan.settings import DATASETS, RunConfig, default_data_dir
from vanilla_gan.storage.fields import (
    COUNT,
    MOMENT,
    NUMBER,
    PATH,
    SETTING,
    SHA256,
    TEXT,
    Kind,
    check_fields,
    each,
    fields,
    kind,
    list_of,
    whole,
)
from vanilla_gan.storage.reading import reason_of
from vanilla_gan.storage.sealed_json import read_sealed, write_sealed

FORMAT = 1

_NAME = one_of(DATASETS[1:], OWN_NAME)

DATASET = fields(
    {
        "name": kind(_NAME.expected, lambda name: isinstance(name, str) and _NAME.holds(name)),
        "checksum": SHA256,
        "train_examples": whole(1),
    },
    # Earlier versions knew only the published shape and classes, and did not record them.
    # `trained_classes` is missing if all have training images, `class_names` if none has a name.
    {
        "image_shape": list_of(whole(1, MAX_SIDE)),
        "num_classes": whole(1, MAX_CLASSES),
        "trained_classes": list_of(whole(0, MAX_CLASSES - 1)),
        "class_names": list_of(TEXT),
    },
)
# `RunConfig` checks the values in `config`.
_FIELDS: Mapping[str, Kind] = {
    "format": whole(FORMAT, FORMAT),
    "run_id": TEXT,
    "config": each(TEXT, lambda value, name: None),
    "dataset": DATASET,
    "device": TEXT,
    "versions": each(TEXT, TEXT),
    "started": MOMENT,
    "trained": COUNT,
    "rewinds": list_of(fields({"iteration": COUNT, "to": COUNT})),
}
_CHANGE = {"setting": TEXT, "was": SETTING, "is": SETTING}
_PARENT = fields(
    {
        "path": PATH,
        "run_id": TEXT,
        "iteration": COUNT,
        "checkpoint": SHA256,
        "changes": list_of(fields(_CHANGE)),
    },
    # If it is not 0: the parent's own value, and how many of `rewinds` are not the fork's own.
    {"judged_from": COUNT, "rewinds": COUNT},
)
_DIVERGED = fields({"iteration": COUNT, "why": TEXT})
_BEST = fields({"figure": TEXT, "iteration": COUNT, "value": NUMBER, "no_gain": COUNT})
# Fields of later versions; records of earlier runs lack them.
_LATER: Mapping[str, Kind] = {
    "data_at": PATH,
    "changes": list_of(fields({"iteration": COUNT, **_CHANGE})),
    "parent": lambda value, name: None if value == {} else _PARENT(value, name),
    "from_preset": list_of(TEXT),
    "best": lambda value, name: None if value == {} else _BEST(value, name),
    "plugins": list_of(fields({"path": PATH, "sha256": SHA256})),
    "diverged": lambda value, name: None if value == {} else _DIVERGED(value, name),
}
_ONEDNN = "oneDNN"
# Not recorded as changes: they concern one start only, or are reported in another way.
_NO_CHANGE = ("iters", "epochs", "out", "overwrite", "tune", "log_json")


@dataclasses.dataclass
class RunRecord:
    """The content of `run.json`.

    Attributes:
      run_id: ties the run's checkpoints to it.
      config: every setting, with the system's own and the seed filled in.
      dataset: the data that it is trained on, in the form of `DATASET`.
      device: where the graph was placed.
      versions: what `versions` returned at the first start, or the parent's for a fork.
      started: UTC time of the first start.
      trained: how many iterations it had when it last reached its end; 0 before.
      rewinds: for each time that the run diverged and went back: `iteration`, where this was found,
        and `to`, the iteration it went back to.
      data_at: the absolute path of `config.data_dir` at the last start.
      changes: changes of settings on which no number depends, each with the `iteration` at which
        the run went on with the new value, `setting`, `was` and `is`.
      parent: for a fork, the `path` and `run_id` of its parent, the `iteration` at which it began,
        as `checkpoint` the SHA-256 of that checkpoint's manifest, and `changes`, each with
        `setting`, `was` and `is`; empty for other runs.
      from_preset: the names of the settings that came from `config.preset`.
      best: the checkpoint that is kept as the best one: its `iteration`, the `figure` that decides,
        its `value`, and `no_gain`, the number of evaluations since the best. Empty if none is kept.
      plugins: `path` and `sha256` of the files that register its loss, penalties or system.
      diverged: if the last start of the run failed because a number was not finite: the
        `iteration`, and `why`, in words; empty otherwise.
    """

    run_id: str
    config: RunConfig
    dataset: dict[str, Any]
    device: str
    versions: dict[str, str]
    started: str
    trained: int = 0
    rewinds: list[dict[str, int]] = dataclasses.field(default_factory=list)
    data_at: str = ""
    changes: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    parent: dict[str, Any] = dataclasses.field(default_factory=dict)
    from_preset: list[str] = dataclasses.field(default_factory=list)
    best: dict[str, Any] = dataclasses.field(default_factory=dict)
    plugins: list[dict[str, str]] = dataclasses.field(default_factory=list)
    diverged: dict[str, Any] = dataclasses.field(default_factory=dict)

    def gains_no_more(self, config: RunConfig) -> bool:
        """Returns whether the last `stop_after_no_gain` evaluations have found nothing better."""
        most = config.stop_after_no_gain
        return self.best.get("figure") == config.keep_best and 0 < most <= self.best["no_gain"]

    def is_finished(self, config: RunConfig, newest: int | None) -> bool:
        """Returns whether nothing is left to train.

        Args:
          config: the settings that it would continue with.
          newest: the iteration of its newest checkpoint, if it has one.
        """
        if self.trained >= config.resolved_int("iters"):
            return True
        return 0 < self.trained == newest and self.gains_no_more(config)

    @property
    def judged_from(self) -> int:
        """The first iteration that counts when deciding whether to stop a run early.

        A fork with changed settings is made to see their effect, so its parent's past does not
        count. A fork without changes is judged like its parent.
        """
        name = "iteration" if self.parent.get("changes") else "judged_from"
        return int(self.parent.get(name, 0))

    @property
    def own_rewinds(self) -> int:
        """How often this run went back itself: what its parent did is not held against a fork."""
        return len(self.rewinds) - int(self.parent.get("rewinds", 0))

    def begins_with_another_seed(self, iteration: int) -> bool:
        """Returns whether this is a fork that begins at `iteration` with another seed."""
        names = [change["setting"] for change in self.parent.get("changes", [])]
        return self.parent.get("iteration") == iteration and "seed" in names

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

    def check_still_there(self, out_dir: pathlib.Path) -> None:
        """Checks that the folder of a run that is training does not hold another run by now.

        The lock does not prevent the folder from being renamed, and moves with it.

        Raises:
          OutputError: it does.
        """
        try:
            there = read_sealed(out_dir / RUN_JSON).get("run_id")
        except (OSError, ValueError):
            return  # If it is gone, the next write fails and says so.
        if there != self.run_id:
            raise OutputError(
                f"{out_dir} now holds another run, because the folder of this one was moved; "
                "give the same command with the new path as --out to continue from the last "
                "checkpoint"
            )


def new_record(
    config: RunConfig, dataset: dict[str, Any], device: str, of_parent: dict[str, str] | None = None
) -> RunRecord:
    """Returns the record of a run that starts now, with an id that no other run has.

    Its versions are `of_parent`, if there is a parent; otherwise TensorFlow is loaded to get them.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    return RunRecord(
        run_id=secrets.token_hex(8),
        config=config,
        dataset=dataset,
        device=device,
        versions=of_parent or versions(),
        started=now.isoformat(timespec="seconds"),
        data_at=os.path.abspath(config.data_dir),
        from_preset=[*config.from_preset],
        plugins=[plugin._asdict() for plugin in plugins_of(config)],
    )


def read_record(out_dir: pathlib.Path) -> RunRecord | None:
    """Reads `run.json`; returns None if there is none.

    Raises:
      DamagedRunError: it is damaged, or of another format.
      PluginError: it needs a plug-in that is missing, changed, or not trusted.

    Side effects: runs the plug-ins that it needs, if the user has given them before.
    """
    path = out_dir / RUN_JSON
    try:
        content = read_sealed(path)
        check_fields(content, _FIELDS, _LATER)
        del content["format"]
        require([Plugin(**entry) for entry in content.get("plugins", [])], str(path))
        config = RunConfig.from_json(content["config"])
        content["config"] = config_of_data(config, content["dataset"])
        content["config"].check_complete(content["dataset"]["train_examples"])
        return RunRecord(**content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DamagedRunError(
            f"{path} cannot be used: {reason_of(error)}; put the original back, choose another "
            "--out, or start anew with --overwrite, which first moves this folder aside"
        ) from error


def dataset_entry(source: DataSource, num_classes: int | None = None) -> dict[str, Any]:
    """Returns the entry for a run's data in its record.

    Args:
      source: the data.
      num_classes: how many classes the run has, if that is more than the data have.
    """
    train, names = source.splits.train, source.class_names
    labels = range(num_classes or train.num_classes)
    entry = {
        "name": source.name,
        "checksum": source.checksum,
        "train_examples": train.num_examples,
        "image_shape": list(train.shape),
        "num_classes": len(labels),
    }
    if train.trained_classes != list(labels):
        entry["trained_classes"] = train.trained_classes
    if names:
        entry["class_names"] = [names.get(label, str(label)) for label in labels]
    return entry


def classes_of(dataset: Mapping[str, Any]) -> Classes:
    """Returns the classes that a record's `dataset`, in the form of `DATASET`, describes.

    Raises:
      ValueError: its fields contradict each other.
    """
    count = dataset.get("num_classes", PUBLISHED_CLASSES)
    trained = dataset.get("trained_classes", range(count))
    names = dataset.get("class_names", ())
    if not trained or list(trained) != sorted({*trained} & {*range(count)}):
        raise ValueError(f"dataset.trained_classes is not some of 0 to {count - 1}, ascending")
    if len(names) not in (0, count):
        raise ValueError(f"dataset.class_names has {len(names)} names, expected {count}")
    return Classes(count, trained, names)


def config_of_data(config: RunConfig, dataset: Mapping[str, Any]) -> RunConfig:
    """Returns a run's settings with the shape and classes of `dataset`, in the form of `DATASET`.

    Raises:
      ValueError: the shape or the classes are not valid, or do not fit the settings.
    """
    shape = dataset.get("image_shape", PUBLISHED_SHAPE)
    if len(shape) != 3:
        raise ValueError(f"dataset.image_shape has {len(shape)} numbers, expected 3")
    classes = classes_of(dataset)
    try:
        return config.of_data(ImageShape(*shape), classes)
    except UsageError as error:
        raise ValueError(str(error)) from error


def data_of(
    config: RunConfig, dataset: Mapping[str, Any], data_dir: str | None = None, **more: Any
) -> DataSource:
    """Reads the data of a run for a caller that needs no batches; does not check the checksum.

    Args:
      config: the settings of the run.
      dataset: the run's data, in the form of `DATASET`.
      data_dir: where the data are now; by default where the run found them.
      more: `pixels` and `inform` of `read_data_sets`; see there for what it raises.
    """
    return read_data_sets(
        dataset["name"],
        data_dir or config.data_dir,
        unread(),
        allow_unverified=config.allow_unverified_data,
        num_classes=config.num_classes,
        train_examples=dataset["train_examples"],
        checksum=dataset["checksum"],
        **more,
    )


def record_from(source: str) -> RunRecord:
    """Reads the `run.json` of the folder that `--from` names.

    Raises:
      RunConflictError: there is none.
      DamagedRunError: it is damaged.
    """
    path = pathlib.Path(source)
    try:
        record = None if os.path.isfile(path) else read_record(path)
    except DamagedRunError as error:
        # Its advice is for commands that train; others have no such --out and --overwrite.
        raise DamagedRunError(
            f"{path / RUN_JSON} cannot be used: {reason_of(error.__cause__ or error)}; put the "
            "original back"
        ) from error
    if record is not None:
        return record
    for run in path.parents[:2]:  # of OUT/best and of OUT/checkpoints/NUMBER
        if os.path.isfile(run / RUN_JSON):
            raise RunConflictError(
                f"--from={source}: it is a part of a run; expected the run itself, --from={run}"
            )
    raise RunConflictError(
        f"--from={source}: there is no run ({RUN_JSON} is missing); expected the --out of a "
        "training run"
    )


def continued_config(record: RunRecord, config: RunConfig, *, begun: bool = False) -> RunConfig:
    """Returns the settings to continue a run with: those given in `config`, else the run's own.

    Args:
      record: the run's record.
      config: the settings; only those that were given count.
      begun: whether the run has a checkpoint. Then a given `init_weights` is ignored, because no
        number depends on it any more.

    Raises:
      RunConflictError: a given setting on which the run's numbers depend differs from the run's.
      UsageError: settings do not go together, such as `iters` and `epochs`.
    """
    then = {**record.config.to_json(), "dataset": record.dataset["name"]}
    # These apply only to the start at which they are given.
    now = {"overwrite": False, "tune": False, **given_settings(record, config)}
    said = now.get("sample_class") or "all"
    # A class may have the name "all", too; here it means all classes.
    label = None if said == "all" else record.config.classes.label(said)
    if label is not None:
        now["sample_class"] = str(label)
    if begun:
        now.pop("init_weights", None)
    table = table_of(RunConfig)
    different = [
        name for name in sorted(now) if now[name] != then[name] and not table[name].is_free
    ]
    if different:
        listed = "; ".join(
            f"--{name} was {as_word(then[name])}, is {as_word(now[name])}" for name in different
        )
        fork = ""
        if all(table[name].effect == "numbers" for name in different):
            fork = f"use these settings in a new folder with fork --from {config.out}, "
        raise RunConflictError(
            f"{config.out} holds a run with other settings: {listed}; {fork}choose another --out, "
            "or start anew with --overwrite, which first moves that run aside"
        )
    return _with(record, now, config.out, config.out_dir, record.dataset)


def forked_record(
    parent: RunRecord, config: RunConfig, folder: pathlib.Path, dataset: dict[str, Any]
) -> RunRecord:
    """Returns the record of a fork; the caller adds the checkpoint to its `parent`.

    Args:
      parent: the parent's record; the fork takes its device, versions and rewinds.
      config: the settings; only those that were given count.
      folder: the parent's folder.
      dataset: the data that the fork is trained on, in the form of `DATASET`.

    Raises:
      UsageError: settings do not go together, such as `iters` and `epochs`, a batch is too large,
        or the optimizer does not use a setting.
    """
    now = {**given_settings(parent, config), "overwrite": False, "tune": False}
    was = parent.config.to_json()
    if not {"iters", "epochs"} & now.keys() and any(
        now.get(name, was[name]) != was[name] for name in ("batch_size", "D_steps")
    ):
        # An epoch now has another length, but the run ends at the same iteration as its parent.
        now["iters"] = was["iters"]
    new = _with(parent, now, config.out, folder, dataset)
    becomes = new.to_json()
    no_change = {*_NO_CHANGE[2:]}
    if dataset["checksum"] == parent.dataset["checksum"]:
        no_change.add("data_dir")
    changes = [
        {"setting": name, "was": was[name], "is": becomes[name]}
        for name in becomes
        if becomes[name] != was[name]
        and name not in no_change
        # If `epochs` was dropped, `iters` says how long the run is.
        and (name != "epochs" or becomes[name] is not None)
    ]
    new.check_used(change["setting"] for change in changes)
    path = os.path.abspath(folder)
    return dataclasses.replace(
        new_record(new, dataset, parent.device, parent.versions),
        rewinds=parent.rewinds,
        parent={"path": path, "run_id": parent.run_id, "changes": changes},
        from_preset=[name for name in parent.from_preset if was[name] == becomes[name]],
    )


def given_settings(record: RunRecord, config: RunConfig) -> dict[str, Any]:
    """Returns the settings given for an existing run, without a `dataset` that is the run's own.

    For this run, `auto` means the data set that it was begun with.
    """
    now = {name: getattr(config, name) for name in config.given if name in table_of(RunConfig)}
    if now.get("dataset") in ("auto", record.dataset["name"]):
        del now["dataset"]
    return now


def _with(
    record: RunRecord,
    now: dict[str, Any],
    out: str,
    folder: pathlib.Path,
    dataset: Mapping[str, Any],
) -> RunConfig:
    """Returns the complete settings of a run in `folder`, with those in `now` replaced.

    Raises:
      UsageError: two of them do not go together, or `dataset` lacks the class they name.
    """
    if "iters" in now and "epochs" in now:
        raise UsageError("--iters and --epochs both set the length of a run; give one of them")
    if "iters" in now:
        now["epochs"] = None
    # The record may name any path; it is written to only if the user names it, too.
    now.setdefault("log_json", None)
    if "data_dir" not in now:
        now["data_dir"] = data_dir_of(record, folder, dataset["name"])
    RunConfig(**{"system": record.config.system, **now}).check_applies()
    continued = dataclasses.replace(record.config, **{**now, "out": out})
    continued = continued.paired(now).of_data(continued.image_shape, classes_of(dataset))
    return continued.counted(record.dataset["train_examples"])


def data_dir_of(record: RunRecord, out_dir: pathlib.Path, name: str | None = None) -> str:
    """Returns the folder in which the data of a run, or the data set `name`, are likely to be now.

    It tries the folder of the run's last start, `data_dir` relative to the current folder, to the
    run's folder and to that folder's parent, and last the default folder of data sets. A place that
    has a folder for the data set comes before one that has not. The caller compares the checksum.
    """
    named = record.config.data_dir
    places = (record.data_at, named, out_dir / named, out_dir.parent / named, default_data_dir())
    there = [os.fspath(place) for place in places if os.path.isdir(place)]
    name = name or record.dataset["name"]
    found = next((place for place in there if os.path.isdir(os.path.join(place, name))), None)
    found = found or (there[0] if there else named)
    return named if os.path.abspath(named) == os.path.abspath(found) else found


def note_changes(record: RunRecord, config: RunConfig, iteration: int) -> str | None:
    """Makes `config` the settings of a run that goes on, and records what that changes.

    Returns:
      A line for the user; None if nothing changed.
    """
    then, now = record.config.to_json(), config.to_json()
    names = [name for name in now if now[name] != then[name] and name not in _NO_CHANGE]
    record.config = config
    record.plugins = [plugin._asdict() for plugin in plugins_of(config)]
    record.data_at = os.path.abspath(config.data_dir)
    record.changes += [
        {"iteration": iteration, "setting": name, "was": then[name], "is": now[name]}
        for name in names
    ]
    if not names:
        return None
    listed = ", ".join(f"--{name} {now[name]} (was {then[name]})" for name in names)
    rounding = ""
    if any(table_of(RunConfig)[name].effect == "machine" for name in names):
        rounding = "; the last digits of its numbers may differ from here on"
    return f"this run goes on with {listed}{rounding}"


def changed_surroundings(record: RunRecord, device: str) -> list[str]:
    """Returns a warning for each changed thing, not a setting, that may affect the run's numbers.

    None of them prevents the run from being continued, but from here on it may differ in the last
    digits from one that was never stopped.
    """
    then = {"device": record.device, **record.versions}
    now = {"device": device, **versions()}
    return [
        f"warning: this run was begun with {name} {then.get(name, 'unknown')} and goes on with "
        f"{value}; its numbers may differ from here on"
        for name, value in now.items()
        # Earlier versions did not record oneDNN.
        if then.get(name) != value and not (name == _ONEDNN and name not in then)
    ]


def versions() -> dict[str, str]:
    """Returns the versions of all that a run's numbers may depend on; loads TensorFlow."""
    found = {"vanilla_gan": __version__, "python": platform.python_version()}
    # Taken from the module: the installed package may be `tensorflow-cpu`, or a custom build.
    found["tensorflow"] = tf.__version__
    for package in ("numpy", "matplotlib"):
        found[package] = importlib.metadata.version(package)
    found[_ONEDNN] = "on" if onednn_is_on() else "off"
    found["machine"] = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return found
