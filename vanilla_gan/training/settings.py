"""The settings of `./run.sh train` and `fork`: those of a run, and those of the command only."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from vanilla_gan.declare import PATH, at_least, setting
from vanilla_gan.engines.slurm import is_slurm, task_of_step
from vanilla_gan.engines.task import ROLES, Task, task_in_file, task_of
from vanilla_gan.errors import UsageError
from vanilla_gan.settings import RunConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig(RunConfig):
    """The settings of a run, plus which task of which cluster this is; no run records that."""

    cluster: str | None = setting(
        None,
        "to train on several machines: a JSON file with the addresses of all tasks, or slurm; "
        "instead of TF_CONFIG",
        PATH,
        effect="machine",
        group="On several machines",
    )
    job: str | None = setting(
        None,
        "role of this task in --cluster FILE: chief, worker or ps",
        choices=tuple(ROLES),
        effect="machine",
    )
    task: int | None = setting(
        None, "number of this task within its role, from 0", at_least(0), effect="machine"
    )

    def of_process(self, environment: Mapping[str, str]) -> Task | None:
        """Returns the task that this process is; None if it trains alone.

        Raises:
          UsageError: what describes it is wrong, or there are two descriptions.
        """
        if self.cluster is None:
            for name in ("job", "task"):
                if getattr(self, name) is not None:
                    raise UsageError(
                        f"--{name} says which task of --cluster this is; give --cluster too, or "
                        f"leave --{name} out"
                    )
            return task_of(environment)
        if environment.get("TF_CONFIG", "").strip():
            raise UsageError(
                f"--cluster={self.cluster}: TF_CONFIG describes a cluster already; unset it, or "
                "leave --cluster out"
            )
        if not is_slurm(self.cluster):
            return task_in_file(self.cluster, self.job, self.task)
        for name in ("job", "task"):
            if getattr(self, name) is not None:
                raise UsageError(
                    f"--{name} does not apply to --cluster={self.cluster}, because Slurm says "
                    "which task this is; leave it out"
                )
        return task_of_step(self.cluster, environment)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForkConfig(RunConfig):
    """What the new run has of its own; the parent decides the rest."""

    out: str = setting(
        "",
        "folder for the new run; it must be empty, or not exist",
        PATH,
        effect="keeping",
        group="Results",
        missing="expected a folder for the new run",
        common=True,
    )
    source: str = setting(
        "",
        "the parent: one of its checkpoints, or its folder for the newest",
        PATH,
        group="Where it begins",
        flag="from",
        missing="expected the folder of a run, or OUT/checkpoints/N",
        common=True,
    )
