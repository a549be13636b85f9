"""Tests of `./run.sh export`: what each format holds, and that every export is checked."""

from __future__ import annotations

import json
import os
import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf
from networks import BY_BOTH
from offline import read_variables, train
from one_line import failure, success
from processes import limited_files, python
from tensorflow.core.protobuf import saved_model_pb2

from vanilla_gan import __version__
from vanilla_gan.errors import CheckpointError
from vanilla_gan.generator import export as export_module
from vanilla_gan.generator.export_record import write_origin
from vanilla_gan.generator.generator import Generator
from vanilla_gan.systems import SYSTEMS

ITERS = 3
pytestmark = pytest.mark.usefixtures("elsewhere")
STATISTICS = {f"generator/bn{i}/moving_{kind}" for i in range(3) for kind in ("mean", "variance")}


@pytest.fixture
def export(trained_run, capsys):
    """Returns a function that exports a short run of a system and returns the lines."""

    def run(*words, system="vanilla", source=None):
        return success(capsys, "export", f"--from={source or trained_run(system)}", *words)

    return run


@pytest.fixture
def fails(trained_run, capsys):
    def run(*words):
        return failure(capsys, "export", f"--from={trained_run('vanilla')}", *words)

    return run


def noise(n, seed=2):
    return np.random.RandomState(seed).uniform(-1, 1, [n, 5]).astype(np.float32)


def theta_of(system):
    """Returns the names of all variables of a system's networks."""
    one = SYSTEMS[system]
    return one.theta_D + one.theta_G + one.theta_Q


def labels(system, n):
    """Returns (classes, further inputs of a signature) for n images of a system."""
    if not SYSTEMS[system].conditional:
        return None, {}
    classes = np.arange(n) % 10
    return classes, {"y": tf.constant(np.eye(10, dtype=np.float32)[classes])}


def test_the_discriminator_is_the_listing_in_numpy(exported, trained_run):
    V = read_variables(trained_run("vanilla"), ITERS)
    x = np.random.RandomState(4).rand(7, 784).astype(np.float32)
    expected = np.maximum(x @ V["D_W1"] + V["D_b1"], 0) @ V["D_W2"] + V["D_b2"]
    judge = tf.saved_model.load(str(exported("vanilla"))).signatures["discriminate"]
    got = judge(x=tf.constant(x))["logit"]
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("system", BY_BOTH)
def test_a_saved_model_holds_the_networks_and_nothing_of_training(exported, trained_run, system):
    model = exported(system)
    V = read_variables(trained_run(system), ITERS)
    networks = {*theta_of(system)} | (STATISTICS & V.keys())
    reader = tf.train.load_checkpoint(str(model / "variables" / "variables"))
    assert set(reader.get_variable_to_shape_map()) == networks
    for name in networks:
        assert reader.get_tensor(name).tobytes() == V[name].tobytes()
    graph = tf.saved_model.load(str(model)).graph
    types = {op.type for op in graph.get_operations()}
    assert {"VarHandleOp", "MatMul", "Placeholder"} <= types
    assert not {t for t in types if "Adam" in t or "Grad" in t or "Gather" in t or "While" in t}
    assert {op.device for op in graph.get_operations()} == {""}


def test_the_record_beside_it(exported, trained_run):
    content = json.loads((exported("vanilla") / "vanilla_gan.json").read_text())
    run = json.loads((trained_run("vanilla") / "run.json").read_text())
    assert (content["system"], content["iteration"]) == ("vanilla", ITERS)
    assert content["run_id"] == run["run_id"]
    assert content["settings"]["h_dim"] == 7
    assert content["versions"] == {"vanilla_gan": __version__, "tensorflow": tf.__version__}
    assert content["dataset"]["checksum"] == run["dataset"]["checksum"]
    # The record does not describe the machine that made it.
    assert str(trained_run("vanilla").parent) not in json.dumps(content)
    assert set(content["files"]) == {
        "saved_model.pb",
        "variables/variables.data-00000-of-00001",
        "variables/variables.index",
    }


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_damaged_export_is_not_loaded(exported, name, harm):
    path = exported("vanilla", "model") / name
    content = bytearray(path.read_bytes())
    if harm == "flip":
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    elif harm == "cut":
        path.write_bytes(content[:-1])
    else:
        path.unlink()
    what = "missing" if harm == "remove" else "not what was exported"
    with pytest.raises(
        CheckpointError, match=rf"model is not a complete export .*{name} is {what}"
    ):
        Generator.load("model")


def test_no_graph_of_an_export_is_run(exported, tmp_path):
    """The graph writes a file when it is restored, and its checksums fit, as in an attack."""
    exported("vanilla", "model")
    with Generator.load("model") as before:
        origin, images = before.origin, before(noise(3))
    victim = tmp_path / "victim"
    path = pathlib.Path("model/saved_model.pb")
    saved_model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    (meta,) = saved_model.meta_graphs
    with tf.Graph().as_default() as graph:
        tf.raw_ops.WriteFile(filename=str(victim), contents="foreign", name="hook")
    meta.graph_def.node.extend(graph.as_graph_def().node)
    for node in meta.graph_def.node:
        if node.name in (meta.saver_def.restore_op_name, "G_sample"):
            node.input.append("^hook")
    path.write_bytes(saved_model.SerializeToString())
    write_origin(pathlib.Path("model"), origin)
    with Generator.load("model") as generator:
        assert generator(noise(3)).tobytes() == images.tobytes()
    assert not victim.exists()


def test_a_saved_model_of_somebody_else(tmp_path):
    module = tf.Module()
    tf.saved_model.save(module, str(tmp_path / "other"))
    with pytest.raises(CheckpointError, match="there is no run"):
        Generator.load(tmp_path / "other")


@pytest.mark.parametrize("system", BY_BOTH)
def test_weights_by_name(export, trained_run, system):
    lines = export("--format=npz", "--out=w.npz", system=system)
    count = len(theta_of(system))
    assert lines[0].endswith(f"read back, the same {count} arrays, bit for bit")
    # A second line says that these weights are not enough to draw images.
    assert len(lines) == (2 if system == "conv" else 1)
    assert ("moving averages" in lines[-1]) == (system == "conv")
    V = read_variables(trained_run(system), ITERS)
    with np.load("w.npz") as got:
        assert set(got.files) == {*theta_of(system)}
        for name in got.files:
            assert got[name].tobytes() == V[name].tobytes()


def test_a_run_starts_from_exported_weights(export, trained_run, offline_data_dir, tmp_path):
    export("--format=npz", "--out=w.npz")
    again = tmp_path / "again"
    train(again, offline_data_dir, iters=1, seed=9, init_weights="w.npz", z_dim=5, h_dim=7)
    before, begun = read_variables(trained_run("vanilla"), ITERS), read_variables(again, 0)
    for name in theta_of("vanilla"):
        assert begun[name].tobytes() == before[name].tobytes()
    at_once = again / "checkpoints" / "0000000000"
    with Generator.load(at_once) as first, Generator.load(trained_run("vanilla")) as last:
        assert first(noise(5)).tobytes() == last(noise(5)).tobytes()


def agrees_with_the_saved_model(exported, trained_run, system, generate, discriminate):
    """Compares the networks in another format with the run and with its SavedModel.

    `generate` returns images, `discriminate` results by name; inputs are arrays by name.
    """
    judge = tf.saved_model.load(str(exported(system))).signatures["discriminate"]
    with Generator.load(trained_run(system)) as run:
        for n in (1, 13):
            classes, y = labels(system, n)
            fed = {name: tensor.numpy() for name, tensor in y.items()}
            images = run(noise(n), classes).reshape(n, 784)
            np.testing.assert_allclose(generate(z=noise(n), **fed), images, rtol=0, atol=1e-6)
            # A discriminator that predicts the class is not told it.
            seen = judge.structured_input_signature[1].keys() & fed.keys()
            found = discriminate(x=images, **{name: fed[name] for name in seen})
            expected = judge(x=tf.constant(images), **{name: y[name] for name in seen})
            np.testing.assert_allclose(found["logit"], expected["logit"], rtol=0, atol=2e-6)
            np.testing.assert_allclose(
                found["probability"], expected["probability"], rtol=0, atol=1e-6
            )


@pytest.mark.parametrize("system", BY_BOTH)
def test_onnx(export, exported, trained_run, system):
    onnxruntime = pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    assert "read back, the same results within" in export("--format=onnx", system=system)[-1]
    export("--format=onnx", "--signature=discriminate", system=system)
    for name in ("generate.onnx", "discriminate.onnx"):
        onnx.checker.check_model(name, full_check=True)
    generate = onnxruntime.InferenceSession("generate.onnx")
    discriminate = onnxruntime.InferenceSession("discriminate.onnx")
    names = ("logit", "probability")
    agrees_with_the_saved_model(
        exported,
        trained_run,
        system,
        lambda **fed: generate.run(["images"], fed)[0],
        lambda **fed: dict(zip(names, discriminate.run([*names], fed), strict=True)),
    )


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
@pytest.mark.parametrize("system", ["conditional", "layers"])
def test_images_as_other_programs_take_them(export, exported, trained_run, system):
    """From labels to grey values: all three formats must draw what this program draws."""
    onnxruntime, onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    classes, _ = labels(system, 13)
    fed = {"z": noise(13)} if classes is None else {"z": noise(13), "label": classes}
    with Generator.load(trained_run(system)) as run:
        expected = run.to_grey(run(noise(13), classes))[..., np.newaxis]
        images = run(noise(13), classes)
    low, high = SYSTEMS[system].pixels()[[0, 255]]
    by_hand = np.clip(np.round((np.float64(images) - low) / (high - low) * 255), 0, 255)
    assert np.abs(by_hand[..., np.newaxis] - expected).max() <= 1

    signature = tf.saved_model.load(str(exported(system))).signatures["generate_images"]
    found = signature(**{name: tf.constant(array) for name, array in fed.items()})["images"]
    assert found.dtype == tf.uint8
    np.testing.assert_array_equal(found, expected)

    export("--format=onnx", "--signature=generate_images", system=system)
    export("--format=tflite", system=system)
    session = onnxruntime.InferenceSession("generate_images.onnx")
    interpreter = tf.lite.Interpreter(model_path="model.tflite")
    lite = interpreter.get_signature_runner("generate_images")
    for found in (session.run(["images"], fed)[0], lite(**fed)["images"]):
        assert (found.shape, found.dtype) == ((13, 28, 28, 1), np.uint8)
        assert np.abs(found.astype(int) - expected).max() <= 1
    model = onnx.load("generate_images.onnx")
    about = {each.key: each.value for each in model.metadata_props}
    run_id = json.loads((trained_run(system) / "run.json").read_text())["run_id"]
    assert about == {
        **{"system": system, "dataset": "mnist", "iteration": "3", "run_id": run_id},
        **{"vanilla_gan": __version__, "tensorflow": tf.__version__},
    }
    assert (model.producer_name, model.producer_version) == ("vanilla_gan", __version__)


def test_servers_find_the_generator_where_they_look(exported):
    signatures = tf.saved_model.load(str(exported("vanilla"))).signatures
    Z = tf.random.stateless_uniform([3, 5], (1, 2), -1, 1)
    found, expected = signatures["serving_default"](z=Z), signatures["generate"](z=Z)
    np.testing.assert_array_equal(found["images"], expected["images"])


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
@pytest.mark.parametrize("system", BY_BOTH)
def test_tflite(export, exported, trained_run, system):
    """One file has both networks; its discriminator scores images."""
    (line,) = export("--format=tflite", system=system)
    assert "read back, the same results within" in line
    interpreter = tf.lite.Interpreter(model_path="model.tflite")
    generate, discriminate = map(interpreter.get_signature_runner, ("generate", "discriminate"))
    agrees_with_the_saved_model(
        exported, trained_run, system, lambda **fed: generate(**fed)["images"], discriminate
    )


def test_networks_that_tflite_does_not_know(fails, monkeypatch, elsewhere):
    written = export_module.write_saved_model

    def unknown(folder, trained):
        with trained.session.graph.as_default():
            images = trained.tensors.outputs("generate")["images"]
            odd = tf.math.igamma(images + 1.0, images + 1.0)
            trained.tensors = trained.tensors._replace(G_sample=odd)
        written(folder, trained)

    monkeypatch.setattr(export_module, "write_saved_model", unknown)
    status, line = fails("--format=tflite")
    assert line.startswith("--format=tflite: the networks cannot be converted (")
    assert status == 2
    assert list(elsewhere.iterdir()) == []


def test_an_onnx_export_loads_tensorflow_as_other_commands_do():
    pytest.importorskip("tf2onnx")
    variable = "TF_OVERRIDE_GLOBAL_THREADPOOL"
    done = python(
        "-c",
        "import os; from vanilla_gan.generator.export_onnx import check_onnx_installed as check; "
        f"check(); print(os.environ.get({variable!r}))",
        **{variable: None},
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "tf2onnx"])
def test_onnx_without_its_packages(trained_run, tmp_path, package):
    pytest.importorskip("tf2onnx")
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from vanilla_gan.cli import main as cli; sys.exit(cli.main(sys.argv[1:]))"
    )
    words = ["export", f"--from={trained_run('vanilla')}", "--format=onnx", f"--out={tmp_path}/x"]
    done = python("-c", code, *words)
    assert done.returncode == 2
    assert done.stderr == (
        f"run.sh: --format=onnx needs the package {package} (the extra [onnx]); install it with "
        f"{sys.executable} -m pip install onnx onnxruntime tf2onnx\n"
    )
    assert not (tmp_path / "x").exists()


def test_an_operation_that_onnx_export_does_not_know(fails, monkeypatch, elsewhere, caplog):
    pytest.importorskip("tf2onnx")
    written = export_module.write_onnx

    def unknown(path, trained, signature):
        with trained.session.graph.as_default():
            drawn = tf.math.igamma(1.0, trained.tensors.G_sample, name="odd")
        trained.tensors = trained.tensors._replace(G_sample=drawn)
        written(path, trained, signature)

    monkeypatch.setattr(export_module, "write_onnx", unknown)
    status, line = fails("--format=onnx")
    assert line.startswith("--format=onnx: the network has an operation Igamma (odd), ")
    assert (status, list(elsewhere.iterdir())) == (2, [])
    assert caplog.record_tuples == []


def test_onnx_of_weights_in_several_parts(export, monkeypatch):
    """A plug-in may split them by an operation with two results, which depend on no input."""
    pytest.importorskip("tf2onnx")
    written = export_module.write_onnx

    def split(path, trained, signature):
        with trained.session.graph.as_default():
            _, half = tf.split(tf.constant([2.0, 0.5]), 2)
            drawn = trained.tensors.G_sample * half
        trained.tensors = trained.tensors._replace(G_sample=drawn)
        written(path, trained, signature)

    monkeypatch.setattr(export_module, "write_onnx", split)
    assert "read back, the same results within" in export("--format=onnx")[-1]


@pytest.mark.parametrize("system", ["conv", "conditional"])
def test_the_same_network_is_the_same_onnx_file(export, exported, monkeypatch, system):
    pytest.importorskip("tf2onnx")
    model = exported(system)
    begin, opened = tf.compat.v1.Session.__init__, []

    def spy(session, *args, **named):
        opened.append("config" in named and named["config"].device_count["GPU"] == 0)
        begin(session, *args, **named)

    monkeypatch.setattr(tf.compat.v1.Session, "__init__", spy)
    # tf2onnx's own messages are not among the lines.
    assert len(export("--format=onnx", "--out=1", system=system)) == 1
    export("--format=onnx", "--out=2", system=system)
    export("--format=onnx", "--out=3", source=model)
    one, two, three = (pathlib.Path(name).read_bytes() for name in "123")
    assert one == two == three
    # One session per export, with the GPUs hidden; another would take the memory of all GPUs.
    assert opened == [True, True, True]


def test_an_export_can_be_exported_again(export, exported, trained_run):
    export("--out=again", source=exported("vanilla"))
    export("--format=npz", "--out=w.npz", source="again")
    V = read_variables(trained_run("vanilla"), ITERS)
    with np.load("w.npz") as got:
        assert all(got[name].tobytes() == V[name].tobytes() for name in got.files)
        assert len(got.files) == 8
    with Generator.load("again") as second, Generator.load(trained_run("vanilla")) as run:
        assert second(noise(7)).tobytes() == run(noise(7)).tobytes()


def test_one_checkpoint(export, trained_run):
    first = trained_run("vanilla") / "checkpoints" / "0000000000"
    assert "vanilla after 0 iterations" in export("--format=npz", source=first)[0]
    V = read_variables(trained_run("vanilla"), 0)
    with np.load("weights.npz") as got:
        assert got["G_W1"].tobytes() == V["G_W1"].tobytes()


@pytest.mark.parametrize("format", ["saved_model", "npz"])
def test_nothing_is_overwritten(export, fails, elsewhere, format):
    out = pathlib.Path("x")
    export(f"--format={format}", "--out=x")
    status, line = fails(f"--format={format}", "--out=x")
    assert line == "--out=x: it exists already; choose another name, or give --overwrite"
    assert status == 2
    export(f"--format={format}", "--out=x", "--overwrite")
    (elsewhere / "link").symlink_to("nowhere")
    assert fails(f"--format={format}", "--out=link")[0] == 2
    assert sorted(path.name for path in elsewhere.iterdir()) == ["link", "x"]
    if format == "saved_model":
        # But not if a file of the user's own is in it.
        (out / "variables" / "mine").write_text("kept")
        assert fails("--out=x", "--overwrite")[0] == 2
        assert (out / "variables" / "mine").read_text() == "kept"


def test_links_to_themselves(capsys, fails, elsewhere):
    (elsewhere / "loop").symlink_to("loop")
    assert fails("--format=npz", "--out=loop")[0] == 2
    status, line = failure(capsys, "export", "--from=loop", "--out=x.npz")
    assert (status, line.startswith("loop cannot be read: ")) == (1, True), line


@pytest.mark.parametrize("format", ["saved_model", "npz"])
def test_an_export_that_reads_back_differently_is_not_kept(
    fails, export, elsewhere, monkeypatch, format
):
    export(f"--format={format}", "--out=x")
    before = {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()}
    written = export_module.write_npz

    def off_by_one_bit(path, arrays):
        changed = arrays["D_b2"].copy().view(np.uint32) ^ 1
        written(path, {**arrays, "D_b2": changed.view(np.float32)})

    def other_networks(folder, trained):
        variable = next(v for v in trained.trained if v.op.name == "D_b2")
        trained.session.run(variable.initializer, {variable.initializer.inputs[1]: [0.5]})
        export_saved_model(folder, trained)
        trained.session.run(variable.initializer, {variable.initializer.inputs[1]: [0.25]})

    export_saved_model = export_module.write_saved_model
    monkeypatch.setattr(export_module, "write_npz", off_by_one_bit)
    monkeypatch.setattr(export_module, "write_saved_model", other_networks)
    status, line = fails(f"--format={format}", "--out=x", "--overwrite")
    assert line.startswith("the export reads back differently from what was written")
    assert status == 1
    # The old export is still there, and nothing else.
    after = {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--signature=generate"],
            "--format=saved_model holds both networks; leave out --signature",
        ),
        (
            ["--format=npz", "--signature=generate"],
            "--format=npz holds both networks; leave out --signature",
        ),
    ],
)
def test_wrong_usage(fails, words, said):
    status, line = fails(*words)
    assert said in line
    assert status == 2


def test_a_moved_export_is_whole(export, trained_run):
    """It holds no paths, so it may be moved."""
    export("--out=here")
    with (
        Generator.load(pathlib.Path("here").rename("there")) as generator,
        Generator.load(trained_run("vanilla")) as run,
    ):
        assert generator(noise(3)).tobytes() == run(noise(3)).tobytes()


@pytest.mark.parametrize("form", ["saved_model", "npz"])
def test_a_full_disk_is_named(fails, form):
    """A limit on the size of files imitates it."""
    with limited_files(1000):
        status, line = fails(f"--format={form}", "--out=model")
    assert (status, line[:39]) == (1, "cannot write model: File too large; fre")
    assert os.listdir() == []
