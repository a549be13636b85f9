"""The Wasserstein GAN: the vanilla networks, a critic with clipped weights, RMSProp, five steps.

Source: wiseodd/generative-models, `GAN/wasserstein_gan/wgan_tensorflow.py`; after Arjovsky et al.
2017 (https://arxiv.org/abs/1701.07875). Differences: those of `vanilla`; `D_loss` is what D
minimises, where the listing prints its negative; a picture is drawn before the update of its
iteration, where the listing draws it after; and the weights are clipped after each step, as in the
paper. The listing runs step and clipping together, in no set order: see docs/porting.md.
"""

from __future__ import annotations

import dataclasses

from vanilla_gan.systems import vanilla

SYSTEM = dataclasses.replace(
    vanilla.SYSTEM,
    source="https://github.com/wiseodd/generative-models, GAN/wasserstein_gan/wgan_tensorflow.py",
    defaults={
        **vanilla.SYSTEM.defaults,
        "batch_size": 32,
        "z_dim": 10,
        "learning_rate": 1e-4,
        "adam_epsilon": 1e-10,
    },
    published={
        "loss": "wgan",
        "init": "xavier_normal",
        "optimizer": "rmsprop",
        "D_steps": 5,
        "clip_weights": 0.01,
    },
)
