"""Signs of a run's health: against NumPy, in `health.csv`, and without effect on the run."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import offline
import pytest
from test_evaluator import files_of

from vanilla_gan.agreement.statistics import NAMES, picture_statistics
from vanilla_gan.data.streams import seeded
from vanilla_gan.drawing.tiles import open_picture, read_tiles
from vanilla_gan.runfolder.health_csv import HEADER, HealthCsv, read_health

SMALL = {"seed": 5, "h_dim": 7, "z_dim": 5, "batch_size": 11, "device": "cpu"}
TIMES = {"iters": 7, "sample_every": 4, "health_every": 3, "checkpoint_every": 2}
ROWS = [0, 3, 4, 6]


def apart(images):
    """Returns the mean distance between two images, and from an image to its nearest."""
    distances = np.linalg.norm(images[:, None] - images[None], axis=-1)
    others = distances[~np.eye(len(images), dtype=bool)].reshape(len(images), -1)
    return others.mean(), others.min(axis=1).mean()


def by_hand(weights, X, Z, unseen):
    """Returns the signs of vanilla's networks, in float64, straight from the definitions."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}

    def logits(x):
        hidden = np.maximum(x @ w["D_W1"] + w["D_b1"], 0)
        return hidden, hidden @ w["D_W2"] + w["D_b2"]

    G_hidden = np.maximum(Z @ w["G_W1"] + w["G_b1"], 0)
    fake = 1 / (1 + np.exp(-(G_hidden @ w["G_W2"] + w["G_b2"])))
    (hidden_real, real), (hidden_fake, false) = logits(X), logits(fake)
    n = len(X)

    def back(hidden, x, by_logit):
        by_hidden = by_logit @ w["D_W2"].T * (hidden > 0)
        parts = x.T @ by_hidden, by_hidden.sum(0), hidden.T @ by_logit, by_logit.sum(0)
        return parts, by_hidden @ w["D_W1"].T

    # The derivative of the cross entropy by a logit is the probability minus the label.
    probability = [1 / (1 + np.exp(-logit)) for logit in (real, false)]
    of_real, _ = back(hidden_real, X, (probability[0] - 1) / n)
    of_fake, _ = back(hidden_fake, fake, probability[1] / n)
    _, by_fake = back(hidden_fake, fake, (probability[1] - 1) / n)
    by_output = by_fake * fake * (1 - fake)
    by_G = by_output @ w["G_W2"].T * (G_hidden > 0)
    of_G = Z.T @ by_G, by_G.sum(0), G_hidden.T @ by_output, by_output.sum(0)

    def norm(parts):
        return np.sqrt(sum((part**2).sum() for part in parts))

    diversity, nearest = apart(fake)
    diversity_real, nearest_real = apart(X)
    return {
        "real_right": (real > 0).mean(),
        "fake_right": (false < 0).mean(),
        "logit_gap": real.mean() - false.mean(),
        "largest_logit": max(abs(real).max(), abs(false).max()),
        "unseen_gap": real.mean() - logits(unseen)[1].mean(),
        "d_gradient": norm([a + b for a, b in zip(of_real, of_fake, strict=True)]),
        "g_gradient": norm(of_G),
        "d_weights": norm([value for name, value in w.items() if name.startswith("D")]),
        "g_weights": norm([value for name, value in w.items() if name.startswith("G")]),
        "diversity": diversity,
        "diversity_real": diversity_real,
        "nearest": nearest,
        "nearest_real": nearest_real,
        "ink": fake.mean(),
        "ink_real": X.mean(),
        "largest_pixel": X.max(),
    }


@pytest.mark.parametrize("given", [{}, {"engine": "feed"}, {"ema": 0.9}])
def test_signs_by_hand(offline_data_dir, tmp_path, given):
    """Iteration 3 uses the fourth batch, and D's half of the fourth pair of noise.

    Its signs are those of the weights in training, even if samples come from their averages.
    """
    settings = {**SMALL, **TIMES, "checkpoint_every": 3, "keep_checkpoints": 9, **given}
    run = offline.train(tmp_path / "out", offline_data_dir, **settings)
    rows = read_health(run.out / "health.csv")
    assert rows.iteration.tolist() == ROWS
    weights = {k: v for k, v in run.variables(3).items() if k[:3] in ("D_W", "D_b", "G_W", "G_b")}
    weights = {name: value for name, value in weights.items() if "/" not in name}
    images = np.frombuffer(offline.data_files()["train-images-idx3-ubyte"][16:], np.uint8).reshape(
        -1, 784
    ) / np.float64(255)
    unseen, images = images[:5000], images[5000:]
    # The published order: a picture, then each iteration's batch, and noise twice.
    stream = seeded(SMALL["seed"])
    sizes = {k: SMALL[k] for k in ("batch_size", "z_dim")}
    order = np.arange(len(images))
    for it in range(4):
        if it % TIMES["sample_every"] == 0:
            stream.uniform(-1, 1, (16, sizes["z_dim"]))
        if it == 0:
            stream.shuffle(order)
        Z = stream.uniform(-1, 1, (11, sizes["z_dim"]))
        stream.uniform(-1, 1, (11, sizes["z_dim"]))
    X = images[order[33:44]]
    expected = by_hand(weights, X, Z, unseen[11:22])
    found = {name: rows.of(name)[ROWS.index(3)] for name in expected}
    assert found == pytest.approx(expected, rel=2e-4, abs=1e-5)


@pytest.mark.slow
def test_the_signs_of_infogan_use_the_classes_that_it_drew(offline_data_dir, tmp_path):
    """It sees no labels, so other labels change nothing."""
    shutil.copytree(offline_data_dir / "mnist", tmp_path / "mnist")
    labels = tmp_path / "mnist" / "train-labels-idx1-ubyte"
    content = labels.read_bytes()
    labels.write_bytes(content[:8] + bytes((label + 1) % 10 for label in content[8:]))
    of_each = [
        offline.train(tmp_path / str(k), data_dir, **SMALL, **TIMES, system="infogan")
        for k, data_dir in enumerate((offline_data_dir, tmp_path))
    ]
    first, second = ((run.out / "health.csv").read_bytes() for run in of_each)
    assert first == second


def test_a_pictures_row_has_its_four_statistics(offline_data_dir, tmp_path):
    run = offline.train(tmp_path / "out", offline_data_dir, **SMALL, **TIMES)
    rows = read_health(run.out / "health.csv")
    for it, values in zip(rows.iteration, rows.numbers[:, -len(NAMES) :], strict=True):
        if it % 4:
            assert np.isnan(values).all()
            continue
        # A picture between two rows of signs has no signs of its own.
        assert np.isnan(rows.of("ink")[ROWS.index(it)]) == (it % 3 > 0)
        drawn = read_tiles(open_picture(run.out / f"{it // 4:03d}.png"), 4, 4)
        np.testing.assert_allclose(values, picture_statistics(drawn), rtol=0.02)


@pytest.mark.parametrize(
    ("system", "engine"),
    [
        ("vanilla", "loop"),
        *(
            pytest.param(system, engine, marks=pytest.mark.slow)
            for system, engine in (("conditional", "feed"), ("layers", "loop"), ("conv", "loop"))
        ),
    ],
)
def test_the_run_is_the_same_bit_for_bit(offline_data_dir, tmp_path, system, engine):
    sizes = {name: SMALL[name] for name in ("seed", "z_dim", "batch_size", "device")}
    settings = {**sizes, **TIMES, "system": system, "engine": engine}
    watched = offline.train(tmp_path / "with", offline_data_dir, **settings)
    without = offline.train(
        tmp_path / "without", offline_data_dir, **{**settings, "health_every": 0}
    )
    assert files_of(watched.out) == files_of(without.out)
    assert not (without.out / "health.csv").exists()
    rows = read_health(watched.out / "health.csv")
    assert rows.iteration.tolist() == ROWS
    assert np.isfinite(rows.with_signs().numbers[:, :-4]).all()


def test_a_run_that_was_killed_has_the_same_rows(offline_data_dir, tmp_path):
    """It continues from iteration 4; that iteration's row is cut off, and a torn one after it."""
    whole = offline.train(tmp_path / "whole", offline_data_dir, **SMALL, **TIMES)
    out = tmp_path / "out"
    offline.train(out, offline_data_dir, **SMALL, **{**TIMES, "iters": 5})
    shutil.rmtree(out / "checkpoints" / "0000000005")
    with open(out / "health.csv", "a") as stream:
        stream.write("6,0.25,")
    offline.train(out, offline_data_dir, **SMALL, **TIMES)
    assert (out / "health.csv").read_bytes() == (whole.out / "health.csv").read_bytes()


@pytest.mark.parametrize(
    "content",
    [b"", b"iteration,x\n", HEADER.encode() + b"0,1,2\n", HEADER.encode() + b"\xff\n", None],
)
def test_a_damaged_file_is_set_aside(tmp_path, content):
    path, lines = tmp_path / "health.csv", []
    if content is None:
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.write_bytes(content)
    csv = HealthCsv(path, 10, lines.append)
    csv.append(12, {"ink": 0.5, "logit_gap": np.inf}, "3 4")
    csv.close()
    (line,) = lines
    assert f"{path}.1" in line
    rows = read_health(path)
    assert (rows.iteration.tolist(), list(rows.classes)) == ([12], ["3 4"])
    assert (rows.of("ink")[0], rows.of("logit_gap")[0]) == (0.5, np.inf)
    assert np.isnan(rows.of("nearest")[0])


def test_rows_in_memory_equal_those_read_back(tmp_path):
    csv = HealthCsv(tmp_path / "health.csv", 0, print)
    for it in range(0, 400, 2):
        csv.append(it, {"ink": it / 7}, str(it))
    again = read_health(tmp_path / "health.csv")
    for one, other in zip(csv.rows, again, strict=True):
        np.testing.assert_array_equal(one, other)
    csv.close()
    cut = HealthCsv(tmp_path / "health.csv", 101, print)
    assert cut.rows.iteration.tolist() == [*range(0, 101, 2)]
    cut.close()


def test_a_loss_of_a_plug_in_has_no_threshold():
    """Nor in a new process, which reads the plug-in before it loads what trains."""
    code = (
        "import vanilla_gan; vanilla_gan.register_loss('mine', print, labelled=True); "
        "from vanilla_gan.graph.signs import _STEP; print(*sorted(_STEP))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    labelled = ["hinge", "log", "log_epsilon", "lsgan", "minimax", "sigmoid_cross_entropy"]
    assert done.stdout.split() == labelled
