"""The offline data set and weights of the recorded runs; trains on them and reads the results."""

from __future__ import annotations

import io
import json
import pathlib
import struct
from typing import Any, NamedTuple

import numpy as np

from vanilla_gan.agreement.compare import compare
from vanilla_gan.agreement.settings import CompareConfig
from vanilla_gan.data.shape import ImageShape
from vanilla_gan.settings import RunConfig
from vanilla_gan.training import run
from vanilla_gan.training.host import Host

VALIDATION_SIZE = 5000
TRAIN_SIZE = 1000
TEST_SIZE = 10


def listed_shapes(
    h_dim: int = 128, z_dim: int = 100, classes: int = 0
) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the vanilla system's variables, or, with `classes`, conditional's."""
    return {
        "D_W1": (784 + classes, h_dim),
        "D_b1": (h_dim,),
        "D_W2": (h_dim, 1),
        "D_b2": (1,),
        "G_W1": (z_dim + classes, h_dim),
        "G_b1": (h_dim,),
        "G_W2": (h_dim, 784),
        "G_b2": (784,),
    }


SHAPES = listed_shapes()


def any_idx(array: np.ndarray) -> bytes:
    """Returns an IDX file of uint8, int32 or float32, by the format's definition."""
    kind = {"u1": 8, "i4": 12, "f4": 13}[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def idx(array: np.ndarray) -> bytes:
    """Returns an IDX file of uint8."""
    return any_idx(array.astype(np.uint8))


def training_images() -> np.ndarray:
    """Returns the images that the recorded offline runs trained on, uint8 [1000, 28, 28]."""
    stream = np.random.RandomState(20160917)
    return stream.randint(0, 256, size=(TRAIN_SIZE, 28, 28, 1)).astype(np.uint8)[..., 0]


def data_files() -> dict[str, bytes]:
    """Returns the four IDX files, plain, whose training split is the offline data set.

    `read_data_sets` takes the first 5,000 images for validation, so 5,000 black ones come before
    it. The label of training image i is i % 10.
    """
    filler = np.zeros((VALIDATION_SIZE, 28, 28), np.uint8)
    labels = np.concatenate([np.zeros(VALIDATION_SIZE), np.arange(TRAIN_SIZE) % 10])
    return {
        "train-images-idx3-ubyte": idx(np.concatenate([filler, training_images()])),
        "train-labels-idx1-ubyte": idx(labels),
        "t10k-images-idx3-ubyte": idx(np.zeros((TEST_SIZE, 28, 28), np.uint8)),
        "t10k-labels-idx1-ubyte": idx(np.arange(TEST_SIZE)),
    }


def write_data(
    data_dir: pathlib.Path, shape: ImageShape, train_labels: np.ndarray, test_labels: np.ndarray
) -> None:
    """Writes a data set with these labels: first 5000 black images, then random ones."""
    (data_dir / "mnist").mkdir()
    count = len(train_labels) - VALIDATION_SIZE
    images = np.random.RandomState(3).randint(0, 256, (count, *shape.array))
    filler = np.zeros((VALIDATION_SIZE, *shape.array))
    for name, array in {
        "train-images": np.concatenate([filler, images]),
        "train-labels": train_labels,
        "t10k-images": images[: len(test_labels)],
        "t10k-labels": test_labels,
    }.items():
        (data_dir / "mnist" / f"{name}-idx{array.ndim}-ubyte").write_bytes(idx(array))


def initial_weights(
    seed: int = 0, shapes: dict[str, tuple[int, ...]] = SHAPES
) -> dict[str, np.ndarray]:
    """Returns the weights that a recorded offline run began with, float32 by name."""
    stream = np.random.RandomState(1000 + seed)
    weights = {}
    for name, shape in sorted(shapes.items()):
        if len(shape) == 2:
            deviation = 1.0 / np.sqrt(shape[0] / 2.0)
            weights[name] = stream.normal(0.0, deviation, shape).astype(np.float32)
        else:
            weights[name] = np.zeros(shape, np.float32)
    return weights


def recording(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a recorded run."""
    with np.load(path) as arrays:
        return dict(arrays)


class Run(NamedTuple):
    """What a run left: its folder, its standard output, and its lines for the user."""

    out: pathlib.Path
    stdout: str
    lines: list[str]

    def record(self) -> dict[str, Any]:
        """Returns `run.json`."""
        return json.loads((self.out / "run.json").read_text())

    def losses(self) -> np.ndarray:
        """Returns the rows of `losses.csv`: iteration, d_loss, g_loss."""
        return read_losses(self.out)

    def worst(self, recorded: dict[str, np.ndarray], last: int) -> float:
        """Returns the largest relative difference of either loss from a recorded run's.

        Compares iterations 0 .. last - 1, which must be the first rows of `losses.csv`.
        """
        rows = self.losses()[:last]
        assert rows[:, 0].tolist() == list(range(last))
        expected = np.stack([recorded["d_loss"][:last], recorded["g_loss"][:last]], axis=1)
        return float(np.abs(rows[:, 1:] / np.float64(expected) - 1).max())

    def variables(self, iteration: int) -> dict[str, np.ndarray]:
        """Returns all variables of the checkpoint before `iteration`, by TensorFlow's reader."""
        return read_variables(self.out, iteration)


def assert_recorded(run: Run, recorded: dict[str, np.ndarray], iteration: int) -> None:
    """Checks the variables after `iteration` iterations against an offline recording.

    It keeps their sums, L2 norms, minima and maxima. A sum of 100,000 weights of both signs is
    compared relative to the largest sum that is possible with their norm.
    """
    variables = run.variables(iteration)
    prefix = f"after{iteration}/"
    names = [key.removeprefix(prefix) for key in recorded if key.startswith(prefix)]
    assert names
    for name in names:
        value = np.asarray(variables[name], np.float64)
        total, *rest = recorded[prefix + name]
        norm = np.sqrt((value**2).sum())
        np.testing.assert_allclose([norm, value.min(), value.max()], rest, rtol=5e-6, err_msg=name)
        assert abs(value.sum() - total) <= 1e-5 * norm * np.sqrt(value.size), name


def assert_recorded_losses(run: Run, recorded: dict[str, np.ndarray], iters: int) -> None:
    """Checks the losses of a run of `iters` iterations that began as a recorded one.

    The first 10 must agree within 1e-6. When a ReLU first rounds to the other side depends on the
    processor, so `compare` judges all, if need be by what rounding does to the run on this one.
    """
    assert run.worst(recorded, 10) <= 1e-6
    found = compare(CompareConfig(source=str(run.out))).verdicts
    losses = [verdict for verdict in found if verdict.what == "difference of recorded losses"]
    assert losses[-1].iteration == iters - 1
    assert [verdict for verdict in losses if not verdict.passed] == []


def read_losses(out: pathlib.Path) -> np.ndarray:
    """Returns the rows of `losses.csv` in a run's folder, float64 [rows, 3]."""
    lines = (out / "losses.csv").read_text().splitlines()
    assert lines[0] == "iteration,d_loss,g_loss"
    return np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]]).reshape(
        -1, 3
    )


def read_variables(out: pathlib.Path, iteration: int) -> dict[str, np.ndarray]:
    """Returns the variables in a checkpoint of a run's folder."""
    # Imported here, so that tests that train nothing do not wait for it.
    import tensorflow as tf

    prefix = out / "checkpoints" / f"{iteration:010d}" / "model.ckpt"
    reader = tf.train.load_checkpoint(str(prefix))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def train(out: pathlib.Path, data_dir: pathlib.Path, **settings: Any) -> Run:
    """Trains in this process on the IDX files of `data_dir`, with any of RunConfig's settings."""
    settings = {
        "out": str(out),
        "dataset": "mnist",
        "data_dir": str(data_dir),
        "allow_unverified_data": True,
        **settings,
    }
    stdout, lines = io.StringIO(), []
    run.train(RunConfig(**settings), Host(stdout=stdout, inform=lines.append))
    return Run(out, stdout.getvalue(), lines)
