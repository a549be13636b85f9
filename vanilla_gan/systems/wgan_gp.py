"""The improved Wasserstein GAN: a penalty on the critic's slope, not the clipped weights of `wgan`.

Source: wiseodd/generative-models, `GAN/improved_wasserstein_gan/wgan_gp_tensorflow.py`; after
Gulrajani et al. 2017 (https://arxiv.org/abs/1704.00028). Differences: those of `vanilla`; a picture
is drawn before the update of its iteration, where the listing draws it after; the points between
images and samples follow from seed and iteration, where the listing leaves them to the state of an
operation; and 1e-12 is added below the root of a slope, so that its derivative is finite at 0.
"""

from __future__ import annotations

import dataclasses

from vanilla_gan.systems import vanilla

SYSTEM = dataclasses.replace(
    vanilla.SYSTEM,
    source="https://github.com/wiseodd/generative-models, "
    "GAN/improved_wasserstein_gan/wgan_gp_tensorflow.py",
    defaults={**vanilla.SYSTEM.defaults, "batch_size": 32, "z_dim": 10, "learning_rate": 1e-4},
    published={
        "loss": "wgan",
        "init": "xavier_normal",
        "beta1": 0.5,
        "D_steps": 5,
        "wgan_gp": 10.0,
    },
)
