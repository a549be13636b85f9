"""The update: what an iteration does to both networks, and in which order; both engines use it.

A system has the alternating or the simultaneous update. All their steps consist of passes,
objective, gradients, aggregation, application, and what comes after. The batch may be in pieces,
`towers`: each has its own passes, objective and gradients. With `D_steps` above 1 the discriminator
first takes steps by itself (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, algorithm 1).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from vanilla_gan.errors import PluginError
from vanilla_gan.graph.averages import Average, follow
from vanilla_gan.graph.discriminator import draws
from vanilla_gan.graph.losses import Objective
from vanilla_gan.graph.network import network
from vanilla_gan.graph.objective import objective, with_penalties
from vanilla_gan.graph.passes import Batch, Passes, classifier
from vanilla_gan.graph.separate_images import gradients_of_separate_images
from vanilla_gan.graph.system import Simultaneous, System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.towers import Tower, aggregate, aggregate_scalars, settle


class Players(NamedTuple):
    """The networks' variables, the optimizers that train them, G's moving averages.

    `kept` are the variables that D keeps and no solver trains. `theta_Q` are those that a third
    solver trains, together with `theta_G`; empty in a program that has no third solver.
    """

    theta_D: list[Any]
    theta_G: list[Any]
    D_optimizer: Any
    G_optimizer: Any
    averages: Sequence[Average] = ()
    kept: Sequence[Any] = ()
    theta_Q: Sequence[Any] = ()
    Q_optimizer: Any = None


class Step(NamedTuple):
    """A part of an iteration that ends by changing variables.

    Attributes:
      solvers: the operations that train, by the listing's names.
      scalars: float32 scalars by name, of the passes that the step's gradients come from.
      noise: which noise of a `Batch` it is trained on, `Z_D` or `Z_G`; `D_Z` for a further step.
      further: which of the discriminator's further steps it is, 0, 1, ..., each trained on a batch
        of its own; None for the steps that `update` returns.
    """

    solvers: Mapping[str, Any]
    scalars: Mapping[str, Any]
    noise: str
    further: int | None = None


def update(
    system: System, config: Any, towers: Sequence[Tower], players: Players
) -> tuple[Step, ...]:
    """Returns the steps of a system's iteration, in their order.

    Args:
      system: the published program.
      config: the settings of the run.
      towers: the iteration's batch, with the passes over it. If one run does all steps, one after
        the other, the towers' `weights` are the values that the passes use. They are None if each
        step is a run of its own, fed with the noise that the step names: such a run reads the
        variables anew, so all steps share the passes.
      players: what is trained.
    """
    if isinstance(system.update, Simultaneous):
        steps: tuple[Step, ...] = (_simultaneous(system, config, towers, players),)
    else:
        steps = _alternating(system, config, towers, players)
    settle(towers)
    return steps


def further_step(
    system: System, config: Any, number: int, towers: Sequence[Tower], players: Players
) -> Step:
    """Returns a step of the discriminator only, which comes before those of `update`; no scalars.

    Its `number` is 0, 1, ...; the towers have that step's own batch, with the passes over it.
    """
    _, D_solver, _ = _D_step(system, config, towers, players)
    settle(towers)
    updates = [update for tower in towers for update in tower.passes.updates]
    return Step({"D_solver": tf.group(D_solver, *updates)}, {}, "D_Z", number)


def _D_step(
    system: System, config: Any, towers: Sequence[Tower], players: Players
) -> tuple[list[Objective], Any, Mapping[str, Any]]:
    """Returns the losses without penalties, D's solver by itself, and the scalars of its step."""
    goals, scalars, pairs = [], [], []
    for tower in towers:
        with tower.place():
            goal = objective(system, config, tower.passes)
            D_goal = with_penalties(config, tower.passes, goal)
            pairs.append(players.D_optimizer.compute_gradients(D_goal.D_loss, players.theta_D))
        goals.append(goal)
        scalars.append({"D_loss": D_goal.D_loss, **D_goal.D_watched})
    D_solver = _apply(players.D_optimizer, towers, pairs)
    # What D keeps depends only on its weights, so it is the same for all towers.
    D_solver = _settled(config, players, towers[0].passes, D_solver)
    return goals, D_solver, aggregate_scalars(towers, scalars)


def _alternating(
    system: System, config: Any, towers: Sequence[Tower], players: Players
) -> tuple[Step, ...]:
    """Returns D's step, and then G's, which sees the updated discriminator; then Q's, if any."""
    goals, D_solver, D_scalars = _D_step(system, config, towers, players)

    scalars, pairs, seen = [], [], []
    gate = tf.train.Optimizer.GATE_OP
    for tower, goal in zip(towers, goals, strict=True):
        passes = tower.passes
        if tower.weights is not None:
            real = uses([goal.G_loss, *goal.G_watched.values()], passes.D_logit_real)
            theirs = [*players.theta_D, *players.kept]
            passes = _updated(system, config, tower, theirs, D_solver, real)
            with tower.place():
                goal = objective(system, config, passes)
            # No update before the last gradient is computed: a small update would keep a core from
            # a large product.
            gate = tf.train.Optimizer.GATE_GRAPH
        with tower.place():
            pairs.append(players.G_optimizer.compute_gradients(goal.G_loss, players.theta_G, gate))
        scalars.append({"G_loss": goal.G_loss, **goal.G_watched})
        seen.append((passes, goal))
    G_solver = _apply(players.G_optimizer, towers, pairs)
    G_scalars = aggregate_scalars(towers, scalars)
    D_step = Step({"D_solver": D_solver}, D_scalars, "Z_D")
    if not players.theta_Q:
        G_solver = follow(config, players.averages, G_solver)
        return D_step, Step({"G_solver": G_solver}, G_scalars, "Z_G")

    theirs = [*players.theta_G, *players.theta_Q]
    pairs, Q_losses = [], []
    for tower, (passes, goal) in zip(towers, seen, strict=True):
        if tower.weights is not None:
            with tf.control_dependencies([G_solver]):
                weights = {**tower.weights, **tower.read(players.theta_G)}
            with tower.place():
                with network("generator_Q", reuse=True, weights=weights):
                    G_sample = system.generator(tower.batch.Z_G, config, tower.batch.y, None)
                classify = classifier(system, config, weights)
                passes = passes._replace(G_sample=G_sample, classify=classify)
                goal = objective(system, config, passes)
        with tower.place():
            pairs.append(players.Q_optimizer.compute_gradients(goal.Q_loss, theirs, gate))
        Q_losses.append(goal.Q_loss)
    Q_solver = follow(config, players.averages, _apply(players.Q_optimizer, towers, pairs))
    return (
        D_step,
        Step({"G_solver": G_solver}, G_scalars, "Z_G"),
        Step({"Q_solver": Q_solver}, {"Q_loss": aggregate(towers, Q_losses)}, "Z_G"),
    )


def _updated(
    system: System, config: Any, tower: Tower, variables_D: Sequence[Any], D_solver: Any, real: bool
) -> Passes:
    """Returns what the generator's step sees after the discriminator's, in the same run.

    The logits of images are those of the tower, unless `real` asks to compute them again.
    """
    batch, passes = tower.batch, tower.passes
    G_sample = passes.G_sample
    with tower.place():
        # The discriminator's update does not change the generator: the same noise, the same images.
        if batch.Z_G is not batch.Z_D:
            # Wait for the logits of the real images, as D's update does: one core makes the samples
            # of D's step while the other judges the images, and then has time for these.
            with tf.control_dependencies([passes.D_logit_real]):
                Z = tf.identity(batch.Z_G)
            with network("generator_G", reuse=True, weights=tower.weights):
                G_sample = system.generator(Z, config, batch.y, None)
    with tf.control_dependencies([D_solver]):
        weights = {**(tower.weights or {}), **tower.read(variables_D)}

    # Random numbers are drawn for the whole batch, and groups of images must stay together.
    in_halves = system.separate_images and not draws(config) and config.pack == 1
    with tower.place():
        of_fake = [
            passes.judge(half, "fake", called="discriminator_updated", y=y, weights=weights)
            for half, y in (_halves(G_sample, batch) if in_halves else [(G_sample, batch.y)])
        ]
        passes = passes._replace(
            G_sample=G_sample,
            D_fake=tf.concat([found.D_prob for found in of_fake], axis=0),
            D_logit_fake=tf.concat([found.D_logit for found in of_fake], axis=0),
            look=functools.partial(passes.look, weights=weights),
            classify=classifier(system, config, weights),
        )
        if real:
            called = "discriminator_updated_real"
            found = passes.judge(batch.X, "real", called=called, weights=weights)
            passes = passes._replace(D_real=found.D_prob, D_logit_real=found.D_logit)
    return passes


def _halves(G_sample: Any, batch: Batch) -> list[tuple[Any, Any]]:
    """Returns the samples of the generator's step, and their labels, in two halves.

    The matrix products of this step wait for each other, and TensorFlow computes one of this size
    in one thread. Two halves of the batch keep two cores busy: 1.02 ms an iteration instead of 1.07
    on such a machine. What D computes for a row, and the gradient there, is the same to the bit.
    The generator's samples would be, too, but the gradients of its weights would become sums of two
    sums, and in 100 iterations that rounding was seen to grow past 1e-6.

    A batch of unknown size, or of one image, is not split.
    """
    size = batch.Z_G.shape.as_list()[0] or 1
    half = size // 2
    if not half:
        return [(G_sample, batch.y)]
    sizes = [half, size - half]
    y_halves = [None, None] if batch.y is None else tf.split(batch.y, sizes)
    return list(zip(tf.split(G_sample, sizes), y_halves, strict=True))


def _simultaneous(system: System, config: Any, towers: Sequence[Tower], players: Players) -> Step:
    """Returns the one step in which both gradients come from the same passes, with the old weights.

    Neither solver changes a variable before both gradients are computed.

    Raises:
      PluginError: `separate_images` is set, but the discriminator has a batch norm.
    """
    theta_D, theta_G = players.theta_D, players.theta_G
    scalars, D_gradients, G_gradients = [], [], []
    for tower in towers:
        with tower.place():
            plain = objective(system, config, tower.passes)
            goal = with_penalties(config, tower.passes, plain)
            # A penalty depends on the discriminator's weights not only through its logits, and what
            # a program adds may depend on the samples themselves.
            G_sample, logit = tower.passes.G_sample, tower.passes.D_logit_fake
            seen = uses([goal.D_loss, goal.G_loss], G_sample, but=logit)
            if system.separate_images and goal is plain and config.pack == 1 and not seen:
                by_D, by_G = gradients_of_separate_images(tower.passes, goal, theta_D, theta_G)
            else:
                by_D, by_G = tf.gradients(goal.D_loss, theta_D), tf.gradients(goal.G_loss, theta_G)
        D_gradients.append(by_D)
        G_gradients.append(by_G)
        losses = {"D_loss": goal.D_loss, "G_loss": goal.G_loss}
        scalars.append({**losses, **goal.D_watched, **goal.G_watched})
    everything = itertools.chain(*D_gradients, *G_gradients)
    with tf.control_dependencies([gradient for gradient in everything if gradient is not None]):
        D_pairs = [zip(gradients, theta_D, strict=True) for gradients in D_gradients]
        G_pairs = [zip(gradients, theta_G, strict=True) for gradients in G_gradients]
        D_solver = _apply(players.D_optimizer, towers, D_pairs)
        D_solver = _settled(config, players, towers[0].passes, D_solver)
        G_solver = _apply(players.G_optimizer, towers, G_pairs)
        G_solver = follow(config, players.averages, G_solver)
    # They update the moving averages of batch norms.
    updates = [update for tower in towers for update in tower.passes.updates]
    solvers = {"D_solver": D_solver, "G_solver": tf.group(G_solver, *updates)}
    return Step(solvers, aggregate_scalars(towers, scalars), "Z_D")


def _apply(
    optimizer: Any, towers: Sequence[Tower], pairs: Sequence[Iterable[tuple[Any, Any]]]
) -> Any:
    """Returns the operation that applies gradients; all gradients go through here.

    `pairs` are each tower's gradients with their variables, in the same order for all towers.
    """
    gradients_of_variables = [
        (aggregate(towers, [gradient for gradient, _ in of_towers]), of_towers[0][1])
        for of_towers in zip(*pairs, strict=True)
    ]
    if gradients_of_variables and all(gradient is None for gradient, _ in gradients_of_variables):
        raise PluginError(
            f"the loss has no gradient with respect to {gradients_of_variables[0][1].op.name} or "
            "any other variable that it should train; D_loss must depend on the logits, and G_loss "
            "on the logits of samples"
        )
    return optimizer.apply_gradients(gradients_of_variables)


def _settled(config: Any, players: Players, passes: Passes, D_solver: Any) -> Any:
    """Returns D's solver, followed by what else its step changes, if anything.

    D's weights are clipped to +-`clip_weights`, and the variables that D keeps get new values.
    """
    changes = [(variable, passes.kept[variable.op.name]) for variable in players.kept]
    most = config.clip_weights
    with tf.control_dependencies([D_solver]):
        if most is not None:
            changes += [(v, tf.clip_by_value(v.read_value(), -most, most)) for v in players.theta_D]
        if not changes:
            return D_solver
        return tf.group(*(variable.assign(value) for variable, value in changes))


def uses(fetches: Iterable[Any], source: Any, but: Any = None) -> bool:
    """Returns whether any of `fetches`, tensors or operations, depends on the tensor `source`.

    Paths through the tensor `but`, if that is given, do not count.
    """
    seen = set() if but is None else {but.op}
    todo = [getattr(fetch, "op", fetch) for fetch in fetches]
    while todo:
        op = todo.pop()
        if op not in seen:
            seen.add(op)
            todo += [*(tensor.op for tensor in op.inputs), *op.control_inputs]
    return source.op in seen
