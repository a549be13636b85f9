"""The machine that computes: processor, TensorFlow, oneDNN, threads, device, in one line."""

from __future__ import annotations

import os
import platform

from vanilla_gan.engines.session import Device
from vanilla_gan.graph.processor import cpuinfo, onednn_is_on
from vanilla_gan.graph.tf1 import tf

_ISA = "ONEDNN_MAX_CPU_ISA"


def describe_machine(device: Device, intra_op_threads: int, inter_op_threads: int) -> str:
    """Returns one line that says what decides how numbers are rounded here."""
    fields = cpuinfo()
    name = fields.get("model name") or platform.processor() or platform.machine()
    flags = fields.get("flags", "").split()
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "no AVX2"
    if _ISA in os.environ:
        vectors += f", {_ISA}={os.environ[_ISA]}"
    threads = " and ".join(
        f"{count or 'its own choice of'} {what}"
        for count, what in (
            (intra_op_threads, "threads within an operation"),
            (inter_op_threads, "operations at a time"),
        )
    )
    onednn = "on" if onednn_is_on() else "off"
    return (
        f"{name} ({vectors}); TensorFlow {tf.__version__}, oneDNN {onednn}; {threads}; "
        f"{device.name} ({device.reason})"
    )
