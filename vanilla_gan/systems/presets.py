"""Presets: one word for several settings, with a row for each system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Huang et al. 2024 (https://arxiv.org/abs/2501.05441): the relativistic loss with both penalties
# works where one penalty fails, with an Adam of short memory; Yazici et al. 2018
# (https://arxiv.org/abs/1806.04498): samples from averaged weights.
_BALANCED = {
    "loss": "relativistic",
    "r1": 0.3,
    "r2": 0.3,
    "beta1": 0.0,
    "beta2": 0.99,
    "ema": 0.999,
}
_TWO_LAYERS = {**_BALANCED, "learning_rate": 5e-4, "h_dim": (512, 512), "batch_size": 128}

# By preset, system and setting. A setting that a row does not name keeps the system's own value.
PRESETS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "published": {},
    "stable": {
        "vanilla": _TWO_LAYERS,
        "conditional": _TWO_LAYERS,
        "layers": _TWO_LAYERS,
        "wgan": {**_TWO_LAYERS, "adam_epsilon": 1e-8},
        "wgan_gp": _TWO_LAYERS,
        "lsgan": _TWO_LAYERS,
        "infogan": _TWO_LAYERS,
        "acgan": _TWO_LAYERS,
        "goodfellow2014": {**_TWO_LAYERS, "dropout_rate": 0.0},
        "conv": {**_BALANCED, "learning_rate": 2e-4, "dropout_rate": 0.0},
    },
}
