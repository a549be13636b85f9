"""A real checkpoint reads back in plain TensorFlow; its variable names are public interface."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from commands import SMALL_SHAPES

SOLVERS = {"D": "D_solver", "G": "G_solver"}


def expected_shapes() -> dict[str, list[int]]:
    """Returns the shapes of variables and of their Adam slots: means of gradients and of squares.

    After them come the powers of beta1 and beta2, those of D_solver and then those of G_solver.
    """
    shapes: dict[str, list[int]] = {}
    for name, shape in SMALL_SHAPES.items():
        solver = SOLVERS[name[0]]
        for suffix in ("", f"/{solver}", f"/{solver}_1"):
            shapes[name + suffix] = list(shape)
    powers = ("beta1_power", "beta2_power", "beta1_power_1", "beta2_power_1")
    return {**shapes, **{name: [] for name in powers}}


def test_names_shapes_and_types(undisturbed):
    # The first is the default, the loop engine; the other tests here use the same run.
    for settings in ({}, {"engine": "feed"}):
        checkpoint = undisturbed(**settings) / "checkpoints" / "0000000300" / "model.ckpt"
        reader = tf.train.load_checkpoint(str(checkpoint))
        assert reader.get_variable_to_shape_map() == expected_shapes()
        assert set(reader.get_variable_to_dtype_map().values()) == {tf.float32}


def test_values_are_those_of_300_steps(undisturbed):
    checkpoint = undisturbed() / "checkpoints" / "0000000300" / "model.ckpt"
    reader = tf.train.load_checkpoint(str(checkpoint))
    for suffix in ("", "_1"):
        for beta, power in ((0.9, "beta1_power"), (0.999, "beta2_power")):
            # Adam starts at beta and multiplies by it at each step.
            np.testing.assert_allclose(
                reader.get_tensor(power + suffix), beta**301, rtol=1e-4, atol=1e-30
            )
    for name in SMALL_SHAPES:
        solver = SOLVERS[name[0]]
        assert np.abs(reader.get_tensor(name)).max() > 0
        assert reader.get_tensor(f"{name}/{solver}_1").min() >= 0


def test_state_beside_it_reads_back_in_numpy(undisturbed):
    folder = undisturbed() / "checkpoints" / "0000000300"
    with np.load(folder / "state.npz", allow_pickle=False) as state:
        assert {name: (str(state[name].dtype), state[name].shape) for name in state.files} == {
            "mt19937_key": ("uint32", (624,)),
            "mt19937_position": ("int64", ()),
            "has_gauss": ("int64", ()),
            "gauss": ("float64", ()),
            "order": ("int64", (1000,)),
            "index_in_epoch": ("int64", ()),
            "epochs_completed": ("int64", ()),
            "losses_size": ("int64", ()),
            "losses_crc32": ("int64", ()),
            "rewinds": ("int64", ()),
        }
        assert sorted(state["order"]) == list(range(1000))
        assert state["losses_size"] == (undisturbed() / "losses.csv").stat().st_size
        # 300 batches of 16 from 1000 images.
        assert state["epochs_completed"] == 300 * 16 // 1000
        assert state["index_in_epoch"] == 300 * 16 % 1000
