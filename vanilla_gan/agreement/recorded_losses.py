"""The first losses of recorded runs, for runs that began with the same weights and draws.

They ship with the package as JSON beside this file, which `tests/data/make_recorded_losses.py`
makes from the recordings. From the same weights, on the same data, with the same random numbers, a
port has the same losses at first; rounding errors then grow, differently in any two builds.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.settings import RunConfig
from vanilla_gan.storage.arrays import read_npz

Floats = npt.NDArray[np.float64]

MAX_WEIGHTS = 1 << 28  # bytes; those of the recorded runs take some 1,000,000
_FILE = "recorded_losses.json"
# What decides which numbers are drawn, apart from the seed and the size of the data set.
_DRAWS = ("sample_every", "batch_size", "z_dim")


class RecordedLosses(NamedTuple):
    """One recorded run.

    Attributes:
      system, loss: the program.
      data: the name of the data, for people.
      dataset_checksum: of the data set, as `run.json` has it.
      weights_sha256: of the initial weights, see `weights_sha256`.
      seed, sample_every, batch_size, z_dim: what decides its draws.
      limits: `(last iteration, largest relative difference)` that a plain replica of the program
        showed up to there, ascending.
      iterations: int64 [n], up to the last of these limits.
      d_loss, g_loss: float64 [n], fetched at these iterations.
    """

    system: str
    loss: str
    data: str
    dataset_checksum: str
    weights_sha256: str
    seed: int
    sample_every: int
    batch_size: int
    z_dim: int
    limits: tuple[tuple[int, float], ...]
    iterations: npt.NDArray[np.int64]
    d_loss: Floats
    g_loss: Floats


@functools.cache
def recorded_losses() -> tuple[RecordedLosses, ...]:
    """Returns all recorded runs."""
    text = resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8")
    return tuple(_recorded(**each) for each in json.loads(text))


def matching(
    config: RunConfig, dataset_checksum: str, rewound: bool = False
) -> RecordedLosses | str:
    """Returns the recorded run that began like this one, or the reason why there is none.

    Args:
      config: the settings of the run; the file of its initial weights is read.
      dataset_checksum: of what it was trained on.
      rewound: whether the run went back to a checkpoint and drew new noise.
    """
    if config.init_weights is None:
        return "the run drew its own initial weights: no --init_weights"
    try:
        digest = weights_sha256(read_npz(config.init_weights, max_bytes=MAX_WEIGHTS))
    except (FileNotFoundError, ValueError):
        return f"{config.init_weights}, the run's initial weights, cannot be read"
    candidates = [each for each in recorded_losses() if each.weights_sha256 == digest]
    if not candidates:
        return f"no recorded run began with the weights of {config.init_weights}"
    for each in candidates:
        wanted = {name: getattr(each, name) for name in ("system", "loss", "seed", *_DRAWS)}
        wanted["precision"] = "float32"
        different = [
            f"--{name} {getattr(config, name)} (recorded: {value})"
            for name, value in wanted.items()
            if getattr(config, name) != value
        ]
        if dataset_checksum != each.dataset_checksum:
            different.append(f"other data (recorded: {each.data})")
        if rewound:
            different.append("it went back and drew new noise")
        if not different:
            return each
    return f"the run draws other random numbers than the recorded one: {', '.join(different)}"


def weights_sha256(weights: Mapping[str, npt.ArrayLike]) -> str:
    """Returns a SHA-256, as hex digits, of names, shapes and float32 values, in order of name."""
    digest = hashlib.sha256()
    for name, values in sorted(weights.items()):
        array = np.ascontiguousarray(values, "<f4")
        digest.update(f"{name} {list(array.shape)}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _recorded(**content: Any) -> RecordedLosses:
    content["limits"] = tuple((int(last), float(limit)) for last, limit in content["limits"])
    content["iterations"] = np.array(content["iterations"], np.int64)
    for name in ("d_loss", "g_loss"):
        content[name] = np.array(content[name], np.float64)
    return RecordedLosses(**content)
