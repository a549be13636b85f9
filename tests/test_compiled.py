"""Tests of `--jit_compile`: the loop that XLA compiles trains as the plain loop does."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from offline import read_losses, train

from vanilla_gan.errors import DeviceError, UsageError
from vanilla_gan.graph import losses
from vanilla_gan.settings import RunConfig

SIZES = {"batch_size": 8, "z_dim": 5, "h_dim": 11}
CURED = {"D_steps": 2, "D_noise": 0.1, "D_dropout": 0.25, "dragan": 0.1, "ema": 0.75}


# XLA takes long to compile.
@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"system": "conditional", **CURED}])
def test_the_losses_are_those_of_the_loop(twenty_images, tmp_path, settings):
    given = {"seed": 11, "log_every": 1, "sample_every": 5, **SIZES, **settings}
    plain = train(tmp_path / "plain", twenty_images, iters=23, **given)
    # Pictures and the continued run cut blocks short, and those are padded to one size.
    for iters in (7, 23):
        compiled = train(
            tmp_path / "compiled", twenty_images, iters=iters, jit_compile=True, **given
        )
    np.testing.assert_allclose(
        read_losses(compiled.out), read_losses(plain.out), rtol=1e-4, atol=1e-6
    )


def test_what_xla_cannot_compile_is_one_line(twenty_images, tmp_path, monkeypatch):
    def loss(D_logit_real, D_logit_fake, real_label=1.0):
        found = losses.lsgan(D_logit_real, D_logit_fake, real_label)
        in_python = tf.numpy_function(np.float32, [tf.stop_gradient(found.D_loss)], tf.float32)
        return found._replace(D_loss=found.D_loss + 0 * tf.reshape(in_python, []))

    monkeypatch.setitem(losses.LOSSES, "lsgan", loss)
    with pytest.raises(DeviceError, match="--nojit_compile") as told:
        train(tmp_path / "out", twenty_images, iters=3, loss="lsgan", jit_compile=True, **SIZES)
    assert "PyFunc" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("other", [{"engine": "feed"}, {"precision": "bfloat16"}, {"towers": 2}])
def test_what_it_does_not_apply_to(other):
    with pytest.raises(UsageError, match=f"--jit_compile.*--{next(iter(other))}"):
        RunConfig(jit_compile=True, **other).resolved()
