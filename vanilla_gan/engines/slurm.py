"""The tasks of a Slurm step: `--cluster slurm`; does not load TensorFlow.

TensorFlow's own SlurmClusterResolver sorts the machines by name, but Slurm numbers the processes in
the order of its own list: n9 and n10 would each get the other's address. It also needs GPUs. So
this module lets `scontrol`, a program of Slurm, read the list of machines.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping

from vanilla_gan.engines.task import Task, task_of_hosts
from vanilla_gan.errors import UsageError

PORT = 2222
_PORT = re.compile(r"slurm(?::([0-9]{1,5}))?", re.ASCII)
# How Slurm writes the numbers of processes on the machines: 2(x3),1 for 2, 2, 2, 1.
_COUNT = re.compile(r"([0-9]{1,5})(?:\(x([0-9]{1,5})\))?", re.ASCII)
_TIMEOUT_S = 60.0


def is_slurm(cluster: str) -> bool:
    """Returns whether `--cluster` means Slurm: `slurm`, or `slurm:PORT`."""
    return _PORT.fullmatch(cluster) is not None


def task_of_step(cluster: str, environment: Mapping[str, str]) -> Task | None:
    """Returns which task of a Slurm step this process is; None if it is alone.

    Args:
      cluster: `slurm`, or `slurm:PORT`; the first process on a machine uses that port, others there
        use the next ones.
      environment: as `srun` sets it.

    Raises:
      UsageError: this is not a process of a step, or the step's machines cannot be listed.
    """
    match = _PORT.fullmatch(cluster)
    assert match is not None
    source = f"--cluster={cluster}"

    def said(*names: str) -> str:
        for name in names:
            if environment.get(name):
                return environment[name]
        raise UsageError(
            f"{source}: {names[0]} is not in the environment; start the program with srun, in a "
            "Slurm job"
        )

    index = said("SLURM_PROCID")
    listed = said("SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST")
    counted = said("SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE")
    counts = [
        int(count)
        for part in map(_COUNT.fullmatch, counted.split(","))
        if part is not None
        for count in [part[1]] * int(part[2] or 1)
    ]
    hosts = _hosts(listed, source)
    if len(hosts) != len(counts) or not index.isdecimal():
        raise UsageError(
            f"{source}: the environment does not describe a step of srun: it has {len(hosts)} "
            f"machines ({listed}), {counted!r} processes on them, and {index!r} as the number of "
            "this process; start the program with srun"
        )
    pairs = list(zip(hosts, counts, strict=True))
    places = [(str(node), str(k)) for node, count in enumerate(counts) for k in range(count)]
    own = environment.get("SLURM_NODEID"), environment.get("SLURM_LOCALID")
    if None not in own and int(index) < len(places) and own != places[int(index)]:
        raise UsageError(
            f"{source}: process {index} is number {own[1]} on machine {own[0]} of the step; "
            "expected consecutive numbers on each machine; give srun --distribution block"
        )
    return task_of_hosts(pairs, int(match[1] or PORT), int(index), source)


def _hosts(listed: str, source: str) -> list[str]:
    """Returns the machines of a Slurm list such as `n[9-10]`, in its order."""
    try:
        found = subprocess.run(
            ["scontrol", "show", "hostnames", listed],
            capture_output=True,
            text=True,
            check=True,
            timeout=_TIMEOUT_S,
        )
    except subprocess.CalledProcessError as error:
        why = " ".join(error.stderr.split()) or f"status {error.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    else:
        return found.stdout.split()
    raise UsageError(
        f"{source}: scontrol cannot list the machines of {listed}: {why}; check the Slurm job"
    )
