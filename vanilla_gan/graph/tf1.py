"""`tf`: the TensorFlow 1.x interface of the installed TensorFlow 2, loaded on first use.

`import tensorflow` takes seconds. A module that says `from vanilla_gan.graph.tf1 import tf` does
not pay for it until it touches `tf`, so that `--help`, wrong flags and finished runs answer at
once. No behaviour switch is thrown: the graphs of this package live in `tf.Graph().as_default()`.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import os
import sys
import types
from typing import Any

from vanilla_gan.graph.processor import ONEDNN_SWITCH, has_instructions


class _LazyModule(types.ModuleType):
    """Stands in for a module until one of its names is asked for."""

    def __getattr__(self, name: str) -> Any:
        module = _loaded(self.__name__)
        # From now on every name is found here without coming back.
        self.__dict__.update(module.__dict__)
        return getattr(module, name)


def _loaded(name: str) -> types.ModuleType:
    """Imports a module of TensorFlow; the first one in 1.5 s instead of 2.1, measured.

    TensorFlow finds what `set_environment` sets, unless somebody has loaded it before.

    The difference is Python's collector, which goes through all the new objects again and again,
    although hardly any will ever be garbage. It is off meanwhile, and leaves them alone later,
    too, when a plot of some thousand objects would set it off (0.15 s instead of 0.3).
    """
    if "tensorflow" in sys.modules:
        return importlib.import_module(name)
    set_environment()
    if not gc.isenabled():
        return importlib.import_module(name)
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def set_environment() -> None:
    """Sets what TensorFlow reads in the environment when it is loaded, where nobody has set it."""
    # Left to itself, TensorFlow 2.21 gives all sessions of a process the threads of the first
    # device that anything makes in it, which is one for folding constants while a graph is built,
    # with as many threads as there are cores: --intra_op_threads would mean nothing.
    os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")
    # By itself it multiplies with oneDNN only where there is AVX-512. With AVX2 its own kernels
    # need half as long again, and twice as long for a convolution; with AVX alone there is no
    # difference, and without that oneDNN is the slower one (docs/speed.md).
    if has_instructions("avx2"):
        os.environ.setdefault(ONEDNN_SWITCH, "1")


def load_tensorflow() -> None:
    """Loads TensorFlow now, for who wants to know when it happens."""
    getattr(tf, "Graph")  # noqa: B009 - any name will do


tf: Any = _LazyModule("tensorflow.compat.v1")


def told_reason(error: Exception) -> str:
    """Returns what TensorFlow says went wrong, without the traces around it.

    An error of an operation says it behind the last line that names a node, a file system's reason
    behind the name of the file.
    """
    lines = str(error).splitlines()
    for before, line in reversed([*itertools.pairwise(lines)]):
        if before.startswith("Node: "):
            return line.rpartition("; ")[2].strip()
    return " ".join(" ".join(lines).split())[:200]
