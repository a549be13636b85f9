"""The GAN's graph: placeholders, networks with reuse, losses and the two restricted solvers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from vanilla_gan.errors import PluginError, UnownedVariableError
from vanilla_gan.graph.averages import Average, averaged, averages, begin
from vanilla_gan.graph.discriminator import discriminate, has_two_modes
from vanilla_gan.graph.network import network
from vanilla_gan.graph.optimizers import optimizer
from vanilla_gan.graph.passes import Batch, Passes, forward
from vanilla_gan.graph.penalties import takes_iteration
from vanilla_gan.graph.system import Simultaneous, System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.towers import Tower, towers_of
from vanilla_gan.graph.update import Players, Step, further_step, update


class Gan(NamedTuple):
    """The graph's tensors and operations, under the names of the published listing.

    Tensors are float32. `X` [B, X_dim], `Z` [B, Z_dim] and, in a conditional system, `y`
    [B, num_classes] are placeholders (`y` is None in other systems). `G_sample` is [B, X_dim],
    `D_*` are [B, 1], and losses are scalars. `theta_*` are lists of variables, `*_optimizer` the
    optimizers, and `*_solver` the operations that run them. Few programs have a third optimizer,
    `Q_optimizer` with its `theta_Q`. `finite` says of every variable, by name, whether all of its
    values are finite: bool scalars. X_dim is the size of an image, 784 in the published data.

    With the simultaneous update, `G_sample`, `D_prob` and `D_logit` come from inference mode, and
    the losses from training mode. The alternating update has one mode: `D_prob` is `D_real`, and
    `D_logit` is `D_logit_real`, unless a cure draws numbers in the discriminator; then these two
    come from inference mode. `iteration` is an int64 scalar placeholder if the graph draws numbers,
    which depend on it (see `penalties.takes_iteration`); else None.

    `averages` are G's moving averages, empty without `ema`; if there are any, `G_sample` uses them.
    `kept` are the variables of D that no solver trains, empty without `spectral_norm`.

    `steps` are the runs of an iteration, in order: a step's solvers and losses must be run
    together. `players` is what is trained, for building another update. `passes` are those of the
    whole batch through both networks, even if towers train on pieces of it.
    """

    X: Any
    Z: Any
    y: Any
    iteration: Any
    G_sample: Any
    D_prob: Any
    D_logit: Any
    D_real: Any
    D_logit_real: Any
    D_fake: Any
    D_logit_fake: Any
    D_loss: Any
    G_loss: Any
    theta_D: list[Any]
    theta_G: list[Any]
    D_optimizer: Any
    G_optimizer: Any
    theta_Q: list[Any]
    Q_optimizer: Any
    averages: list[Average]
    kept: list[Any]
    D_solver: Any
    G_solver: Any
    init: Any
    finite: dict[str, Any]
    steps: tuple[Step, ...]
    players: Players
    passes: Passes


def build_gan(system: System, config: Any, seed: int) -> Gan:
    """Builds the graph of a system in the current default graph, which should be empty.

    Args:
      system: the published program.
      config: its settings; those that affect the numbers, and the shape and classes of the data,
        are read.
      seed: the graph's random seed, which decides the initial weights.

    Returns:
      The graph's handles. No session is opened, nothing is initialised.

    Raises:
      UnownedVariableError: if a trainable variable is not in exactly one of the solvers' lists.
      PluginError: a network of an alternating update has a batch norm.

    Side effects: sets the default graph's random seed. Touches no other TensorFlow state.
    """
    tf.set_random_seed(seed)

    X = tf.placeholder(tf.float32, shape=[None, config.image_shape.size], name="X")
    Z = tf.placeholder(tf.float32, shape=[None, config.z_dim], name="Z")
    y = None
    if system.conditional:
        y = tf.placeholder(tf.float32, shape=[None, config.num_classes], name="y")
    iteration = None
    if takes_iteration(system, config):
        iteration = tf.placeholder(tf.int64, shape=[], name="iteration")

    # The generator and the first discriminator create the variables; the second one reuses them.
    batch = Batch(X, Z, Z, y, iteration)
    passes = forward(system, config, batch, reuse=False)
    G_sample, D_prob, D_logit = passes.G_sample, passes.D_real, passes.D_logit_real
    if isinstance(system.update, Simultaneous):
        with network("generator_inference", reuse=True):
            G_sample = system.generator(Z, config, y, None)
    if has_two_modes(system, config):
        name = "discriminator_inference"
        D_prob, D_logit, _ = discriminate(system, config, name, X, y, None, reuse=True)

    theta_D, theta_G, theta_Q = owned_variables(*system.theta(config))
    if not isinstance(system.update, Simultaneous):
        _check_no_batch_norm()

    D_optimizer, G_optimizer = optimizer(system, config, "D"), optimizer(system, config, "G")
    Q_optimizer = optimizer(system, config, "Q") if theta_Q else None
    pairs = averages(config, theta_G)
    if pairs:
        with network("generator_averaged", reuse=True, weights=averaged(pairs)):
            G_sample = system.generator(Z, config, y, None)
    kept = [variable for variable in tf.global_variables() if variable.op.name in passes.kept]
    players = Players(theta_D, theta_G, D_optimizer, G_optimizer, pairs, kept, theta_Q, Q_optimizer)
    theta = [*theta_D, *theta_G, *theta_Q, *kept]
    further = [
        further_step(system, config, n, towers_of(system, config, batch, theta, further=n), players)
        for n in range(config.D_steps - 1)
    ]
    towers = [Tower(batch, passes)]
    if config.towers > 1:
        towers = towers_of(system, config, batch, theta)
    steps = (*further, *update(system, config, towers, players))
    solvers = {name: solver for step in steps for name, solver in step.solvers.items()}
    scalars = {name: scalar for step in steps for name, scalar in step.scalars.items()}
    init = tf.global_variables_initializer()
    if pairs:
        with tf.control_dependencies([init]):
            init = begin(pairs)

    return Gan(
        X=X,
        Z=Z,
        y=y,
        iteration=iteration,
        G_sample=tf.identity(G_sample, name="G_sample"),
        D_prob=D_prob,
        D_logit=D_logit,
        D_real=passes.D_real,
        D_logit_real=passes.D_logit_real,
        D_fake=passes.D_fake,
        D_logit_fake=passes.D_logit_fake,
        D_loss=scalars["D_loss"],
        G_loss=scalars["G_loss"],
        **players._asdict(),
        D_solver=solvers["D_solver"],
        G_solver=solvers["G_solver"],
        init=init,
        finite={
            variable.op.name: tf.reduce_all(tf.is_finite(variable))
            for variable in tf.global_variables()
        },
        steps=steps,
        players=players,
        passes=passes,
    )


def _check_no_batch_norm() -> None:
    """Checks that no network has a batch norm, which would only ever be in inference.

    Raises:
      PluginError: one has.
    """
    for variable in tf.global_variables():
        if variable.op.name.endswith("/moving_mean"):
            raise PluginError(
                f"{variable.op.name}: the networks of an alternating update have no training mode, "
                "so a batch norm would not normalise; give the system update=Simultaneous(), or "
                "leave the batch norm out"
            )


def owned_variables(*lists: Sequence[str]) -> tuple[list[Any], ...]:
    """Returns the default graph's variables with the names in each list, checked for ownership.

    Raises:
      UnownedVariableError: if a name has no trainable variable, or a trainable variable is not in
        exactly one of the lists.
    """
    trainable = {variable.op.name: variable for variable in tf.trainable_variables()}
    owners = [name for names in lists for name in names]
    missing = sorted(set(owners) - set(trainable))
    unowned = sorted(set(trainable) - set(owners))
    shared = sorted({name for name in owners if owners.count(name) > 1})
    if missing or unowned or shared:
        raise UnownedVariableError(
            "each trainable variable must belong to exactly one of theta_D, theta_G and theta_Q: "
            f"not in the graph {missing}, in no list {unowned}, in a list twice {shared}"
        )
    return tuple([trainable[name] for name in names] for names in lists)
