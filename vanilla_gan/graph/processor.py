"""The processor as Linux describes it, and whether TensorFlow computes with oneDNN on it."""

from __future__ import annotations

import pathlib
from typing import Any

_CPUINFO = pathlib.Path("/proc/cpuinfo")


def cpuinfo() -> dict[str, str]:
    """Returns what Linux says of the first processor; nothing where it does not say."""
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
    """Returns whether TensorFlow, which this loads, computes with oneDNN where it can."""
    # TensorFlow has no public name for it.
    from tensorflow.python.util import _pywrap_util_port as port

    build: Any = port
    return bool(build.IsMklEnabled())
