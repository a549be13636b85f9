"""Tests of `./run.sh verify`: what it prints, its exit status, and what users can do wrong."""

from __future__ import annotations

import json
import shutil

import pytest
from one_line import failure

from vanilla_gan.agreement import traces
from vanilla_gan.agreement.verify_table import verify_table
from vanilla_gan.cli import main as cli

RECORDED = traces.resources.files(traces.__package__) / traces.SHIPPED
LARGE = "trace_vanilla_mnist_seed0.npz"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Returns the command's exit status and the JSON that it prints; it runs once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VANILLA_GAN_DATA", str(tmp_path_factory.mktemp("empty")))
        printed = []
        patch.setattr("builtins.print", lambda *words, **settings: printed.append(words[0]))
        status = cli.main(["verify", "--format", "json", "--device", "cpu"])
    return status, json.loads(printed[0])


def test_this_installation_agrees(found):
    status, content = found
    assert status == 0
    assert (content["agrees"], content["failed"]) == (True, 0)
    # Four recordings, three states each, two engines; and four forms of initial weights.
    assert content["judged"] == 4 * 3 * 2 + 4
    keys = {(v["system"], v["loss"], v["engine"]) for v in content["verdicts"]}
    assert len(keys) == 8
    assert all(v["draws"] and v["passed"] for v in content["verdicts"])
    assert len(content["notes"]) == 1
    assert "on MNIST, were not checked" in content["notes"][0]


def test_the_machine_is_named(found):
    _, content = found
    import tensorflow as tf

    for words in (f"TensorFlow {tf.__version__}", "oneDNN", "threads", "/CPU:0"):
        assert words in content["machine"]


def test_the_table_has_a_line_per_trace_and_engine(found):
    _, content = found
    text = verify_table(content)
    lines = text.splitlines()
    assert lines[-1].startswith("AGREES: ")
    assert sum(line.endswith("PASS") for line in lines) == 8 + 4
    assert all(len(line) <= 105 for line in lines[3:])
    (line,) = (line for line in lines if line.startswith("layers_offline") and " feed " in line)
    states = [v for v in content["verdicts"] if (v["system"], v["engine"]) == ("layers", "feed")]
    largest = max(v["found"]["weights"] for v in states)
    assert f"{largest:.1e}" in line
    assert "0, 10, 1000" in line


def test_a_failure_is_shown(found):
    _, content = found
    content = json.loads(json.dumps(content))
    content["verdicts"][0] |= {"passed": False, "draws": False}
    content["verdicts"][0]["found"]["loss"] = None
    content |= {"agrees": False, "failed": 1}
    lines = verify_table(content).splitlines()
    (line,) = (line for line in lines if line.endswith("FAIL"))
    assert " inf " in line
    assert " other " in line
    assert lines[-1].startswith("DISAGREES: 1 of 28 ")


def test_one_engine_and_a_large_trace(real_data_dir, reference_dir, tmp_path, capsys):
    name = "trace_vanilla_log_mnist_seed0.npz"
    if not (reference_dir / name).is_file():
        pytest.skip(f"needs the trace: no {name} in {reference_dir}")
    (tmp_path / name).symlink_to(reference_dir / name)
    words = ["--traces", str(tmp_path), "--data_dir", str(real_data_dir), "--engine", "feed"]
    status = cli.main(["verify", *words, "--intra_op_threads", "1"])
    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    assert [line.split()[1] for line in out.splitlines() if line.endswith("PASS")][:5] == 5 * [
        "feed"
    ]
    assert "vanilla_log_mnist   feed   0, 100, 500 " in out
    assert "1 threads within an operation" in out
    assert "note: " not in out


# --- What users can do wrong.


@pytest.fixture
def large(tmp_path):
    """Returns a folder with an offline trace under the name of one on MNIST; it can be read."""
    folder = tmp_path / "large"
    folder.mkdir()
    shutil.copy(str(RECORDED / "trace_vanilla_offline.npz"), folder / LARGE)
    return folder


def test_no_traces(capsys):
    status, line = failure(capsys, "verify", "--traces=nowhere")
    assert status == 2
    assert "--traces=nowhere: it has no traces" in line


def test_a_device_that_is_not_there(capsys):
    import tensorflow as tf

    count = len(tf.config.list_physical_devices("GPU"))
    status, line = failure(capsys, "verify", f"--device=gpu:{count}")
    assert status == 1
    assert f"--device=gpu:{count}" in line


def test_a_damaged_trace(large, capsys):
    whole = (large / LARGE).read_bytes()
    (large / LARGE).write_bytes(whole[: len(whole) // 3])
    status, line = failure(capsys, "verify", "--traces", large)
    assert status == 1
    assert str(large / LARGE) in line


def test_data_that_are_not_there_or_not_mnist(large, offline_data_dir, tmp_path, capsys):
    status, line = failure(capsys, "verify", "--traces", large, "--data_dir", tmp_path)
    assert status == 1
    assert "train-images-idx3-ubyte" in line
    status, line = failure(capsys, "verify", "--traces", large, "--data_dir", offline_data_dir)
    assert status == 1
    assert f"{offline_data_dir / 'mnist'} does not hold the published MNIST" in line


def test_traces_without_data_are_a_note(large, tmp_path, monkeypatch):
    from vanilla_gan.agreement import verify

    monkeypatch.setenv("VANILLA_GAN_DATA", str(tmp_path))
    monkeypatch.setattr(verify, "RECORDINGS", traces.RECORDINGS[4:])
    monkeypatch.setattr(verify, "PROGRAMS", ())
    found = verify.verify(verify.VerifyConfig(traces=str(large), device="cpu"))
    assert found.verdicts == []
    assert found.notes == [
        f"the traces on MNIST were not checked: there is no MNIST in {tmp_path / 'mnist'}; "
        "give --data_dir"
    ]
