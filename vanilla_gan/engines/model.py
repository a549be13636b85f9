"""A model: a system's graph with an open session, its variables initialised, restored, saved."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.engines.machines import Machines, left_open
from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.engines.session import Device, little_for_the_eager_side, open_session
from vanilla_gan.engines.threads import threads_within_operation, usable_cores
from vanilla_gan.errors import CheckpointError
from vanilla_gan.graph.averages import begin
from vanilla_gan.graph.gan import Gan, build_gan
from vanilla_gan.graph.loop import LoopGraph, build_loop
from vanilla_gan.graph.restoring import restore_variables
from vanilla_gan.graph.signs import build_signs
from vanilla_gan.graph.summaries import Summaries, build_summaries
from vanilla_gan.graph.tf1 import tf, told_reason
from vanilla_gan.graph.weights import Weights, assign_weights, shapes_of
from vanilla_gan.say import phase
from vanilla_gan.settings import RunConfig
from vanilla_gan.storage.plain_path import plain_path
from vanilla_gan.systems import SYSTEMS


@dataclasses.dataclass(eq=False)
class Model:
    """The graph of a run with a session in which its variables live.

    Attributes:
      gan: the graph's handles.
      loop: those of the in-graph loop, if it was asked for.
      session: the open `tf.Session`.
      summaries: histograms for TensorBoard, if the settings ask for them.
      signs: the scalars of `graph.signs`, if they were asked for; empty otherwise.
    """

    gan: Gan
    loop: LoopGraph | None
    session: Any
    _saver: Any
    summaries: Summaries | None
    _begin_averages: Any
    signs: Mapping[str, Any]

    @property
    def trained(self) -> list[Any]:
        """The trained variables."""
        return [*self.gan.theta_D, *self.gan.theta_G, *self.gan.theta_Q]

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the trained variables by name."""
        return shapes_of(self.trained)

    def initialise(self, weights: Weights | None = None) -> None:
        """Initialises all variables; trained ones in `weights` take their values from it."""
        # At a session's first computation TensorFlow prints lines about its optimisations.
        with without_chatter():
            self.session.run(self.gan.init)
        if weights is not None:
            given = [variable for variable in self.trained if variable.op.name in weights]
            assign_weights(self.session, given, weights)
        if self._begin_averages is not None:
            self.session.run(self._begin_averages)

    def sample(
        self, Z: npt.NDArray[np.float32], classes: npt.NDArray[np.intp] | None = None
    ) -> npt.NDArray[np.float32]:
        """Returns the generator's images, float32 [B, X_dim].

        Args:
          Z: noise, float32 [B, Z_dim].
          classes: which class each image is to show, ints [B] in 0..num_classes-1; for conditional
            systems only.
        """
        feeds = {self.gan.Z: Z}
        if classes is not None:
            num_classes = self.gan.y.shape.as_list()[1]
            feeds[self.gan.y] = np.eye(num_classes, dtype=np.float32)[classes]
        images: npt.NDArray[np.float32] = self.session.run(self.gan.G_sample, feed_dict=feeds)
        return images

    def broken_variables(self) -> list[str]:
        """Returns the names of variables with values that are not finite."""
        finite = self.session.run(self.gan.finite)
        return sorted(name for name, is_finite in finite.items() if not is_finite)

    def save(self, prefix: str) -> None:
        """Writes all variables, including the slots of both Adams, under a path prefix.

        Raises:
          OSError: they could not be written.
        """
        try:
            with plain_path(prefix) as plain:
                self._saver.save(self.session, plain, write_meta_graph=False, write_state=False)
        except (tf.errors.OpError, ValueError) as error:
            # TensorFlow reports a full disk, a missing folder and the like as errors of its own.
            raise OSError(errno.EIO, told_reason(error), prefix) from error

    def restore(self, prefix: str) -> None:
        """Reads all variables back from what `save` wrote.

        Raises:
          CheckpointError: the file does not hold the variables of this graph.
        """
        found = self.session.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
        variables = {variable.op.name: variable for variable in found}
        try:
            with without_chatter():
                restore_variables(self.session, self._saver, variables, prefix)
        except ValueError as error:
            raise CheckpointError(
                f"{os.path.dirname(prefix)} cannot be restored: {error}; it was written "
                "by another version of this program; continue the run with that version, or choose "
                "another --out"
            ) from error


@contextlib.contextmanager
def open_model(
    config: RunConfig,
    device: Device,
    images_shape: tuple[int, int] | None = None,
    *,
    signs: bool = False,
    machines: Machines | None = None,
) -> Iterator[Model]:
    """Builds the graph of the settings' system on a device and opens a session for it.

    Args:
      config: the resolved settings.
      device: from `choose_device`.
      images_shape: (N, X_dim) of the images to train on. If it is None, or the engine is not the
        loop, no loop is built.
      signs: whether to build the signs.
      machines: the cluster that the towers are on; None for this machine only.

    Yields:
      The model, not yet initialised; without `machines` its session is closed after the block.
    """
    on_cpu = device.name.startswith("/CPU")
    if config.jit_compile is None:
        config = dataclasses.replace(config, jit_compile=not on_cpu)
    assert config.seed is not None
    graph, threads = tf.Graph(), config.intra_op_threads
    if on_cpu:
        threads = threads_within_operation(config, usable_cores())
    of_session = dataclasses.replace(config, intra_op_threads=threads)
    place = device.name if machines is None else machines.placed(device.name)
    # Before the loop is built: that makes TensorFlow's eager side open the GPUs too, and the memory
    # settings of the session only count if the session comes first.
    session = open_session(graph, of_session, device, machines)
    with session if machines is None else left_open(session):
        building = phase(f"building the graph of {config.system}")
        # The first loop of a process makes TensorFlow look for CUDA, and complain if there is none.
        eager_side = little_for_the_eager_side(config)
        with building, without_chatter(), eager_side, graph.as_default(), tf.device(place):
            system = SYSTEMS[config.system]
            gan = build_gan(system, config, config.seed)
            loop = None
            if images_shape is not None and config.engine == "loop":
                loop = build_loop(system, config, gan, images_shape)
            # Only the CPU writes files, and soft placement, which would put this there, may be off.
            with tf.device("/CPU:0"):
                saver = tf.train.Saver(tf.global_variables(), max_to_keep=None)
            summaries = build_summaries(gan) if config.tensorboard else None
            begin_averages = begin(gan.averages) if gan.averages else None
            # Built last, so that what trains has the same names and seeds as without signs.
            watched = build_signs(system, config, gan) if signs else {}
        # From now on, adding a node, which would use up memory during training, is an error.
        graph.finalize()
        yield Model(gan, loop, session, saver, summaries, begin_averages, watched)
