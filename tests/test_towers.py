"""`--towers`: a batch in pieces trains like the whole batch, and some flags exclude it."""

from __future__ import annotations

import numpy as np
import pytest
from offline import train
from one_line import failure
from tensorflow.compat import v1 as tf1

from vanilla_gan.engines.machines import Machines, device
from vanilla_gan.engines.session import Device, check_towers, config_proto
from vanilla_gan.engines.task import Task
from vanilla_gan.errors import DeviceError
from vanilla_gan.graph import penalties
from vanilla_gan.graph.gan import build_gan
from vanilla_gan.graph.loop import build_loop
from vanilla_gan.graph.passes import Batch, forward
from vanilla_gan.graph.towers import towers_of
from vanilla_gan.runfolder.health_csv import read_health
from vanilla_gan.runfolder.record import read_record
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS

ITERS = 12


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "engine", "cures"),
    [
        ("vanilla", "loop", {}),
        ("layers", "feed", {}),
        ("conditional", "loop", {"spectral_norm": True, "pack": 2}),
    ],
)
def test_three_towers_train_as_one_does(tmp_path, real_data_dir, system, engine, cures):
    """With the published sizes: 43, 43 and 42 images in `vanilla`."""
    settings = {"system": system, "engine": engine, "iters": ITERS, "seed": 3, **cures}
    settings |= {"log_every": 1, "health_every": 0}
    one, three, again = (
        train(tmp_path / name, real_data_dir, device="cpu", towers=towers, **settings)
        for name, towers in (("one", 1), ("three", 3), ("again", 3))
    )
    np.testing.assert_allclose(three.losses(), one.losses(), rtol=1e-6)
    assert three.losses().tobytes() != one.losses().tobytes()
    assert (three.out / "losses.csv").read_bytes() == (again.out / "losses.csv").read_bytes()
    assert read_record(three.out).config.towers == 3


@pytest.mark.parametrize(
    ("system", "engine", "others"),
    [
        ("infogan", "feed", {"h_dim": 11}),
        *(
            pytest.param(*row, marks=pytest.mark.slow)
            for row in (
                ("conv", "loop", {"dropout_rate": 0.0}),
                ("conv", "feed", {"dropout_rate": 0.0, "r1": 0.1}),
                ("goodfellow2014", "loop", {"dropout_rate": 0.0, "h_dim": 20, "D_steps": 2}),
                ("goodfellow2014", "feed", {"dropout_rate": 0.0, "h_dim": 20, "dragan": 0.1}),
                ("infogan", "loop", {"h_dim": 11}),
                ("acgan", "loop", {"h_dim": 11, "dragan": 0.1}),
            )
        ),
    ],
)
def test_what_needs_the_whole_batch_gets_it(
    tmp_path, twenty_images, monkeypatch, system, engine, others
):
    """Batches of 8, and of 4 at the end of an epoch of `conv`, which has a batch norm."""
    # A piece draws other random numbers than the whole batch.
    monkeypatch.setattr(penalties, "uniform", lambda shape, seed: tf1.fill(shape, 0.7))
    settings = {"system": system, "engine": engine, "iters": 6, "seed": 3, "batch_size": 8}
    settings |= {"z_dim": 5, "log_every": 1, "health_every": 6, **others}
    one, three = (
        train(tmp_path / f"{towers}", twenty_images, device="cpu", towers=towers, **settings)
        for towers in (1, 3)
    )
    np.testing.assert_allclose(three.losses(), one.losses(), rtol=1e-5)
    for name in ("d_gradient", "g_gradient"):
        gradients = [read_health(run.out / "health.csv").of(name)[0] for run in (three, one)]
        np.testing.assert_allclose(*gradients, rtol=1e-4, err_msg=name)
    found, expected = (run.variables(6) for run in (three, one))
    # By norm: Adam turns the rounding error of a gradient that is almost zero into a whole step.
    for name, value in expected.items():
        if "solver" not in name:
            off = np.linalg.norm(found[name] - value)
            assert off <= 1e-3 * np.linalg.norm(value) + 1e-5, name


def test_each_tower_has_its_own_dropout():
    """Four equal images in two pieces get four different masks."""
    given = {"system": "goodfellow2014", "towers": 2, "batch_size": 4, "h_dim": 50, "z_dim": 3}
    config, system = RunConfig(seed=1, **given).resolved(), SYSTEMS["goodfellow2014"]
    proto = config_proto(config, Device("/CPU:0", ""))
    with tf1.Graph().as_default() as graph, tf1.Session(graph=graph, config=proto) as session:
        X, Z, iteration = tf1.ones([4, 784]), tf1.ones([4, 3]), tf1.constant(7, tf1.int64)
        batch = Batch(X, Z, Z, iteration=iteration)
        forward(system, config, batch, reuse=False)
        towers = towers_of(system, config, batch, tf1.trainable_variables())
        session.run(tf1.global_variables_initializer())
        logits = session.run([tower.passes.D_logit_real for tower in towers])
    assert len({*np.ravel(logits)}) == 4


def test_a_run_keeps_its_towers(capsys, trained_run):
    out = trained_run("vanilla")
    status, line = failure(capsys, "train", f"--out={out}", "--towers=2")
    assert (status, "--towers was 1, is 2" in line) == (2, True)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--jit_compile",), "--jit_compile does not apply to --towers"),
        # 1000 images leave 2 for the last batch.
        (
            ("--system=conv", "--batch_size=499"),
            "at most the size of the last batch of an epoch, 2",
        ),
        (("--batch_size=2",), "--towers=3: expected at most --batch_size, which is 2"),
    ],
)
def test_what_towers_do_not_go_with(capsys, elsewhere, offline_data_dir, flags, said):
    data = ["--dataset=mnist", f"--data_dir={offline_data_dir}", "--allow_unverified_data"]
    status, line = failure(capsys, "train", "--towers=3", "--iters=1", *data, *flags)
    assert (status, said in line) == (2, True), line
    assert not (elsewhere / "out").exists()


def test_towers_are_devices_of_the_cpu():
    assert config_proto(RunConfig(towers=3), Device("/CPU:0", "")).device_count["CPU"] == 3
    assert "CPU" not in config_proto(RunConfig(), Device("/CPU:0", "")).device_count
    check_towers(1, Device("/GPU:0", ""))
    with pytest.raises(DeviceError, match="--towers=2 is for CPUs only"):
        check_towers(2, Device("/GPU:0", ""))


def test_a_cluster_holds_towers_and_variables_where_it_says():
    """Rows and noise go to a worker, images never do; a variable is used where it is stored."""
    jobs = {"chief": ("a:1",), "worker": ("b:1", "c:1"), "ps": ("d:1", "e:1")}
    machines = Machines(Task(jobs, "chief", 0), "", 1.0)
    config = RunConfig(towers=3, batch_size=8, z_dim=5, h_dim=7, seed=1).resolved()
    system = SYSTEMS["vanilla"]
    with tf1.Graph().as_default() as graph, tf1.device(machines.placed("/CPU:0")):
        gan = build_gan(system, config, 1)
        loop = build_loop(system, config, gan, (20, 784))
    at = [device(task) for task in machines.task.towers]
    assert [images.device for images in loop.images] == at
    held = [variable.device for variable in graph.get_collection(tf1.GraphKeys.GLOBAL_VARIABLES)]
    assert {*held} == {device(("ps", 0)), device(("ps", 1))}
    functions = [graph._get_function(name).graph for name in graph._functions]
    body = max(functions, key=lambda function: len(function.get_operations()))
    home = {id(inner): outer.device for outer, inner in body.captures}
    sent = set()
    for op in body.get_operations():
        for tensor in op.inputs:
            if tensor.dtype == tf1.resource:
                # TensorFlow puts an operation without a device where the variable is.
                assert op.device in ("", home[id(tensor)]), op
            elif tensor.op.device == at[0] and op.device in at[1:]:
                sent.add(tuple(tensor.shape.as_list()))
        if op.name.startswith("tower_1/") and not any(t.dtype == tf1.resource for t in op.inputs):
            assert op.device == at[1], op
    # 8 images in pieces of 3, 3 and 2.
    assert {(3,), (3, 5)} <= sent
    assert (3, 784) not in sent
