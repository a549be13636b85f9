"""`--precision bfloat16`: where it runs, what it changes, and what stays float32."""

from __future__ import annotations

import numpy as np
import pytest
from bfloat16 import CPU, needs_bfloat16
from offline import read_variables, train

from vanilla_gan.engines.session import Device, check_precision, config_proto, open_session
from vanilla_gan.errors import DeviceError
from vanilla_gan.generator.generator import Generator
from vanilla_gan.graph import processor
from vanilla_gan.graph.gan import owned_variables
from vanilla_gan.graph.objective import objective
from vanilla_gan.graph.passes import Batch, forward
from vanilla_gan.graph.separate_images import gradients_of_separate_images
from vanilla_gan.graph.system import Simultaneous
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.settings import RunConfig
from vanilla_gan.systems import SYSTEMS


@pytest.mark.parametrize(
    ("flags", "computes"),
    [
        ("fpu avx512f avx512_bf16 sse2", True),
        ("fpu amx_bf16", True),
        ("fpu avx2 fma", False),
        ("avx512_bf16x", False),
        ("", False),
    ],
)
def test_only_processors_with_the_instructions(monkeypatch, tmp_path, flags, computes):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nbugs : amx_bf16\nflags\t\t: {flags}\npower : \n")
    monkeypatch.setattr(processor, "_CPUINFO", cpuinfo)
    check_precision("float32", CPU)
    if computes:
        check_precision("bfloat16", CPU)
    else:
        with pytest.raises(DeviceError, match="neither AVX512-BF16 nor AMX-BF16") as raised:
            check_precision("bfloat16", CPU)
        assert "\n" not in str(raised.value)


def test_a_system_that_does_not_say_is_taken_to_have_none(monkeypatch, tmp_path):
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "missing")
    with pytest.raises(DeviceError, match="only emulate"):
        check_precision("bfloat16", CPU)


def test_not_on_a_gpu():
    with pytest.raises(DeviceError, match="placed on /GPU:1"):
        check_precision("bfloat16", Device("/GPU:1", "a test"))


def test_only_bfloat16_switches_the_rewriter_on():
    def rewriter(precision: str) -> int:
        proto = config_proto(RunConfig(precision=precision), CPU)
        return proto.graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16

    assert rewriter("float32") == 0  # DEFAULT
    assert rewriter("bfloat16") == 1  # ON


@pytest.fixture(scope="module", params=["loop", "feed"])
def both(request, offline_data_dir, tmp_path_factory):
    """Returns the same run in float32 and in bfloat16, 40 iterations."""
    folder = tmp_path_factory.mktemp("precision")
    settings = {"seed": 3, "iters": 40, "sample_every": 20, "log_every": 1}
    return [
        train(
            folder / precision,
            offline_data_dir,
            engine=request.param,
            precision=precision,
            **settings,
        )
        for precision in ("float32", "bfloat16")
    ]


@needs_bfloat16
def test_losses_are_near_those_of_float32_but_not_the_same(both):
    exact, rounded = (np.loadtxt(run.out / "losses.csv", delimiter=",", skiprows=1) for run in both)
    np.testing.assert_allclose(rounded[:5], exact[:5], rtol=0.02)
    # A precision of 8 bits shows at once: this is not float32 under another name.
    assert np.abs(rounded[1:10, 1] / exact[1:10, 1] - 1.0).max() > 1e-5


@needs_bfloat16
def test_weights_and_both_adams_stay_float32(both):
    saved = read_variables(both[1].out, 40)
    assert {value.dtype for value in saved.values()} == {np.dtype(np.float32)}
    # In bfloat16, an update of 1e-3 on a weight of 0.1 would be rounded to steps of 5e-4.
    low_bits = saved["D_W1"].view(np.uint32) & 0xFFFF
    assert np.count_nonzero(low_bits) > 0.9 * low_bits.size


@needs_bfloat16
def test_what_was_trained_is_used_in_float32(both):
    Z = np.random.RandomState(5).uniform(-1, 1, [7, 100]).astype(np.float32)
    variables = read_variables(both[1].out, 40)
    hidden = np.maximum(Z @ variables["G_W1"] + variables["G_b1"], 0)
    expected = 1 / (1 + np.exp(-(hidden @ variables["G_W2"] + variables["G_b2"])))
    with Generator.load(both[1].out) as generator:
        np.testing.assert_allclose(generator(Z).reshape(7, 784), expected, atol=2e-6)


@needs_bfloat16
def test_the_same_seed_gives_the_same_bits(offline_data_dir, tmp_path):
    runs = [
        train(
            tmp_path / name,
            offline_data_dir,
            precision="bfloat16",
            seed=4,
            iters=30,
            log_every=1,
        )
        for name in ("one", "two")
    ]
    one, two = ((run.out / "losses.csv").read_bytes() for run in runs)
    assert one == two


def _gradients(name, precision):
    """Returns the gradients of training by name, for a batch of random images and fixed weights."""
    system, stream = SYSTEMS[name], np.random.RandomState(0)
    config = RunConfig(system=name, precision=precision, seed=0).resolved().counted(55_000)
    batch, z_dim = config.resolved_int("batch_size"), config.resolved_int("z_dim")
    X, Z = stream.rand(batch, 784) ** 3, stream.uniform(-1, 1, (batch, z_dim))
    y = np.eye(10)[stream.randint(0, 10, batch)] if system.conditional else None
    with tf.Graph().as_default() as graph:
        X, Z, y = (
            value if value is None else tf.constant(value, tf.float32) for value in (X, Z, y)
        )
        batch = Batch(X, Z, Z, y, tf.constant(3, tf.int64))
        passes = forward(system, config, batch, reuse=False)
        goal = objective(system, config, passes)
        theta_D, theta_G, _ = owned_variables(system.theta_D, system.theta_G, system.theta_Q)
        if isinstance(system.update, Simultaneous):
            by_D, by_G = gradients_of_separate_images(passes, goal, theta_D, theta_G)
        else:
            by_D, by_G = tf.gradients(goal.D_loss, theta_D), tf.gradients(goal.G_loss, theta_G)
        with open_session(graph, config, CPU) as opened:
            opened.run(tf.global_variables_initializer())
            # At the start D is nearly undecided, and the gradients of its two losses nearly cancel.
            for variable in [*theta_D, *theta_G]:
                noise = stream.normal(0, 0.02, variable.shape.as_list())
                opened.run(variable.assign_add(noise.astype(np.float32)))
            names = [variable.op.name for variable in [*theta_D, *theta_G]]
            return opened.run(dict(zip(names, [*by_D, *by_G], strict=True)))


@needs_bfloat16
@pytest.mark.parametrize("system", SYSTEMS)
def test_each_gradient_is_near_that_of_float32(system):
    exact, rounded = (_gradients(system, precision) for precision in ("float32", "bfloat16"))
    for name, gradient in exact.items():
        error = np.linalg.norm(rounded[name] - gradient)
        # A bias sums up what was rounded once; a kernel far back, what was rounded many times. So
        # does a bias before a maxout, which may also take another piece.
        limit = 0.04 if "b" in name.rpartition("/")[2] and system != "goodfellow2014" else 0.12
        # D's last bias sums up derivatives between -1 and 1, which nearly or, in a Wasserstein
        # critic, exactly cancel.
        rest = 2e-3 if gradient.shape == (1,) else 0.0
        assert error <= limit * np.linalg.norm(gradient) + rest, f"{name}: off by {error}"
