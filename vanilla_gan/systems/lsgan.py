"""The least squares GAN: the vanilla networks, logits pulled to 1 and 0, three steps of D.

Source: wiseodd/generative-models, `GAN/least_squares_gan/lsgan_tensorflow.py`; after Mao et al.
2017 (https://arxiv.org/abs/1611.04076). Before G's step the listing draws a batch and noise that it
does not use, and so does this system. Differences: those of `vanilla`; and a picture is drawn
before the update of its iteration, where the listing draws it after.
"""

from __future__ import annotations

import dataclasses

from vanilla_gan.graph.system import Draws
from vanilla_gan.systems import vanilla

SYSTEM = dataclasses.replace(
    vanilla.SYSTEM,
    source="https://github.com/wiseodd/generative-models, "
    "GAN/least_squares_gan/lsgan_tensorflow.py",
    defaults={**vanilla.SYSTEM.defaults, "batch_size": 32, "z_dim": 64},
    published={"loss": "lsgan", "init": "xavier_normal", "D_steps": 3},
    draws=Draws(unused=True),
)
