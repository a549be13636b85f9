"""`tf`: the TensorFlow 1.x interface of the installed TensorFlow 2, loaded on first use.

`import tensorflow` takes seconds. A module with `from vanilla_gan.graph.tf1 import tf` does not pay
for it until it uses `tf`, so that `--help`, wrong flags and finished runs answer at once. No switch
of TensorFlow's behaviour is changed: this package builds its graphs in `tf.Graph().as_default()`.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

from vanilla_gan.graph.processor import ONEDNN_SWITCH, has_instructions


class _LazyModule(types.ModuleType):
    """Stands in for a module until one of its names is asked for."""

    def __getattr__(self, name: str) -> Any:
        module = _loaded(self.__name__)
        # From now on, every name is found without a call of this method.
        self.__dict__.update(module.__dict__)
        return getattr(module, name)


def _loaded(name: str) -> types.ModuleType:
    """Imports a module of TensorFlow; the first import takes 1.5 s instead of 2.1, measured.

    TensorFlow sees what `set_environment` sets, unless it was loaded earlier.

    Python's garbage collector makes the difference: it would go through all the new objects again
    and again, although hardly any ever become garbage. It is off during the import, and ignores
    them afterwards, too, when a plot of some thousand objects sets it off (0.15 s instead of 0.3).
    """
    if "tensorflow" in sys.modules:
        return importlib.import_module(name)
    set_environment()
    with _uninterrupted():
        if not gc.isenabled():
            return importlib.import_module(name)
        gc.disable()
        try:
            return importlib.import_module(name)
        finally:
            gc.freeze()
            gc.enable()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Lets an interrupt wait until the block is over, where it would be a KeyboardInterrupt in it.

    Half of TensorFlow cannot be loaded again: its modules register operations once in a process.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if came:
        signal.raise_signal(signal.SIGINT)


def set_environment() -> None:
    """Sets the environment variables that TensorFlow reads when it is loaded, if they are unset."""
    # Otherwise TensorFlow 2.21 gives all sessions of a process the threads of the first device that
    # is created in it. That one folds constants while a graph is built, and has as many threads as
    # there are cores, so --intra_op_threads would have no effect.
    os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")
    # By default TensorFlow uses oneDNN only on processors with AVX-512. With AVX2 its own kernels
    # take one and a half times as long, and twice as long for a convolution. With AVX only, there
    # is no difference; without AVX, oneDNN is slower (docs/speed.md).
    if has_instructions("avx2"):
        os.environ.setdefault(ONEDNN_SWITCH, "1")


def load_tensorflow() -> None:
    """Loads TensorFlow now, for callers that need to know when that happens."""
    getattr(tf, "Graph")  # noqa: B009 - any name will do


tf: Any = _LazyModule("tensorflow.compat.v1")


def told_reason(error: Exception) -> str:
    """Returns what TensorFlow says went wrong, without the traces around it.

    An operation's error has the reason on the line after the last one that names a node. If the
    reason is a file system's, it follows the name of the file there.
    """
    lines = str(error).splitlines()
    for before, line in reversed([*itertools.pairwise(lines)]):
        if before.startswith("Node: "):
            return line.rpartition("; ")[2].strip()
    return " ".join(" ".join(lines).split())[:200]
