"""The GAN's graph: placeholders, networks with reuse, losses and the two restricted solvers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from vanilla_gan.data.dataset import NUM_CLASSES
from vanilla_gan.graph.losses import LOSSES, Losses
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.systems.system import System

X_dim = 784


class Gan(NamedTuple):
    """The graph's tensors and operations, under the names of the published listing.

    Tensors are float32: `X` [B, 784], `Z` [B, Z_dim] and, in a conditional system, `y` [B, 10]
    placeholders (`y` is None in the others), `G_sample` [B, 784], `D_*`
    [B, 1], losses scalars. `theta_*` are lists of variables, `*_optimizer` the two Adams and
    `*_solver` the operations that run them. `finite` says for every variable, by name, whether all
    of its values are: bool scalars.
    """

    X: Any
    Z: Any
    y: Any
    G_sample: Any
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
    D_solver: Any
    G_solver: Any
    init: Any
    finite: dict[str, Any]


def build_gan(system: System, config: Any, seed: int) -> Gan:
    """Builds the graph of a system in the current default graph, which should be empty.

    Args:
      system: the published program.
      config: its settings; `loss`, `init`, `learning_rate` and the system's own sizes are read.
      seed: decides the initial weights, as the graph's random seed.

    Returns:
      The graph's handles. No session is opened, nothing is initialised.

    Raises:
      ValueError: if a trainable variable belongs to neither or to both of the solvers' lists.

    Side effects: sets the default graph's random seed. Touches no other TensorFlow state.
    """
    tf.set_random_seed(seed)

    X = tf.placeholder(tf.float32, shape=[None, X_dim], name="X")
    Z = tf.placeholder(tf.float32, shape=[None, config.z_dim], name="Z")
    y = None
    if system.conditional:
        y = tf.placeholder(tf.float32, shape=[None, NUM_CLASSES], name="y")
    labels = labels_of(system, y)

    # The generator and the first discriminator create the variables; the second one reuses them.
    with network("generator", reuse=False):
        G_sample = system.generator(Z, config, **labels)
    with network("discriminator", reuse=False):
        D_real, D_logit_real = system.discriminator(X, config, **labels)
    with network("discriminator_reused", reuse=True):
        D_fake, D_logit_fake = system.discriminator(G_sample, config, **labels)

    D_loss, G_loss = losses(config, D_logit_real, D_logit_fake)

    theta_D, theta_G = owned_variables(system.theta_D, system.theta_G)

    D_optimizer = tf.train.AdamOptimizer(config.learning_rate, name="D_solver")
    G_optimizer = tf.train.AdamOptimizer(config.learning_rate, name="G_solver")
    D_solver = D_optimizer.minimize(D_loss, var_list=theta_D)
    G_solver = G_optimizer.minimize(G_loss, var_list=theta_G)

    return Gan(
        X=X,
        Z=Z,
        y=y,
        G_sample=tf.identity(G_sample, name="G_sample"),
        D_real=D_real,
        D_logit_real=D_logit_real,
        D_fake=D_fake,
        D_logit_fake=D_logit_fake,
        D_loss=D_loss,
        G_loss=G_loss,
        theta_D=theta_D,
        theta_G=theta_G,
        D_optimizer=D_optimizer,
        G_optimizer=G_optimizer,
        D_solver=D_solver,
        G_solver=G_solver,
        init=tf.global_variables_initializer(),
        finite={
            variable.op.name: tf.reduce_all(tf.is_finite(variable))
            for variable in tf.global_variables()
        },
    )


@contextlib.contextmanager
def network(name: str, *, reuse: bool) -> Iterator[None]:
    """Enters the scopes of one application of a network.

    The published variables are called `D_W1`, not `discriminator/D_W1`. So the name scope names the
    operations, while the variable scope is the surrounding one and only says whether variables are
    created or reused.
    """
    scope = tf.get_variable_scope()
    with tf.variable_scope(scope, reuse=reuse, auxiliary_name_scope=False), tf.name_scope(name):
        yield


def labels_of(system: System, y: Any) -> dict[str, Any]:
    """Returns what a network of the system takes beside its input: `y` or nothing."""
    return {"y": y} if system.conditional else {}


def losses(config: Any, D_logit_real: Any, D_logit_fake: Any) -> Losses:
    """Returns the losses that the settings name, for logits float32 [B, 1]."""
    with tf.name_scope("losses"):
        return LOSSES[config.loss](D_logit_real, D_logit_fake, 1.0 - config.label_smoothing)


def owned_variables(names_D: Sequence[str], names_G: Sequence[str]) -> tuple[list[Any], list[Any]]:
    """Returns theta_D and theta_G of the default graph, checked for ownership.

    Raises:
      ValueError: if a name has no trainable variable, or a trainable variable does not stand in
        exactly one of the two lists.
    """
    trainable = {variable.op.name: variable for variable in tf.trainable_variables()}
    owners = [*names_D, *names_G]
    missing = sorted(set(owners) - set(trainable))
    unowned = sorted(set(trainable) - set(owners))
    shared = sorted({name for name in owners if owners.count(name) > 1})
    if missing or unowned or shared:
        raise ValueError(
            "each trainable variable must belong to exactly one of theta_D and theta_G: "
            f"not in the graph {missing}, in neither list {unowned}, in a list twice {shared}"
        )
    return [trainable[name] for name in names_D], [trainable[name] for name in names_G]
