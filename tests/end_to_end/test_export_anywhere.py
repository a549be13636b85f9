"""Train, sample, export; the export in a fresh Python that has TensorFlow but not this package."""

from __future__ import annotations

import numpy as np
import pytest
from offline import train
from processes import python

from vanilla_gan.generator.sample import sample
from vanilla_gan.generator.settings import SampleConfig
from vanilla_gan.systems import SYSTEMS

# What somebody else would write. -I keeps this repository off the path; where the package is
# installed beside TensorFlow, the None does.
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

model = tf.saved_model.load("model")
with np.load("drawn.npz") as drawn:
    inputs = {"z": tf.constant(drawn["Z"])}
    if "classes" in drawn.files:
        inputs["y"] = tf.one_hot(drawn["classes"], 10)
images = model.signatures["generate"](**inputs)["images"]
discriminate = model.signatures["discriminate"]
told = {name: inputs[name] for name in discriminate.structured_input_signature[1] if name != "x"}
judged = discriminate(x=images, **told)
np.save("images.npy", images.numpy().reshape(-1, 28, 28))
np.save("logits.npy", judged["logit"].numpy())
print(sorted(name for name in sys.modules if name.split(".")[0] == "vanilla_gan"))
"""


def command(folder, *words):
    """Runs the command line in a folder as a process of its own."""
    done = python("-m", "vanilla_gan", *words, cwd=folder)
    assert done.returncode == 0, done.stderr


# Five new Pythons that load TensorFlow: for the system with labels always, the others are slow.
@pytest.mark.parametrize(
    "system",
    [s if s == "conditional" else pytest.param(s, marks=pytest.mark.slow) for s in SYSTEMS],
)
def test_the_same_images_without_this_package(tmp_path, offline_data_dir, system):
    sizes = [] if system == "conv" else ["--h_dim=7"]
    data = ["--dataset=mnist", f"--data_dir={offline_data_dir}", "--allow_unverified_data"]
    command(
        tmp_path,
        "train",
        f"--system={system}",
        "--iters=4",
        "--seed=3",
        "--z_dim=5",
        "--batch_size=11",
        *sizes,
        *data,
    )
    command(tmp_path, "sample", "--format=npz", "--out=drawn.npz", "--n=37", "--seed=5")
    command(tmp_path, "export", "--out=model")
    done = python("-I", "-c", ELSEWHERE, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['vanilla_gan']\n"  # the None
    with np.load(tmp_path / "drawn.npz") as drawn:
        expected = drawn["images"]
    assert expected.shape == (37, 28, 28)
    assert np.load(tmp_path / "images.npy").tobytes() == expected.tobytes()
    assert np.isfinite(np.load(tmp_path / "logits.npy")).all()
    # The export gives this package the same images, too.
    command(
        tmp_path, "sample", "--from=model", "--format=npz", "--out=again.npz", "--n=37", "--seed=5"
    )
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "drawn.npz").read_bytes()


@pytest.mark.parametrize("system", ["conditional", pytest.param("vanilla", marks=pytest.mark.slow)])
def test_the_same_samples_on_both_engines_and_after_a_resume(tmp_path, offline_data_dir, system):
    settings = {"system": system, "seed": 3, "z_dim": 5, "h_dim": 7, "batch_size": 11}
    train(tmp_path / "loop", offline_data_dir, iters=9, engine="loop", **settings)
    train(tmp_path / "feed", offline_data_dir, iters=9, engine="feed", **settings)
    train(tmp_path / "resumed", offline_data_dir, iters=4, **settings)
    train(tmp_path / "resumed", offline_data_dir, iters=9, **settings)
    samples = {}
    for run in ("loop", "feed", "resumed"):
        out = tmp_path / f"{run}.npy"
        sample(SampleConfig(source=str(tmp_path / run), format="npy", out=str(out), seed=1), print)
        samples[run] = np.load(out)
    assert samples["loop"].shape == (16, 28, 28)
    assert samples["resumed"].tobytes() == samples["loop"].tobytes()
    assert samples["feed"].tobytes() == samples["loop"].tobytes()
