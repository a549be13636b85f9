"""First losses of recorded runs: which ones ship, and which runs they are compared with."""

from __future__ import annotations

import numpy as np
import pytest
from offline import initial_weights, recording

from vanilla_gan.agreement.recorded_losses import matching, recorded_losses, weights_sha256
from vanilla_gan.settings import RunConfig

OFFLINE = recorded_losses()[1]


@pytest.fixture
def config(offline_weights):
    """Returns a function that makes settings of a run that began like the offline recording."""

    def make(**changes):
        settings = {"init_weights": str(offline_weights), "seed": 0, "sample_every": 100}
        return RunConfig(**{**settings, **changes}).resolved().counted(1000)

    return make


def test_shipped_losses_match_the_recordings(reference_dir):
    for each in recorded_losses():
        data = "mnist" if each.data == "MNIST" else "offline"
        program = each.system + ("_log" if each.loss == "log" else "")
        recorded = recording(reference_dir / f"{program}_{data}_seed0.npz")
        for name in ("d_loss", "g_loss"):
            assert np.array_equal(
                np.float32(getattr(each, name)), recorded[name][each.iterations]
            ), program
        weights = {
            key.removeprefix("init/"): value
            for key, value in recorded.items()
            if key.startswith("init/")
        }
        if weights:
            assert each.weights_sha256 == weights_sha256(weights)
        lasts, limits = zip(*each.limits, strict=True)
        assert sorted(lasts) == list(lasts)
        assert sorted(limits) == list(limits)
        assert each.iterations[-1] == lasts[-1]


def test_the_checksum_of_weights():
    weights = {"b": np.zeros(3, np.float32), "a": np.ones((2, 1), np.float32)}
    same = {"a": [[1.0], [1.0]], "b": [0, 0, 0]}
    assert weights_sha256(weights) == weights_sha256(same)
    for other in (
        {**same, "a": [[1.0], [1.0000001]]},
        {**same, "a": [1.0, 1.0]},
        {"a": same["a"], "c": same["b"]},
        {"a": same["a"]},
    ):
        assert weights_sha256(other) != weights_sha256(weights)


def test_the_run_that_began_alike(config):
    assert matching(config(), OFFLINE.dataset_checksum) is OFFLINE
    found = matching(config(loss="log"), OFFLINE.dataset_checksum)
    assert (found.system, found.loss, found.data) == ("vanilla", "log", OFFLINE.data)
    # Another learning rate is compared all the same: the losses are to show that it is wrong.
    assert matching(config(learning_rate=0.1), OFFLINE.dataset_checksum) is OFFLINE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"init_weights": None}, "the run drew its own initial weights"),
        ({"init_weights": "nowhere.npz"}, "nowhere.npz, the run's initial weights, cannot be read"),
        ({"seed": 1}, "--seed 1 (recorded: 0)"),
        ({"sample_every": 1000}, "--sample_every 1000 (recorded: 100)"),
        ({"batch_size": 7}, "--batch_size 7 (recorded: 128)"),
        ({"loss": "minimax"}, "--loss minimax (recorded: "),
    ],
)
def test_runs_that_began_differently(config, changes, reason):
    found = matching(config(**changes), OFFLINE.dataset_checksum)
    assert isinstance(found, str)
    assert reason in found
    assert "\n" not in found


def test_other_surroundings(config, tmp_path):
    assert "other data (recorded: the offline" in matching(config(), "0" * 64)
    assert "drew new noise" in matching(config(), OFFLINE.dataset_checksum, rewound=True)
    other = tmp_path / "other.npz"
    np.savez(other, **initial_weights(1))
    found = matching(config(init_weights=str(other)), OFFLINE.dataset_checksum)
    assert found == f"no recorded run began with the weights of {other}"
    other.write_bytes(b"PK\x03\x04 damaged")
    assert "cannot be read" in matching(config(init_weights=str(other)), OFFLINE.dataset_checksum)
