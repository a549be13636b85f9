"""Describes the machine that benchmarks ran on: what its speed depends on, and not whose it is."""

from __future__ import annotations

import os
import pathlib
import platform
import subprocess

# Instruction sets that decide which kernels a library picks.
_VECTORS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile", "amx_bf16")


def describe(device: str = "cpu") -> list[str]:
    """Returns lines of plain text: GPU if used, processor, cores, memory, system, load."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return [
        *([f"GPU: {_gpu()}"] if device == "gpu" else []),
        f"processor: {_processor()}",
        f"cores: {usable_cores()}",
        f"memory: {memory / 2**30:.0f} GiB",
        f"system: {platform.system()}, {platform.machine()}, {' '.join(platform.libc_ver())}",
        f"load when the measurement began: {os.getloadavg()[0]:.1f}",
    ]


def usable_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    fields: dict[str, str] = {}
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().split("\n\n")[0].splitlines():
            name, _, value = line.partition(":")
            fields[name.strip()] = value.strip()
    # A rented machine may hide the model's name, but not its family.
    name = fields.get("model name") or platform.processor() or "unknown"
    family = f"family {fields.get('cpu family', '?')}, model {fields.get('model', '?')}"
    vectors = [flag for flag in _VECTORS if flag in fields.get("flags", "").split()]
    return f"{name} ({family}; {', '.join(vectors) or 'no wide vectors'})"


def _gpu() -> str:
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"unknown: {error}"
