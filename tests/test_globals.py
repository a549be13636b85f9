"""Tests that the package leaves everything as it was: TensorFlow, numpy, matplotlib, absl, Python.

One fresh process takes stock, imports every module, builds and trains graphs, and takes stock
again after each of these.
"""

from __future__ import annotations

import json
import textwrap

import pytest
from processes import python

CODE = textwrap.dedent("""
    import importlib.util, io, json, logging, os, pkgutil, random, signal, sys, threading, warnings
    import matplotlib, numpy as np, tensorflow as tf
    from absl import flags
    from tensorflow.python import tf2
    from tensorflow.python.framework import config as tf_config, tensor

    default_graph = tf.compat.v1.get_default_graph()

    def stock():
        v1 = tf.compat.v1
        # What a user's own seeded program would draw next.
        state = np.random.get_state()
        return {
            "eager": tf.executing_eagerly(),
            "v2 behaviour": tf2.enabled(),
            "control flow v2": v1.control_flow_v2_enabled(),
            "resource variables": v1.resource_variables_enabled(),
            "tensor equality": tensor.Tensor._USE_EQUALITY,
            "v2 tensor shapes": v1.TensorShape([1])[0] == 1,
            "default graph": v1.get_default_graph() is default_graph,
            "its operations": len(default_graph.get_operations()),
            "its collections": list(default_graph.get_all_collection_keys()),
            "its seed": default_graph.seed,
            "global seed": repr(tf.random.get_global_generator().state.numpy().tolist()),
            "variable scope": v1.get_variable_scope().name,
            "functions run eagerly": tf.config.functions_run_eagerly(),
            "soft placement": tf.config.get_soft_device_placement(),
            "threads": [tf.config.threading.get_intra_op_parallelism_threads(),
                        tf.config.threading.get_inter_op_parallelism_threads()],
            "determinism": tf_config.is_op_determinism_enabled(),
            "TensorFlow's log level": tf.get_logger().level,
            "absl flags": [sorted(flags.FLAGS), flags.FLAGS.is_parsed()],
            "numpy's random state": [state[1].tolist(), state[2]],
            "numpy's errors": np.geterr(),
            "numpy's printing": repr(np.get_printoptions()),
            "Python's random state": repr(random.getstate()),
            "matplotlib": {k: repr(v) for k, v in matplotlib.rcParams.items() if k != "backend"},
            "matplotlib's backend": matplotlib.rcParams._get("backend").__class__.__name__,
            "environment": dict(os.environ),
            "signals": [repr(signal.getsignal(s)) for s in (1, 2, 13, 15)],
            "log level": logging.getLogger().level,
            "log handlers": len(logging.getLogger().handlers),
            "warnings": repr(warnings.filters),
            "threads running": sorted(t.name for t in threading.enumerate()),
            "excepthook": sys.excepthook is sys.__excepthook__,
            "streams": [sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__],
            "folder": os.getcwd(),
        }

    np.random.seed(5)
    tf.random.set_seed(5)
    eager = [tf.random.uniform([3]).numpy().tolist() for _ in range(2)]
    tf.random.set_seed(5)
    stocks = {"at first": stock()}

    import vanilla_gan
    for module in pkgutil.walk_packages(vanilla_gan.__path__, "vanilla_gan."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    stocks["all modules imported"] = stock()

    from vanilla_gan.settings import ENGINES, RunConfig
    from vanilla_gan.graph.gan import build_gan
    from vanilla_gan.systems import SYSTEMS
    from vanilla_gan.training.host import Host
    from vanilla_gan.training.run import train

    for name, system in SYSTEMS.items():
        config = RunConfig(system=name, seed=3).resolved()
        with tf.Graph().as_default():
            build_gan(system, config, config.seed)
    stocks["graphs built"] = stock()

    for engine in ENGINES:
        config = RunConfig(
            engine=engine, iters=3, seed=3, h_dim=5, z_dim=3, batch_size=11, dataset="mnist",
            allow_unverified_data=True, data_dir=sys.argv[1], out=sys.argv[2] + engine,
        )
        train(config, Host(stdout=io.StringIO(), inform=lambda line: None))
    stocks["trained"] = stock()

    if importlib.util.find_spec("tf2onnx"):
        from vanilla_gan.generator.export import export
        from vanilla_gan.generator.settings import ExportConfig

        onnx = ExportConfig(source=config.out, out=sys.argv[2] + ".onnx", format="onnx")
        export(onnx, inform=lambda line: None)
    stocks["exported as ONNX"] = stock()

    # Eager TensorFlow draws what it would have drawn without all this.
    again = [tf.random.uniform([3]).numpy().tolist() for _ in range(2)]
    print(json.dumps({"stocks": stocks, "eager": eager, "again": again}))
""")


@pytest.fixture(scope="module")
def report(offline_data_dir, tmp_path_factory):
    out = tmp_path_factory.mktemp("globals") / "out"
    done = python("-c", CODE, offline_data_dir, out)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "when", ["all modules imported", "graphs built", "trained", "exported as ONNX"]
)
def test_everything_is_as_it_was(report, when):
    first, then = report["stocks"]["at first"], report["stocks"][when]
    changed = {name: (first[name], then[name]) for name in first if first[name] != then[name]}
    assert changed == {}


@pytest.mark.slow
def test_eager_tensorflow_draws_what_it_would_have_drawn(report):
    assert report["again"] == report["eager"]


@pytest.mark.parametrize("switch", ["enable", pytest.param("disable", marks=pytest.mark.slow)])
def test_loading_tensorflow_leaves_pythons_collector_on_or_off(switch):
    code = f"""
        import gc
        gc.{switch}()
        from vanilla_gan.graph.tf1 import tf
        tf.Graph
        assert gc.isenabled() == ({switch!r} == "enable")
        # Whoever has it on is spared to see TensorFlow's objects again.
        assert (gc.get_freeze_count() > 100_000) == gc.isenabled()
    """
    done = python("-c", textwrap.dedent(code))
    assert done.returncode == 0, done.stderr
