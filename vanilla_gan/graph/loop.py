"""Many iterations in one `session.run`: the system's update as the body of a `tf.while_loop`.

The body is the same update as in the feed graph, but on rows of a data set that is kept on the
device, instead of on placeholders.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from vanilla_gan.graph.gan import Gan
from vanilla_gan.graph.network import read
from vanilla_gan.graph.passes import Batch
from vanilla_gan.graph.penalties import takes_iteration
from vanilla_gan.graph.system import System
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.towers import on_tower, towers_of
from vanilla_gan.graph.update import further_step, update


class LoopGraph(NamedTuple):
    """The handles of the loop.

    Attributes:
      images: for each tower a variable on its device, uint8 [N, X_dim], the training split; a local
        variable, so that no checkpoint contains it.
      labels: likewise variables, uint8 [N]; empty in a system that takes no labels from the data.
      rows: placeholder, int32 [k, B], the batches of `k` iterations as row numbers in `images`; B
        is the run's batch size, or any in a system with short batches.
      Z_D, Z_G: placeholders, float32 [k, B, Z_dim], the noise of the two solvers' steps; the same
        placeholder in a system that shares the noise.
      first: placeholder, int64 scalar, the first of the iterations; None if no step depends on the
        iteration.
      D_rows, D_Z: placeholders, int32 [k, n, B] and float32 [k, n, B, Z_dim], for the
        discriminator's n further steps; None if there are none.
      classes, D_classes: placeholders, int32 [k, B] and [k, n, B], in a system that draws its
        labels; else None.
      scalars: float32 [k] by name, those of the update's steps; fetching them trains for `k`
        iterations.
      steps: placeholder, int32 scalar, how many of the iterations to train, in a loop that XLA
        compiles. Its `k` is `longest_block`, and inputs beyond those iterations are ignored. None
        in any other loop, which trains all `k`.
    """

    images: list[Any]
    labels: list[Any]
    rows: Any
    Z_D: Any
    Z_G: Any
    first: Any
    D_rows: Any
    D_Z: Any
    classes: Any
    D_classes: Any
    scalars: dict[str, Any]
    steps: Any = None


_MOST_ITERATIONS = 200
_MOST_BYTES = 1 << 24


def longest_block(batch_size: int, z_dim: int, D_steps: int = 1) -> int:
    """Returns the largest number of iterations that are drawn for one run of the loop."""
    # Noise is drawn as float64.
    fit = _MOST_BYTES // (8 * batch_size * z_dim * D_steps)
    return max(1, min(fit, _MOST_ITERATIONS))


def build_loop(system: System, config: Any, gan: Gan, images_shape: tuple[int, int]) -> LoopGraph:
    """Adds the loop to the graph of `gan`.

    Within an iteration, only what must wait does: a step reads variables after the earlier step
    that updates them, and the next iteration reads nothing before all updates are done. The two
    generators and the two discriminators of an iteration may run side by side.

    Args:
      system: the published program that `gan` was built from.
      config: the settings that it was built with, in which `jit_compile` is not None.
      gan: the feed graph, whose variables and optimizers are used.
      images_shape: (N, X_dim) of the training split.

    Returns:
      The loop's handles. `images` has to be initialised before the loop runs.
    """
    draws_classes = system.draws.classes
    images, labels = [], []
    # Each tower has the whole data set, so that only row numbers go to another device.
    for number in range(config.towers):
        with on_tower(config, number):
            suffix = f"_{number}" if number else ""
            images.append(_data_variable(f"training_images{suffix}", images_shape))
            if system.conditional and not draws_classes:
                labels.append(_data_variable(f"training_labels{suffix}", images_shape[:1]))
    # A static size saves the operations that would look it up each time.
    batch = None if system.draws.short_batches else config.batch_size * config.pack
    # XLA compiles for arguments of one size, so a block is filled up to that size.
    room = None
    if config.jit_compile:
        room = longest_block(config.images_a_step, config.z_dim, config.D_steps)
    rows = tf.placeholder(tf.int32, [room, batch], name="rows")
    Z_D = tf.placeholder(tf.float32, [room, batch, config.z_dim], name="Z_D")
    Z_G = Z_D
    if not system.update.shared_noise:
        Z_G = tf.placeholder(tf.float32, [room, batch, config.z_dim], name="Z_G")
    draws = takes_iteration(system, config)
    first = tf.placeholder(tf.int64, [], name="first") if draws else None
    steps = tf.placeholder(tf.int32, [], name="steps") if room else tf.shape(rows)[0]
    n_further = config.D_steps - 1
    D_rows: Any = None
    D_Z: Any = None
    classes = tf.placeholder(tf.int32, [room, batch], name="classes") if draws_classes else None
    D_classes: Any = None
    if n_further and draws_classes:
        D_classes = tf.placeholder(tf.int32, [room, n_further, batch], name="D_classes")
    if n_further:
        D_rows = tf.placeholder(tf.int32, [room, n_further, batch], name="D_rows")
        D_Z = tf.placeholder(tf.float32, [room, n_further, batch, config.z_dim], name="D_Z")

    players = gan.players
    names = [name for step in gan.steps for name in step.scalars]
    variables = [*gan.theta_D, *gan.theta_G, *gan.theta_Q, *gan.kept]

    def show(number: int, piece: Batch) -> Batch:
        """Returns a tower's piece with images and labels in place of row numbers and classes."""
        X_mb = system.scale(tf.cast(tf.gather(images[number], piece.X), tf.float32))
        if not system.conditional:
            return piece._replace(X=X_mb)
        shown = tf.gather(labels[number], piece.X) if piece.y is None else piece.y
        return piece._replace(X=X_mb, y=tf.one_hot(tf.cast(shown, tf.int32), config.num_classes))

    def further_steps(k: Any) -> Any:
        """Returns the last of the discriminator's further steps; `k` if there are none."""
        done = k
        for n in range(n_further):
            iteration = None if first is None else first + tf.cast(k, tf.int64)
            y_mb = None if D_classes is None else D_classes[k, n]
            batch = Batch(D_rows[k, n], D_Z[k, n], D_Z[k, n], y_mb, iteration)
            # All reads wait, because statistics and an optimizer's counters are variables too.
            with tf.control_dependencies([done]):
                weights = read(variables)
                towers = towers_of(
                    system, config, batch, variables, weights=weights, further=n, show=show
                )
                done = further_step(system, config, n, towers, players).solvers["D_solver"]
        return done

    def iterate(k: Any, *written: Any) -> tuple[Any, ...]:
        # `k` depends on the previous iteration's updates: nothing is read before they are done.
        before = further_steps(k)
        with tf.control_dependencies([before]):
            weights = read(variables)
        y_mb = None if classes is None else classes[k]
        iteration = None if first is None else first + tf.cast(k, tf.int64)
        Z_mb = Z_D[k]
        batch = Batch(rows[k], Z_mb, Z_mb if Z_G is Z_D else Z_G[k], y_mb, iteration)
        behind = tf.control_dependencies([before]) if n_further else contextlib.nullcontext()
        with behind:
            towers = towers_of(system, config, batch, variables, weights=weights, show=show)
            done = update(system, config, towers, players)
        scalars = {name: scalar for step in done for name, scalar in step.scalars.items()}
        with tf.control_dependencies([op for step in done for op in step.solvers.values()]):
            return k + 1, *(
                values.write(k, scalars[name]) for name, values in zip(names, written, strict=True)
            )

    def train() -> list[Any]:
        arrays = [tf.TensorArray(tf.float32, room or steps, element_shape=[]) for _ in names]
        _, *written = tf.while_loop(
            lambda k, *_: k < steps,
            iterate,
            [tf.constant(0), *arrays],
            # More would only let the next iteration's constants run ahead.
            parallel_iterations=1,
        )
        return [values.stack() for values in written]

    with tf.name_scope("training_loop"):
        # An iteration is some 200 small operations. XLA fuses them into a few kernels.
        found = tf.function(train, autograph=False, jit_compile=True)() if room else train()
        scalars = dict(zip(names, found, strict=True))
    given = steps if room else None
    return LoopGraph(
        images, labels, rows, Z_D, Z_G, first, D_rows, D_Z, classes, D_classes, scalars, given
    )


def _data_variable(name: str, shape: Sequence[int]) -> Any:
    """Returns a variable for uint8 data, which no solver trains and no checkpoint contains."""
    return tf.get_variable(
        name,
        shape,
        tf.uint8,
        initializer=tf.zeros_initializer(),
        trainable=False,
        collections=[tf.GraphKeys.LOCAL_VARIABLES],
        use_resource=True,
    )
