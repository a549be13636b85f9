"""An export draws the same images in a Python that has TensorFlow but not this package."""

from __future__ import annotations

import numpy as np
import pytest
from processes import python

from vanilla_gan.generator.sample import sample
from vanilla_gan.generator.settings import SampleConfig
from vanilla_gan.systems import SYSTEMS

# What somebody else would write. -I keeps this repository off the path; the None hides a package
# that is installed beside TensorFlow.
ELSEWHERE = """
import sys
sys.modules["vanilla_gan"] = None
try:
    import vanilla_gan
except ImportError:
    pass
else:
    sys.exit("this package can be imported")

import numpy as np
import tensorflow as tf

for path, drawn, out in (words.split(",") for words in sys.argv[1:]):
    model = tf.saved_model.load(path)
    with np.load(drawn) as arrays:
        inputs = {"z": tf.constant(arrays["Z"])}
        if "classes" in arrays.files:
            inputs["y"] = tf.one_hot(arrays["classes"], 10)
    images = model.signatures["generate"](**inputs)["images"]
    judge = model.signatures["discriminate"]
    told = {name: inputs[name] for name in judge.structured_input_signature[1] if name != "x"}
    logits = judge(x=images, **told)["logit"].numpy()
    np.savez(out, images=images.numpy().reshape(-1, 28, 28), logits=logits)
print(sorted(name for name in sys.modules if name.split(".")[0] == "vanilla_gan"))
"""


def command(folder, *words):
    """Runs the command line in a folder as a process of its own."""
    done = python("-m", "vanilla_gan", *words, cwd=folder)
    assert done.returncode == 0, done.stderr


def loaded_elsewhere(folder, *models):
    """Loads exports (path, drawn images, output file); checks that they draw the same images."""
    words = [",".join(map(str, model)) for model in models]
    done = python("-I", "-c", ELSEWHERE, *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['vanilla_gan']\n"  # the None
    for _, drawn, out in models:
        with np.load(folder / drawn) as expected, np.load(folder / out) as found:
            assert expected["images"].shape == (37, 28, 28)
            assert found["images"].tobytes() == expected["images"].tobytes()
            assert np.isfinite(found["logits"]).all()


@pytest.mark.slow
def test_the_same_images_without_this_package(tmp_path, offline_data_dir):
    """Uses the commands, with the system that takes labels."""
    data = ["--dataset=mnist", f"--data_dir={offline_data_dir}", "--allow_unverified_data"]
    sizes = ["--z_dim=5", "--h_dim=7", "--batch_size=11"]
    command(tmp_path, "train", "--system=conditional", "--iters=4", "--seed=3", *sizes, *data)
    drawn = ["sample", "--format=npz", "--n=37", "--seed=5"]
    command(tmp_path, *drawn, "--out=drawn.npz")
    command(tmp_path, "export", "--out=model")
    loaded_elsewhere(tmp_path, ("model", "drawn.npz", "found.npz"))
    # The export gives this package the same images, too.
    command(tmp_path, *drawn, "--from=model", "--out=again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "drawn.npz").read_bytes()


@pytest.mark.slow
def test_the_same_images_from_every_system(tmp_path, trained_run, exported):
    for system in SYSTEMS:
        source, out = str(trained_run(system)), str(tmp_path / f"{system}.npz")
        sample(SampleConfig(source=source, format="npz", out=out, n=37, seed=5), print)
    models = [(exported(system), f"{system}.npz", f"{system}_found.npz") for system in SYSTEMS]
    loaded_elsewhere(tmp_path, *models)
