"""What a report says about a run's settings, from its record, and how to train the run again."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import unicodedata
from typing import Any, NamedTuple

from vanilla_gan.data.download.catalog import CATALOG
from vanilla_gan.declare import as_word, table_of
from vanilla_gan.runfolder.checkpoint import FOLDER
from vanilla_gan.runfolder.record import RunRecord, classes_of
from vanilla_gan.say import printable
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS

# Always named: their defaults may differ in another version or on another machine.
_ALWAYS = ("system", "dataset", "iters")
# Names of published data under which --allow_unverified_data accepts other files.
_MAY_BE_OWN = (*CATALOG, "emnist_letters", "cifar10", "stacked_mnist")


class RunFacts(NamedTuple):
    """What a run is, as its `run.json` has it.

    Attributes:
      record: all that `run.json` says.
      system, dataset: their names; the data set is never `auto`.
      data_name: what people call the data; for a user's own data, a folder's name.
      iters: how many iterations the run is to have.
      sample_every: iterations between two pictures.
      num_classes: how many classes have training images.
      class_labels: the name of every class, or its number if classes have none, by label.
      classes: the classes that have training images, in words; empty if classes have no names.
      settings: every setting that applies to the system, by name.
      moved: whether it went on with other settings of the machine, such as device or threads.
      command: the line that trains it again, from the first word to the last.
      parent: where it was forked from, in words; empty if it is no fork.
      best: the best checkpoint that is kept, in words; empty if there is none.
    """

    record: RunRecord
    system: str
    dataset: str
    data_name: str
    iters: int
    sample_every: int
    num_classes: int
    class_labels: tuple[str, ...]
    classes: str
    settings: dict[str, Any]
    moved: bool
    command: str
    parent: str = ""
    best: str = ""


def facts_of(record: RunRecord) -> RunFacts:
    """Returns what a report says about a run, from its record."""
    config, classes = record.config, classes_of(record.dataset)
    settings = {
        name: sendable(as_word(value)) if isinstance(value, (str, tuple)) else value
        for name, value in config.to_json().items()
        if value is not None
    }
    return RunFacts(
        record=record,
        system=config.system,
        dataset=str(record.dataset["name"]),
        data_name=sendable(_data_name(record)),
        iters=config.resolved_int("iters"),
        sample_every=config.resolved_int("sample_every"),
        num_classes=len(classes.trained),
        class_labels=tuple(
            sendable(name) for name in classes.names or map(str, range(classes.total))
        ),
        classes=classes.listed(_in_its_place) if classes.names else "",
        settings=settings,
        moved=any(
            table_of(RunConfig)[change["setting"]].effect == "machine"
            for change in record.changes
            if change["setting"] in table_of(RunConfig)
        ),
        command=command_line(record),
        parent=_parent(record),
        best=_best(record),
    )


def _data_name(record: RunRecord) -> str:
    """Returns what people call the data of a run: `own_data` of `own_data/mnist`."""
    name = str(record.dataset["name"])
    # Of any other name, the data either are always the same, or are the user's own under that name.
    may_be_own = record.config.allow_unverified_data and name in _MAY_BE_OWN
    published = CATALOG[name].checksum if name in CATALOG else ""
    if not may_be_own or record.dataset["checksum"] == published:
        return name
    return os.path.basename(record.data_at or os.path.abspath(record.config.data_dir)) or name


def _in_its_place(name: str) -> str:
    """Returns a name for a list in a line; right-to-left letters do not reorder its neighbours."""
    turns = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in name)
    return f"\u2066{sendable(name)}\u2069" if turns else sendable(name)


def _best(record: RunRecord) -> str:
    """Returns which checkpoint is the best, and by which figure; empty if none is kept."""
    best = record.best
    if not best:
        return ""
    return f"iteration {best['iteration']:,}, {best['figure']} {best['value']:.4g}"


def _parent(record: RunRecord) -> str:
    """Returns where a fork began, and which settings changed; empty for a run that is no fork."""
    parent = record.parent
    if not parent:
        return ""
    changes = [f"{each['setting']} {each['is']} (was {each['was']})" for each in parent["changes"]]
    return sendable(
        f"{parent['path']}, run {parent['run_id']}, at iteration {parent['iteration']:,}, with "
        + (", ".join(changes) or "the same settings")
    )


def command_line(record: RunRecord) -> str:
    """Returns the line for a shell that trains the run again, into a folder of its own.

    It names every setting that differs from its default, except those that no number of the run
    depends on.
    """
    if record.parent:
        return _fork_line(record)
    config = dataclasses.replace(record.config, dataset=record.dataset["name"])
    plain = RunConfig(system=config.system, preset=config.preset)
    own = {**SYSTEMS[config.system].defaults, **plain.from_program, **plain.from_preset}
    defaults = {**plain.to_json(), "preset": "published", **own}
    words = ["./run.sh"]
    for name, entry in table_of(RunConfig).items():
        value = getattr(config, name)
        # `iters` covers `epochs`.
        left_out = name == "epochs" or entry.effect in ("keeping", "speed")
        if name in _ALWAYS or (not left_out and value not in (None, defaults[name])):
            words += _flag(name, value)
    return shlex.join([*words, *_plugins(record), "--out", "again"])


def _fork_line(record: RunRecord) -> str:
    parent = record.parent
    source = f"{parent['path']}/{FOLDER}/{parent['iteration']:010d}"
    words = ["./run.sh", "fork", "--from", sendable(source)]
    # The parent or this run may have been trained for longer since the fork.
    words += _flag("iters", record.config.iters)
    for change in parent["changes"]:
        # A setting that became None follows from the others, and `iters` covers `epochs`.
        if change["is"] is not None and change["setting"] not in ("iters", "epochs"):
            words += _flag(change["setting"], change["is"])
    return shlex.join([*words, *_plugins(record), "--out", "again"])


def _plugins(record: RunRecord) -> list[str]:
    return [word for plugin in record.plugins for word in _flag("plugin", plugin["path"])]


def sendable(text: str) -> str:
    """Returns a text in a form that is safe in a page that is sent to others.

    The home folder becomes `~`, which flags accept, too: its name is private. Control characters,
    marks that change the direction of writing, and bytes that are not UTF-8 are escaped.
    """
    home = os.path.expanduser("~").rstrip("/")
    if home.startswith("/"):
        text = re.sub(rf"(?<![^\s=:('\"]){re.escape(home)}(?![^\s/:;,)'\"])", "~", text)
    # Spaces and joiners of other scripts are kept, because names need them.
    marks = (*map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)),)
    return "".join(
        printable(c) if c in marks or unicodedata.category(c) in ("Cc", "Cs") else c for c in text
    )


def _flag(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no{name}"]
    text = sendable(as_word(value))
    # absl would take a separate word that begins with a dash for the next flag.
    return [f"--{name}={text}"] if text.startswith("-") else [f"--{name}", text]
