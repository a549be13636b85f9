"""Compares bit for bit what two runs left in their folders."""

from __future__ import annotations

import hashlib
import json
import pathlib
from typing import Any

import numpy as np

# What differs between two runs with the same settings.
ITS_OWN = ("run_id", "started", "sha256")


def fingerprint(out: pathlib.Path) -> dict[str, str]:
    """Returns a checksum of each file below a run's folder, by its name there.

    Hidden and temporary files count, too: nothing may be left over. JSON files count without the
    run's id, start, checksum and output folder; npz files without the times that numpy notes in
    them. TensorBoard's event files, of which each start writes one, contain times as well: they
    count as one file, `tensorboard`, and only by what they show.
    """
    events = sorted((out / "tensorboard").glob("*"))
    paths = sorted(path for path in out.rglob("*") if not path.is_dir() and path not in events)
    sums = {str(path.relative_to(out)): _sum(path) for path in paths}
    if events:
        sums["tensorboard"] = hashlib.sha256(repr(_shown(events)).encode()).hexdigest()
    return sums


def differences(out: pathlib.Path, undisturbed: pathlib.Path) -> list[str]:
    """Returns the names of the files that differ or that only one of the two runs has."""
    one, other = fingerprint(out), fingerprint(undisturbed)
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def record(out: pathlib.Path) -> dict[str, Any]:
    """Returns `run.json`."""
    return json.loads((out / "run.json").read_bytes())


def checkpoints(out: pathlib.Path) -> list[int]:
    """Returns the iterations of the checkpoints, in ascending order."""
    names = [path.name for path in (out / "checkpoints").iterdir()]
    return sorted(int(name) for name in names if name.isdecimal())


def _sum(path: pathlib.Path) -> str:
    if path.suffix == ".npz":
        with np.load(path) as archive:
            arrays = [(name, archive[name]) for name in sorted(archive.files)]
        content = repr([(name, a.dtype, a.shape, a.tobytes()) for name, a in arrays]).encode()
    elif path.suffix == ".json":
        content = json.dumps(_common(json.loads(path.read_bytes())), sort_keys=True).encode()
    else:
        content = path.read_bytes()
    return hashlib.sha256(content).hexdigest()


def _shown(event_files: list[pathlib.Path]) -> list[tuple[int, str, bytes]]:
    """Returns (iteration, tag, value) of everything in the event files, in order."""
    from tensorflow.compat.v1 import train

    return [
        (event.step, value.tag, value.SerializeToString())
        for path in event_files
        for event in train.summary_iterator(str(path))
        for value in event.summary.value
    ]


def _common(content: dict[str, Any]) -> dict[str, Any]:
    common = {name: value for name, value in content.items() if name not in ITS_OWN}
    if "config" in common:
        common["config"] = {**common["config"], "out": None}
    if "files" in common:
        # A manifest: its sums are those of the files beside it, which are compared themselves.
        common["files"] = sorted(common["files"])
    return common
