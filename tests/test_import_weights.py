"""Tests of `./run.sh import_weights` on a checkpoint of TensorFlow 1.15.5, and on others."""

from __future__ import annotations

import json
import pathlib
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from networks import BY_BOTH
from offline import listed_shapes, read_variables, train
from one_line import failure, success

from vanilla_gan.generator.generator import Generator
from vanilla_gan.systems import SYSTEMS

tf1 = tf.compat.v1

# Made by tests/data/make_published_checkpoint.py.
DATA = pathlib.Path(__file__).resolve().parent / "data"
PUBLISHED = DATA / "published_tf115.ckpt"
SIZES = ("--z_dim=3", "--h_dim=2")
SHAPES = listed_shapes(h_dim=2, z_dim=3)
ORDER = list(SHAPES)
pytestmark = pytest.mark.usefixtures("elsewhere")


def weights(seed=0):
    stream = np.random.RandomState(seed)
    return {name: stream.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}


@pytest.fixture
def checkpoint(tmp_path):
    """Returns a function that writes arrays as a checkpoint and returns its prefix."""

    def write(arrays):
        with tf.Graph().as_default():
            saver = tf1.train.Saver(
                {name: tf1.Variable(array, name="v") for name, array in arrays.items()}
            )
            with tf1.Session() as session:
                session.run(tf1.global_variables_initializer())
                return saver.save(
                    session, str(tmp_path / "m.ckpt"), write_meta_graph=False, write_state=False
                )

    return write


def test_the_published_program_under_tensorflow_1(capsys):
    lines = success(capsys, "import_weights", f"--from={PUBLISHED}", *SIZES)
    reader = tf.train.load_checkpoint(str(PUBLISHED))
    with np.load("weights.npz") as got:
        assert set(got.files) == set(ORDER)
        for place, name in enumerate(ORDER):
            theirs = f"Variable_{place}" if place else "Variable"
            assert got[name].tobytes() == reader.get_tensor(theirs).tobytes()
            assert f"{name} {list(SHAPES[name])} <- {theirs}" in lines
    # Every one of the 28 variables is accounted for.
    assert len(reader.get_variable_to_shape_map()) == 28
    assert lines[-2] == (
        "left out because they are not weights: Adam (8), Adam_1 (8), beta1_power (1), "
        "beta1_power_1 (1), beta2_power (1), beta2_power_1 (1)"
    )
    assert lines[-1] == (
        "wrote weights.npz: 8 arrays, by the order in which the published program creates them; "
        "read back, bit for bit the same"
    )


def test_the_imported_networks_compute_what_they_did(capsys, offline_data_dir, tmp_path):
    success(capsys, "import_weights", f"--from={PUBLISHED}", *SIZES)
    out = tmp_path / "run"
    train(out, offline_data_dir, z_dim=3, h_dim=2, iters=1, init_weights="weights.npz")
    first = out / "checkpoints" / "0000000000"
    success(capsys, "export", f"--from={first}", "--out=model")
    with np.load(DATA / "published_tf115.npz") as recorded, Generator.load(first) as generator:
        images = generator(recorded["Z"]).reshape(-1, 784)
        np.testing.assert_allclose(images, recorded["images"], rtol=0, atol=2e-7)
        judge = tf.saved_model.load("model").signatures["discriminate"]
        logits = judge(x=tf.constant(recorded["images"]))["logit"]
        np.testing.assert_allclose(logits, recorded["logits"], rtol=0, atol=2e-6)


@pytest.mark.parametrize("ending", [".index", ".data-00000-of-00001", ".meta"])
def test_a_file_of_the_checkpoint_names_it_too(capsys, ending):
    success(capsys, "import_weights", f"--from={PUBLISHED}{ending}", *SIZES)


@pytest.mark.parametrize("system", BY_BOTH)
def test_by_name(trained_run, capsys, system):
    prefix = trained_run(system) / "checkpoints" / "0000000003" / "model.ckpt"
    sizes = ["--z_dim=5"] if system == "conv" else ["--z_dim=5", "--h_dim=7"]
    lines = success(
        capsys, "import_weights", f"--from={prefix}", f"--system={system}", "--out=w.npz", *sizes
    )
    V = read_variables(trained_run(system), 3)
    with np.load("w.npz") as got:
        of = SYSTEMS[system]
        assert set(got.files) == {*of.theta_D, *of.theta_G, *of.theta_Q}
        assert all(got[name].tobytes() == V[name].tobytes() for name in got.files)
    assert ("moving_mean (3), moving_variance (3)" in lines[-2]) == (system == "conv")


def test_more_hidden_layers_continue_the_numbering(checkpoint, capsys):
    shapes = {"D_W1": (784, 2), "D_b1": (2,), "D_W2": (2, 5), "D_b2": (5,), "D_W3": (5, 1)}
    shapes |= {"D_b3": (1,), "G_W1": (3, 2), "G_b1": (2,), "G_W2": (2, 5), "G_b2": (5,)}
    shapes |= {"G_W3": (5, 784), "G_b3": (784,)}
    arrays = {name: np.full(shape, n, np.float32) for n, (name, shape) in enumerate(shapes.items())}
    places = [f"Variable_{place}" if place else "Variable" for place in range(12)]
    prefix = checkpoint(dict(zip(places, arrays.values(), strict=True)))
    success(capsys, "import_weights", f"--from={prefix}", "--z_dim=3", "--h_dim=2,5")
    with np.load("weights.npz") as got:
        assert {name: got[name].tobytes() for name in got.files} == {
            name: array.tobytes() for name, array in arrays.items()
        }


def test_with_a_map(checkpoint, capsys):
    names = {name: f"net/{i}/{name[0]}" for i, name in enumerate(reversed(ORDER))}
    arrays = {names[name]: array for name, array in weights().items()}
    extra = {"global_step": np.int64(7), "net/0/G/Momentum": np.zeros(784, np.float32)}
    prefix = checkpoint({**arrays, **extra})
    pathlib.Path("map.json").write_text(json.dumps(names))
    lines = success(capsys, "import_weights", f"--from={prefix}", "--map=map.json", *SIZES)
    with np.load("weights.npz") as got:
        assert all(got[name].tobytes() == array.tobytes() for name, array in weights().items())
    assert lines[-2] == "left out because they are not weights: Momentum (1), global_step (1)"
    assert lines[-1].startswith("wrote weights.npz: 8 arrays, by map.json; ")


OPTIMIZERS = {
    "named by the user": ["D_W1/D_adam", "D_W1/D_adam_1", "G_b2/my-opt", "beta1_power"],
    "in a scope": ["train/D_W1/Adam", "a/b/G_b2/Adam_1", "train/beta1_power_1"],
    "averages": ["D_W1/ExponentialMovingAverage", "ema/G_b2/ExponentialMovingAverage"],
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_what_other_programs_keep_beside_weights(checkpoint, capsys, kind):
    others = {
        name: np.float32(0.9)
        if "power" in name
        else np.zeros(SHAPES["D_W1" if "D_W1" in name else "G_b2"], np.float32)
        for name in OPTIMIZERS[kind]
    }
    lines = success(
        capsys, "import_weights", f"--from={checkpoint({**weights(), **others})}", *SIZES
    )
    with np.load("weights.npz") as got:
        assert set(got.files) == set(SHAPES)
    assert lines[-2].startswith("left out because they are not weights: ")
    assert sum(map(int, re.findall(r"\((\d+)\)", lines[-2]))) == len(others)


def test_vectors_of_spectral_norm_are_not_weights(checkpoint, capsys):
    vectors = {"D_W1/singular": np.ones((1, 2)), "D_W2/singular": np.ones((1, 1))}
    prefix = checkpoint({**weights(), **vectors})
    lines = success(capsys, "import_weights", f"--from={prefix}", *SIZES)
    assert lines[-2] == "left out because they are not weights: singular (2)"


def test_a_complete_map_ignores_all_other_variables(checkpoint, capsys):
    arrays = {**weights(), "their_lr": np.float32(1), "other/net": np.zeros((3, 3), np.float32)}
    pathlib.Path("map.json").write_text(json.dumps({name: f"{name}:0" for name in SHAPES}))
    prefix = checkpoint(arrays)
    assert "extra: other/net, their_lr" in import_failure(capsys, prefix, *SIZES)[1]
    lines = success(capsys, "import_weights", f"--from={prefix}", "--map=map.json", *SIZES)
    assert lines[-2] == "left out because they are not weights: net (1), their_lr (1)"


def test_a_bias_that_is_a_row(checkpoint, capsys):
    arrays = {n: a[np.newaxis] if "_b" in n else a for n, a in weights().items()}
    arrays["D_b1/Adam"] = np.zeros((1, 2), np.float32)
    success(capsys, "import_weights", f"--from={checkpoint(arrays)}", *SIZES)
    with np.load("weights.npz") as got:
        assert {name: got[name].shape for name in got.files} == SHAPES
        assert all(got[name].tobytes() == array.tobytes() for name, array in weights().items())


@pytest.mark.parametrize("state", ["relative", "from another machine", "none"])
def test_a_folder_says_which_checkpoint_was_taken(checkpoint, capsys, tmp_path, state):
    prefix = pathlib.Path(checkpoint(weights()))
    if state != "none":
        for path in list(tmp_path.glob("m.ckpt.*")):
            shutil.copy(path, path.with_name(path.name.replace("m.ckpt", "a.ckpt")))
        where = "" if state == "relative" else "/their/machine/"
        (tmp_path / "checkpoint").write_text(f'model_checkpoint_path: "{where}m.ckpt"\n')
    lines = success(capsys, "import_weights", f"--from={tmp_path}", *SIZES)
    assert lines[0] == f"{tmp_path} is a folder; using its checkpoint {prefix}"


def test_a_checkpoint_of_keras(capsys, tmp_path):
    """The form of `tf.train.Checkpoint`, with slots and counters under names of its own."""
    module = tf.Module()
    module.parts = {name: tf.Variable(array) for name, array in weights().items()}
    prefix = tf.train.Checkpoint(model=module).save(str(tmp_path / "k"))
    names = {name: f"model/parts/{name}/.ATTRIBUTES/VARIABLE_VALUE" for name in SHAPES}
    pathlib.Path("map.json").write_text(json.dumps(names))
    success(capsys, "import_weights", f"--from={prefix}", "--map=map.json", *SIZES)
    with np.load("weights.npz") as got:
        assert all(got[name].tobytes() == array.tobytes() for name, array in weights().items())


def test_other_dtypes_become_float32(checkpoint, capsys):
    prefix = checkpoint({name: array.astype(np.float64) for name, array in weights().items()})
    success(capsys, "import_weights", f"--from={prefix}", *SIZES)
    with np.load("weights.npz") as got:
        for name, array in weights().items():
            assert got[name].dtype == np.float32
            assert got[name].tobytes() == array.tobytes()


def import_failure(capsys, prefix, *words):
    status, line = failure(capsys, "import_weights", f"--from={prefix}", *words)
    assert not pathlib.Path("weights.npz").exists()
    return status, line


def test_another_architecture_lists_every_shape(capsys):
    status, line = import_failure(capsys, PUBLISHED, "--z_dim=3", "--h_dim=4")
    assert status == 1
    assert line == (
        f"{PUBLISHED}: misshapen: D_W1 (Variable) has shape [784, 2], expected [784, 4], "
        "D_b1 (Variable_1) has shape [2], expected [4], "
        "D_W2 (Variable_2) has shape [2, 1], expected [4, 1], "
        "G_W1 (Variable_4) has shape [3, 2], expected [3, 4], "
        "G_b1 (Variable_5) has shape [2], expected [4], "
        "G_W2 (Variable_6) has shape [2, 784], expected [4, 784]; "
        "give the --system, --z_dim and --h_dim that it was trained with, or a --map from the "
        "system's names to the checkpoint's"
    )


def test_the_wrong_system(capsys, trained_run):
    # The conditional one has inputs wider by ten.
    status, line = import_failure(capsys, PUBLISHED, "--system=conditional", *SIZES)
    assert "D_W1 (Variable) has shape [784, 2], expected [794, 2], G_W1 (Variable_4) has" in line
    assert status == 1
    status, line = import_failure(capsys, PUBLISHED, "--system=layers", *SIZES)
    assert "its variables have only numbered names (Variable, ...), and system layers" in line
    prefix = trained_run("layers") / "checkpoints" / "0000000003" / "model.ckpt"
    line = import_failure(capsys, prefix, *SIZES)[1]
    assert "missing: D_W1, D_W2, D_b1, D_b2, G_W1, G_W2, G_b1, G_b2; extra: " in line
    assert "dis/dense/kernel, " in line


def unnamed(arrays):
    return {
        f"Variable_{place}" if place else "Variable": arrays[name]
        for place, name in enumerate(ORDER)
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: v.pop("Variable_7"), "missing: G_b2 (Variable_7); give"),
        (lambda v: v.pop("Variable_1"), "missing: D_b1 (Variable_1); give"),
        (lambda v: v.update(Variable_8=np.float32(1)), "extra: Variable_8; give"),
        (lambda v: v.update(counter=np.float32(1)), "extra: counter; give"),
        # A slot's name, but not its shape; then a slot of no variable.
        (lambda v: v.update({"Variable/Adam": np.zeros(3)}), "extra: Variable/Adam; give"),
        (lambda v: v.update({"other/Adam": np.zeros(2)}), "extra: other/Adam; give"),
        (lambda v: v.update(beta1_power=np.zeros(2)), "extra: beta1_power; give"),
        (
            lambda v: v.update(Variable=v["Variable"].T),
            "misshapen: D_W1 (Variable) has shape [2, 784], expected [784, 2]; give",
        ),
        (
            lambda v: v.update(Variable_4=v.pop("Variable_3"), Variable_9=np.float32(1)),
            "missing: D_b2 (Variable_3); extra: Variable_9; misshapen: G_W1 (Variable_4) has "
            "shape [1], expected [3, 2]; give",
        ),
        (
            lambda v: v.update(Variable_3=np.float32([np.nan])),
            "Variable_3 has values that are not finite",
        ),
        (
            lambda v: v.update(Variable_3=np.array([1e39])),
            "Variable_3 has values that are not finite",
        ),
        (lambda v: v.update(Variable_3=np.array(["x"])), "Variable_3 holds object, expected"),
    ],
)
def test_variables_that_do_not_fit(checkpoint, capsys, change, said):
    arrays = unnamed(weights())
    change(arrays)
    status, line = import_failure(capsys, checkpoint(arrays), *SIZES)
    assert said in line
    assert status == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "cannot be read as JSON"),
        ("[]", "expected an object from each of the system's names"),
        ('{"D_W1": 3}', "expected an object from each of the system's names"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("{}", "missing: D_W1, D_W2, D_b1, D_b2, G_W1, G_W2, G_b1, G_b2; expected each of"),
        (json.dumps({**{n: n for n in ORDER}, "D_W3": "x"}), "unknown: D_W3; expected each of"),
        (json.dumps({**{n: n for n in ORDER}, "D_b2": "D_b1"}), "named twice: D_b1; expected"),
    ],
)
def test_bad_maps(capsys, content, said):
    pathlib.Path("map.json").write_text(content)
    status, line = import_failure(capsys, PUBLISHED, "--map=map.json", *SIZES)
    assert line.startswith("--map=map.json")
    assert said in line
    assert status == 2


def test_no_map_there(capsys):
    status, line = import_failure(capsys, PUBLISHED, "--map=none.json")
    assert line.startswith("--map=none.json cannot be read as JSON: ")
    assert status == 2


def test_a_map_to_a_missing_variable(capsys):
    names = {name: f"Variable_{place}" for place, name in enumerate(ORDER)}
    pathlib.Path("map.json").write_text(json.dumps(names))
    status, line = import_failure(capsys, PUBLISHED, "--map=map.json", *SIZES)
    assert "missing: D_W1 (Variable_0); extra: Variable, Variable/Adam, Variable/Adam_1" in line
    assert status == 1


def test_no_checkpoint_there(capsys, tmp_path):
    status, line = import_failure(capsys, "none/model.ckpt")
    assert line.startswith("none/model.ckpt: no checkpoint has this prefix (none/model.ckpt.index")
    assert status == 1
    (tmp_path / "folder").mkdir()
    line = import_failure(capsys, tmp_path / "folder")[1]
    assert line.startswith(f"{tmp_path / 'folder'}: it is a folder; expected a prefix in it")
    assert failure(capsys, "import_weights") == (
        2,
        "--from is missing: expected a checkpoint's prefix, such as model.ckpt-1000",
    )


@pytest.mark.parametrize("harm", ["index", "data", "no data", "short data"])
def test_a_damaged_checkpoint(capsys, tmp_path, harm):
    for path in DATA.glob("published_tf115.ckpt.*"):
        shutil.copy(path, tmp_path)
    prefix = tmp_path / PUBLISHED.name
    data = pathlib.Path(f"{prefix}.data-00000-of-00001")
    index = pathlib.Path(f"{prefix}.index")
    if harm == "index":
        index.write_bytes(index.read_bytes()[:-9])
    elif harm == "data":
        content = bytearray(data.read_bytes())
        for at in range(0, len(content), 64):
            content[at] ^= 1
        data.write_bytes(content)
    elif harm == "no data":
        data.unlink()
    else:
        data.write_bytes(data.read_bytes()[:100])
    status, line = import_failure(capsys, prefix, *SIZES)
    assert line.startswith(f"{prefix}: ")
    assert line.endswith("copy all of its files again")
    assert status == 1


def test_nothing_is_overwritten(capsys):
    pathlib.Path("mine.npz").write_text("kept")
    words = ["import_weights", f"--from={PUBLISHED}", "--out=mine.npz", *SIZES]
    status, line = failure(capsys, *words)
    assert line == "--out=mine.npz: it exists already; choose another name, or give --overwrite"
    assert status == 2
    assert pathlib.Path("mine.npz").read_text() == "kept"
    success(capsys, *words, "--overwrite")
    with np.load("mine.npz") as got:
        assert len(got.files) == 8
