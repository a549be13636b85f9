"""Folders of any name: TensorFlow reads a checkpoint's path as a pattern, and any path as UTF-8."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import pytest
from offline import train
from one_line import success

from vanilla_gan.cli import main as cli
from vanilla_gan.generator.generator import Generator

SIZES = {"batch_size": 11, "z_dim": 5, "h_dim": 7, "seed": 1}
# The first is odd in most ways; the others are slow.
NAMES = [
    "*?{a,b} %s;#' ünï猫\n",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("a[1]", "]", "[", "back\\slash", os.fsdecode(b"r\xff"))
    ),
]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_in_a_folder_of_that_name(name, offline_data_dir, tmp_path, capfd):
    folder = tmp_path / name
    folder.mkdir()
    out = folder / name
    train(out, offline_data_dir, iters=2, **SIZES, report=True, tensorboard=True)
    # Continued from its checkpoint.
    run = train(out, offline_data_dir, iters=3, **SIZES)
    assert "continuing at iteration 2 of 3" in run.lines
    with Generator.load(out) as generator:
        images = generator(generator.sample_Z(3, seed=1))
    model = folder / f"{name}.model"
    success(capfd, "export", f"--from={out}", f"--out={model}")
    with Generator.load(model) as generator:
        assert np.array_equal(generator(generator.sample_Z(3, seed=1)), images)
    success(capfd, "sample", f"--from={model}", f"--out={folder / 's.png'}", "--n=4", "--seed=1")
    prefix = out / "checkpoints" / "0000000003" / "model.ckpt"
    weights = folder / "w.npz"
    success(
        capfd, "import_weights", f"--from={prefix}", f"--out={weights}", "--z_dim=5", "--h_dim=7"
    )
    assert cli.main(["compare", f"--from={out}"]) == 3
    capfd.readouterr()
    success(capfd, "report", f"--from={out}")
    assert pathlib.Path(out, "report.html").stat().st_size > 10_000
    assert weights.exists()
