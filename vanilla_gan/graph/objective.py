"""The objective: the settings' loss, computed from the passes of both networks."""

from __future__ import annotations

from typing import Any

from vanilla_gan.graph.losses import LOSSES, Objective
from vanilla_gan.graph.passes import Passes
from vanilla_gan.graph.penalties import penalties
from vanilla_gan.graph.system import System
from vanilla_gan.graph.tf1 import tf


def objective(system: System, config: Any, passes: Passes) -> Objective:
    """Returns what the solvers minimise: the settings' loss, and what the program adds to it."""
    with tf.name_scope("losses"):
        goal = LOSSES[config.loss](
            passes.D_logit_real, passes.D_logit_fake, 1.0 - config.label_smoothing
        )
        return goal if system.objective is None else system.objective(goal, passes)


def with_penalties(config: Any, passes: Passes, goal: Objective) -> Objective:
    """Returns `goal` with the settings' penalties added to D_loss and, by name, to D_watched."""
    with tf.name_scope("penalties"):
        found = penalties(config, passes)
        if not found:
            return goal
        D_loss = tf.add_n([goal.D_loss, *found.values()])
    return goal._replace(D_loss=D_loss, D_watched={**goal.D_watched, **found})
