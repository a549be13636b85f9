"""Makes `vanilla_gan/agreement/recorded_losses.json` from the recordings of one seed.

    .venv/bin/python tests/data/make_recorded_losses.py REFERENCE_DIR DATA_DIR [FILE]

REFERENCE_DIR holds `*_seed0.npz` with `d_loss` and `g_loss`, those on MNIST with `init/V` too.
DATA_DIR holds `mnist/`, of which the checksum is taken. FILE is the package's unless it is given.
"""

from __future__ import annotations

import json
import pathlib
import sys
import tempfile
from typing import Any

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from offline import SHAPES, data_files, initial_weights

from vanilla_gan.agreement.recorded_losses import weights_sha256
from vanilla_gan.data.read import read_data_sets
from vanilla_gan.systems import SYSTEMS

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = ROOT / "vanilla_gan" / "agreement" / "recorded_losses.json"
# Largest relative difference of both losses that a plain replica on TensorFlow 2.21 showed up to
# an iteration; of the log losses, the larger of ours and that of TensorFlow 1.15.5 run again.
LIMITS = {
    "vanilla_mnist": {
        10: 2e-7, 50: 3e-7, 100: 3e-7, 200: 5e-6, 300: 2e-4, 500: 2e-3, 1000: 5e-2,
    },
    "vanilla_offline": {10: 2e-7, 50: 3e-7, 100: 3e-7, 200: 5e-5, 300: 5e-4},
    "vanilla_log_mnist": {33: 7.9e-7, 100: 4.1e-5, 200: 1.7e-4, 300: 1.9e-3},
    "vanilla_log_offline": {100: 3e-7, 200: 3e-7, 300: 6.3e-5},
    "layers_mnist": {10: 2e-7, 50: 3e-7, 100: 3e-7, 200: 5e-5, 300: 1e-1},
    "layers_offline": {10: 2e-7, 50: 3e-7},
    "conditional_mnist": {10: 2e-7, 50: 4e-7, 100: 2e-4, 200: 4e-3, 300: 2e-2, 500: 4e-2},
    "conditional_offline": {10: 2e-7, 50: 3e-7},
}  # fmt: skip
# Shapes of the other systems' offline weights, as their tests have them.
OTHER_SHAPES = {
    "layers": {
        "gen/dense/kernel": (100, 128), "gen/dense/bias": (128,),
        "gen/dense_1/kernel": (128, 128), "gen/dense_1/bias": (128,),
        "gen/dense_2/kernel": (128, 784), "gen/dense_2/bias": (784,),
        "dis/dense/kernel": (784, 128), "dis/dense/bias": (128,),
        "dis/dense_1/kernel": (128, 128), "dis/dense_1/bias": (128,),
        "dis/dense_2/kernel": (128, 1), "dis/dense_2/bias": (1,),
    },
    "conditional": SHAPES | {"D_W1": (794, 128), "G_W1": (110, 128)},
}  # fmt: skip


def content(reference_dir: pathlib.Path, data_dir: pathlib.Path) -> list[dict[str, Any]]:
    """Returns what the JSON file holds."""
    with tempfile.TemporaryDirectory() as folder:
        offline_dir = pathlib.Path(folder, "mnist")
        offline_dir.mkdir()
        for name, bytes_ in data_files().items():
            (offline_dir / name).write_bytes(bytes_)
        checksums = {"mnist": _checksum(data_dir), "offline": _checksum(pathlib.Path(folder))}
    return [
        _record(name, limits, reference_dir, checksums[name.rpartition("_")[2]])
        for name, limits in LIMITS.items()
    ]


def _record(
    name: str, limits: dict[int, float], reference_dir: pathlib.Path, checksum: str
) -> dict[str, Any]:
    program, _, data = name.rpartition("_")
    system, _, loss = program.partition("_")
    with np.load(reference_dir / f"{name}_seed0.npz") as arrays:
        recorded = dict(arrays)
    weights = {
        key.removeprefix("init/"): value
        for key, value in recorded.items()
        if key.startswith("init/")
    } or initial_weights(0, OTHER_SHAPES.get(system, SHAPES))
    batch_size = SYSTEMS[system].defaults["batch_size"]
    # layers draws a sample after each epoch.
    sample_every = 100 if data == "offline" else {"layers": 55_000 // 100}.get(system, 1000)
    length = min(max(limits) + 1, len(recorded["d_loss"]))
    iterations = [it for it in range(length) if it <= 100 or it % 100 == 0 or it == length - 1]
    return {
        "system": system,
        "loss": loss or "sigmoid_cross_entropy",
        "data": {"mnist": "MNIST", "offline": "the offline data set of the tests"}[data],
        "dataset_checksum": checksum,
        "weights_sha256": weights_sha256(weights),
        "seed": 0,
        "sample_every": sample_every,
        "batch_size": batch_size,
        "z_dim": 100,
        "limits": [(min(last, length - 1), limit) for last, limit in limits.items()],
        "iterations": iterations,
        # Nine digits hold any float32.
        "d_loss": [float(f"{value:.9g}") for value in recorded["d_loss"][iterations]],
        "g_loss": [float(f"{value:.9g}") for value in recorded["g_loss"][iterations]],
    }


def _checksum(data_dir: pathlib.Path) -> str:
    """Returns the checksum that a run on `mnist` in this folder records."""
    stream = np.random.RandomState(0)
    return read_data_sets("mnist", data_dir, stream, allow_unverified=True).checksum


def text(content: list[dict[str, Any]]) -> str:
    """Returns the JSON with a line for each entry of each run."""
    runs = [
        "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in run.items()) + "\n}"
        for run in content
    ]
    return "[\n" + ",\n".join(runs) + "\n]\n"


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else TARGET
    made = content(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
    target.write_text(text(made), encoding="utf-8")
