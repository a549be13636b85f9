"""Traces: single steps of the published programs, as TensorFlow 1.15.5 ran them, in npz files.

A trace is a whole state before iteration T (weights and both Adam slots), what iterations T..T+4
were fed, and what came out. From a recorded state a port must land on the recorded numbers within
rounding, on any processor and however far into training; a run from its beginning need not, because
rounding grows from step to step.

The small traces ship with the package, in `recorded/`; `tests/data/make_traces.py` takes them from
the recordings. They are of networks with 16 hidden units and 10 noise values, batches of 32, on
1000 random images that `offline_data` draws. Those of the published sizes, on MNIST, are read from
a folder.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.data.shape import PUBLISHED_SHAPE
from vanilla_gan.data.streams import OFFLINE, seeded
from vanilla_gan.errors import DataError
from vanilla_gan.graph.weights import Weights
from vanilla_gan.settings import LossName, SystemName
from vanilla_gan.storage.arrays import read_npz
from vanilla_gan.storage.reading import reason_of
from vanilla_gan.systems import SYSTEMS

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

X_dim = PUBLISHED_SHAPE.size
STEPS = 5  # iterations that a trace is fed
SAMPLES = 4  # samples that it keeps
SHIPPED = "recorded"
_OFFLINE_IMAGES = 1000
_MAX_BYTES = 1 << 27  # those of the published sizes take 17 MB


class Recording(NamedTuple):
    """One recorded run of a published program.

    Attributes:
      name: of its file, without `.npz`.
      system: a key of `SYSTEMS`.
      loss: one of `settings.LOSSES`.
      data: `offline` or `mnist`.
      sample_every: iterations between two pictures, which draw from the stream of the run too.
      seed: of that stream.
    """

    name: str
    system: SystemName
    loss: LossName
    data: str
    sample_every: int
    seed: int = 0


RECORDINGS = (
    Recording("trace_vanilla_offline", "vanilla", "sigmoid_cross_entropy", "offline", 100),
    Recording("trace_vanilla_log_offline", "vanilla", "log", "offline", 100),
    Recording("trace_layers_offline", "layers", "sigmoid_cross_entropy", "offline", 31),
    Recording("trace_conditional_offline", "conditional", "sigmoid_cross_entropy", "offline", 100),
    Recording("trace_vanilla_mnist_seed0", "vanilla", "sigmoid_cross_entropy", "mnist", 1000),
    Recording("trace_vanilla_log_mnist_seed0", "vanilla", "log", "mnist", 1000),
    Recording("trace_layers_mnist_seed0", "layers", "sigmoid_cross_entropy", "mnist", 550),
    Recording(
        "trace_conditional_mnist_seed0", "conditional", "sigmoid_cross_entropy", "mnist", 1000
    ),
)


class Trace(NamedTuple):
    """One recorded state and the iterations that follow it; float32 unless it says otherwise.

    Attributes:
      iteration: T.
      weights, m, v: of each trained variable by name, before iteration T: its value, and Adam's
        first and second moment.
      rows: intp [5, B], rows of the training images.
      Z_D, Z_G: [5, B, z_dim]; one and the same if the program shares its noise.
      d_loss, g_loss: [5], each fetched before the update of its iteration.
      d_logit_real, d_logit_fake: [B], before the update of iteration T.
      samples: [4, 784], of the first noise vectors of `Z_D`, likewise.
      after: the weights after iteration T.
    """

    iteration: int
    weights: Weights
    m: Weights
    v: Weights
    rows: npt.NDArray[np.intp]
    Z_D: Floats
    Z_G: Floats
    d_loss: Floats
    g_loss: Floats
    d_logit_real: Floats
    d_logit_fake: Floats
    samples: Floats
    after: Weights


def shipped_traces(recording: Recording) -> list[Trace]:
    """Returns the traces of a recording that ship with the package."""
    file = resources.files(__package__).joinpath(SHIPPED, f"{recording.name}.npz")
    with resources.as_file(file) as path:
        return read_traces(recording, path)


def read_traces(recording: Recording, path: pathlib.Path) -> list[Trace]:
    """Returns the traces in a file, by iteration.

    Raises:
      DataError: it cannot be read, or does not hold whole traces of that program.
    """
    try:
        arrays = read_npz(path, max_bytes=_MAX_BYTES)
        found = re.findall(r"^at(\d+)/rows$", "\n".join(arrays), re.MULTILINE)
        traces = [_trace(recording, arrays, it) for it in sorted(map(int, found))]
    except (FileNotFoundError, ValueError, KeyError, IndexError) as error:
        raise DataError(
            f"{path}: cannot be read as a trace of {recording.system} ({reason_of(error)}); "
            "expected the npz file as it was recorded; copy it again"
        ) from error
    if not traces:
        raise DataError(
            f"{path}: holds no trace; expected arrays called at0/rows, at0/Z_D, ...; copy it again"
        )
    return traces


def offline_data() -> tuple[Bytes, Bytes]:
    """Returns the images of the small traces, uint8 [1000, 784], and labels, uint8 [1000]."""
    stream = seeded(OFFLINE)
    images = stream.randint(0, 256, size=(_OFFLINE_IMAGES, X_dim)).astype(np.uint8)
    return images, (np.arange(_OFFLINE_IMAGES) % 10).astype(np.uint8)


def _trace(recording: Recording, arrays: Mapping[str, npt.NDArray[Any]], it: int) -> Trace:
    """Returns a trace.

    Raises:
      KeyError, ValueError: an array is missing, misshapen, or has values that are not finite.
    """
    system = SYSTEMS[recording.system]
    names = (*system.theta_D, *system.theta_G)
    rows = arrays[f"at{it}/rows"]
    batch = rows.shape[-1]
    if rows.shape != (STEPS, batch) or rows.dtype.kind not in "iu":
        raise ValueError(f"at{it}/rows is {rows.dtype} {list(rows.shape)}")

    def floats(name: str, *shape: int) -> Floats:
        array = arrays[name]
        if array.dtype.kind != "f" or array.shape != shape or not np.isfinite(array).all():
            raise ValueError(
                f"{name} is {array.dtype} {list(array.shape)}, expected finite {list(shape)}"
            )
        return array.astype(np.float32)

    def weights(prefix: str, suffix: str = "") -> Weights:
        shapes = {name: arrays[f"at{it}/{name}"].shape for name in names}
        return {name: floats(f"{prefix}/{name}{suffix}", *shapes[name]) for name in names}

    at = f"at{it}"
    noise = (STEPS, batch, arrays[f"{at}/Z_D"].shape[-1])
    Z_D = floats(f"{at}/Z_D", *noise)
    return Trace(
        iteration=it,
        weights=weights(at),
        m=weights(at, "/m"),
        v=weights(at, "/v"),
        rows=rows.astype(np.intp),
        Z_D=Z_D,
        Z_G=floats(f"{at}/Z_G", *noise) if f"{at}/Z_G" in arrays else Z_D,
        d_loss=floats(f"{at}/d_loss", STEPS),
        g_loss=floats(f"{at}/g_loss", STEPS),
        d_logit_real=floats(f"{at}/d_logit_real", batch),
        d_logit_fake=floats(f"{at}/d_logit_fake", batch),
        samples=floats(f"{at}/samples", SAMPLES, X_dim),
        after=weights(f"after{it}"),
    )
