"""The processor as Linux describes it, and whether TensorFlow computes with oneDNN on it."""

from __future__ import annotations

import os
import pathlib
from typing import Any

# The environment variable that TensorFlow reads when it is loaded.
ONEDNN_SWITCH = "TF_ENABLE_ONEDNN_OPTS"
_CPUINFO = pathlib.Path("/proc/cpuinfo")


def cpuinfo() -> dict[str, str]:
    """Returns what Linux says about the first processor; an empty dict if it says nothing."""
    try:
        first = _CPUINFO.read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def has_instructions(name: str) -> bool:
    """Returns whether the processor has a set of instructions, such as "avx2"."""
    return name in cpuinfo().get("flags", "").split()


def onednn_is_on() -> bool:
    """Returns whether TensorFlow computes with oneDNN where it can; loads TensorFlow."""
    # TensorFlow has no public function for this.
    from tensorflow.python.util import _pywrap_util_port as port

    build: Any = port
    return bool(build.IsMklEnabled())


def missed_onednn() -> str | None:
    """Returns a warning if oneDNN would be faster and nobody has switched it off; else None."""
    if ONEDNN_SWITCH in os.environ or onednn_is_on() or not has_instructions("avx2"):
        return None
    return (
        "warning: TensorFlow was loaded before vanilla_gan and computes without oneDNN, so the run "
        f"takes up to twice as long; set {ONEDNN_SWITCH}=1 before TensorFlow is imported"
    )
