"""Tests of sessions: the ConfigProto of each combination of flags, and where the graph runs."""

from __future__ import annotations

import itertools
import os

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import kernels

from vanilla_gan.engines import session
from vanilla_gan.engines.model import open_model
from vanilla_gan.engines.session import Device, choose_device, config_proto, visible_gpus
from vanilla_gan.errors import DeviceError
from vanilla_gan.generator import trained
from vanilla_gan.graph import processor
from vanilla_gan.graph.gan import build_gan
from vanilla_gan.graph.tf1 import set_environment
from vanilla_gan.graph.tf1 import tf as tf1
from vanilla_gan.runfolder.record import read_record
from vanilla_gan.settings import ENGINES, RunConfig
from vanilla_gan.systems import SYSTEMS

CPU = Device("/CPU:0", "a test")
ON_CPU = "/job:localhost/replica:0/task:0/device:CPU:0"
SIZES = {"h_dim": 13, "z_dim": 7, "batch_size": 11, "seed": 0}


@pytest.mark.parametrize("device", ["/CPU:0", "/GPU:0", "/GPU:1"])
@pytest.mark.parametrize("fraction", [None, 0.25, 1.0])
@pytest.mark.parametrize(("intra", "inter"), [(0, 0), (1, 0), (3, 5)])
def test_the_config_proto_of_each_combination(device, fraction, intra, inter):
    switches = ("allow_growth", "allow_soft_placement", "log_device_placement")
    for values in itertools.product([False, True], repeat=3):
        flags = dict(zip(switches, values, strict=True))
        config = RunConfig(
            gpu_memory_fraction=fraction, intra_op_threads=intra, inter_op_threads=inter, **flags
        )
        # As it would be written by hand.
        expected = tf.compat.v1.ConfigProto(
            allow_soft_placement=flags["allow_soft_placement"],
            log_device_placement=flags["log_device_placement"],
            intra_op_parallelism_threads=intra,
            inter_op_parallelism_threads=inter,
            gpu_options=tf.compat.v1.GPUOptions(
                allow_growth=flags["allow_growth"],
                per_process_gpu_memory_fraction=fraction or 0.0,
            ),
        )
        if device == "/CPU:0":
            # A run on the CPU must take no GPU memory.
            expected.device_count["GPU"] = 0
        got = config_proto(config, Device(device, ""))
        assert got == expected
        assert ("GPU" in got.device_count) == (device == "/CPU:0")


ONE, THREE = ["GPU:0"], ["GPU:0", "GPU:1", "GPU:2"]


@pytest.mark.parametrize(
    ("setting", "gpus", "name", "reason"),
    [
        ("auto", [], "/CPU:0", "TensorFlow sees no GPU"),
        ("auto", ONE, "/GPU:0", "TensorFlow sees GPU:0"),
        ("auto", THREE, "/GPU:0", "TensorFlow sees GPU:0, GPU:1, GPU:2"),
        ("cpu", [], "/CPU:0", "asked for"),
        ("cpu", THREE, "/CPU:0", "asked for"),
        ("gpu", ONE, "/GPU:0", "asked for"),
        ("gpu", THREE, "/GPU:0", "asked for"),
        ("gpu:0", ONE, "/GPU:0", "asked for"),
        ("gpu:2", THREE, "/GPU:2", "asked for"),
    ],
)
def test_the_device_that_is_chosen(monkeypatch, setting, gpus, name, reason):
    monkeypatch.setattr(session, "visible_gpus", lambda: gpus)
    assert choose_device(setting) == Device(name, reason)


@pytest.mark.parametrize(
    ("setting", "gpus", "sees"),
    [
        ("gpu", [], "no GPU (only the CPU)"),
        ("gpu:0", [], "no GPU (only the CPU)"),
        ("gpu:1", ONE, "GPU:0"),
        ("gpu:3", THREE, "GPU:0, GPU:1, GPU:2"),
    ],
)
def test_a_gpu_that_is_not_there(monkeypatch, setting, gpus, sees):
    monkeypatch.setattr(session, "visible_gpus", lambda: gpus)
    with pytest.raises(DeviceError) as caught:
        choose_device(setting)
    line = str(caught.value)
    assert line.startswith(f"--device={setting}: TensorFlow {tf.__version__} sees {sees} here;")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("flags", "environment", "expected"),
    [
        ("fpu sse4_1 avx avx2 fma", {}, "1"),
        ("fpu sse4_1 avx avx2 fma avx512f", {}, "1"),
        ("fpu sse4_1 avx", {}, None),
        ("fpu avx2", {"TF_ENABLE_ONEDNN_OPTS": "0"}, "0"),
        (None, {}, None),
    ],
)
def test_the_processor_decides_about_onednn(monkeypatch, tmp_path, flags, environment, expected):
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        one = f"processor\t: 0\nmodel name\t: Some\nflags\t\t: {flags}\n"
        cpuinfo.write_text(f"{one}\n{one}")
    monkeypatch.setattr(processor, "_CPUINFO", cpuinfo)
    monkeypatch.setattr(os, "environ", dict(environment))
    set_environment()
    assert os.environ.get("TF_ENABLE_ONEDNN_OPTS") == expected
    assert os.environ["TF_OVERRIDE_GLOBAL_THREADPOOL"] == "1"


def test_tensorflow_has_what_was_asked_for():
    asked_for = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
    assert asked_for is None or processor.onednn_is_on() == (asked_for == "1")


def test_what_this_machine_has():
    gpus = visible_gpus()
    assert gpus == [f"GPU:{number}" for number in range(len(gpus))]
    assert choose_device("cpu").name == "/CPU:0"
    assert choose_device("auto").name == ("/GPU:0" if gpus else "/CPU:0")
    with pytest.raises(DeviceError, match=r"--device=gpu:\d+: TensorFlow .* sees "):
        choose_device(f"gpu:{len(gpus)}")


def batch(rows=11):
    stream = np.random.RandomState(0)
    X_mb = np.float32(stream.uniform(0, 1, (rows, 784)))
    return X_mb, np.float32(stream.uniform(-1, 1, (rows, 7)))


def devices_of(run_metadata):
    """Returns the devices on which TensorFlow ran nodes, with the number of nodes on each."""
    devices = [node.device for graph in run_metadata.partition_graphs for node in graph.node]
    return {device: devices.count(device) for device in set(devices)}


def traced(opened, fetches, feed_dict=None):
    metadata = tf1.RunMetadata()
    options = tf1.RunOptions(output_partition_graphs=True)
    opened.run(fetches, feed_dict=feed_dict, options=options, run_metadata=metadata)
    return devices_of(metadata)


def steps(model, engine):
    """Returns fetches and feeds of each `session.run` of an engine's iteration."""
    X_mb, Z_mb = batch()
    gan, loop = model.gan, model.loop
    if engine == "feed":
        return [
            ([gan.D_solver, gan.D_loss], {gan.X: X_mb, gan.Z: Z_mb}),
            ([gan.G_solver, gan.G_loss], {gan.Z: Z_mb}),
            (gan.G_sample, {gan.Z: Z_mb}),
        ]
    model.session.run([images.initializer for images in loop.images])
    feeds = {loop.rows: np.zeros((2, 11), np.int32)}
    feeds |= {loop.Z_D: np.stack([Z_mb] * 2), loop.Z_G: np.stack([Z_mb] * 2)}
    return [([*loop.scalars.values()], feeds)]


@pytest.mark.parametrize("engine", ENGINES)
def test_on_the_cpu_every_operation_lands_there(engine):
    images_shape = (17, 784) if engine == "loop" else None
    with open_model(RunConfig(**SIZES).resolved(), CPU, images_shape) as model:
        assert set(traced(model.session, model.gan.init)) == {ON_CPU}
        for fetches, feeds in steps(model, engine):
            devices = traced(model.session, fetches, feeds)
            assert set(devices) == {ON_CPU}
            assert devices[ON_CPU] > 10
        # No GPU is touched, even if there is one.
        assert not [d for d in model.session.list_devices() if d.device_type == "GPU"]


@pytest.mark.parametrize("engine", ENGINES)
def test_on_a_gpu_the_arithmetic_lands_there(engine):
    gpus = visible_gpus()
    if not gpus:
        pytest.skip("needs a GPU")
    images_shape = (17, 784) if engine == "loop" else None
    device = Device(f"/GPU:{len(gpus) - 1}", "a test")
    with open_model(RunConfig(**SIZES).resolved(), device, images_shape) as model:
        model.initialise()
        for fetches, feeds in steps(model, engine):
            metadata = tf1.RunMetadata()
            options = tf1.RunOptions(output_partition_graphs=True)
            model.session.run(fetches, feed_dict=feeds, options=options, run_metadata=metadata)
            found = {
                node.device.rpartition("device:")[2]
                for graph in metadata.partition_graphs
                for node in graph.node
                if "MatMul" in node.op or node.op == "ResourceApplyAdam"
            }
            assert found == {device.name.removeprefix("/")}


def test_a_graph_is_pinned_to_the_device_it_was_built_for():
    config = RunConfig(**SIZES).resolved()
    with tf.Graph().as_default() as graph, tf1.device("/GPU:1"):
        build_gan(SYSTEMS["vanilla"], config, config.seed)
    pinned = {op.device for op in graph.get_operations() if op.device}
    assert pinned == {"/device:GPU:1"}
    # The rest goes where its variable is: TensorFlow keeps reads and initial values with it.
    for op in graph.get_operations():
        if not op.device:
            assert op.type == "ReadVariableOp" or "/Initializer/" in op.name, op.name
            assert op.colocation_groups()
    kinds = {op.type for op in graph.get_operations() if op.device}
    assert {"Placeholder", "VarHandleOp", "MatMul", "Sigmoid", "ResourceApplyAdam"} <= kinds


def test_a_trained_generator_is_pinned_to_its_device(trained_run, monkeypatch):
    run, pinned, build = trained_run("vanilla"), set(), trained.build_inference

    def built(*words):
        found = build(*words)
        pinned.update(op.device for op in tf1.get_default_graph().get_operations() if op.device)
        return found

    monkeypatch.setattr(trained, "build_inference", built)
    with trained.open_networks(read_record(run), run, Device("/GPU:1", "a test")):
        pass
    assert pinned == {"/device:GPU:1"}


# These cures draw random numbers in the graph.
@pytest.mark.parametrize(
    ("system", "cures"),
    [
        *(
            pytest.param(system, {}, marks=[] if system == "layers" else pytest.mark.slow)
            for system in SYSTEMS
        ),
        ("vanilla", {"D_noise": 0.1, "dragan": 0.1}),
    ],
)
def test_every_operation_has_a_kernel_for_a_gpu(system, cures):
    """Without soft placement, an operation that has none ends the run.

    The graph of the loop contains that of the feed engine. This TensorFlow lists its kernels for a
    GPU whether there is a GPU or not.
    """
    # XLA compiles its own kernels.
    settings = {"system": system, "seed": 0, "tensorboard": True, "jit_compile": False, **cures}
    config = RunConfig(**settings).resolved()
    with open_model(config, Device("/GPU:0", "a test"), (17, 784)) as model:
        definition = model.session.graph.as_graph_def()
    # The loop's body is a function.
    for nodes in (
        definition.node,
        *(function.node_def for function in definition.library.function),
    ):
        pinned = [node for node in nodes if "GPU" in node.device]
        assert pinned
        assert {(node.op, node.name) for node in pinned if not has_gpu_kernel(node)} == set()


def has_gpu_kernel(node):
    """Returns whether a GPU kernel is registered that accepts the types of `node`."""
    return any(
        # "DEFAULT" is any device.
        kernel.device_type in ("GPU", "DEFAULT")
        and all(
            node.attr[constraint.name].type in constraint.allowed_values.list.type
            for constraint in kernel.constraint
        )
        for kernel in kernels.get_registered_kernels_for_op(node.op).kernel
    )


def absent_gpu():
    return Device(f"/GPU:{len(visible_gpus()) + 3}", "a test")


def test_soft_placement_moves_what_has_no_place():
    with open_model(RunConfig(**SIZES).resolved(), absent_gpu()) as model:
        assert all(d == ON_CPU or "GPU:0" in d for d in traced(model.session, model.gan.init))


def test_without_soft_placement_nothing_moves():
    config = RunConfig(**SIZES, allow_soft_placement=False).resolved()
    with (
        open_model(config, absent_gpu()) as model,
        pytest.raises(tf.errors.InvalidArgumentError, match="Cannot assign a device"),
    ):
        model.initialise()
