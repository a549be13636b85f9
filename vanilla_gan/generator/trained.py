"""Trained networks in a session: opened from a run's checkpoint, or from a SavedModel export."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.engines.session import Device, open_session
from vanilla_gan.errors import CheckpointError
from vanilla_gan.generator.export_record import Origin, read_origin
from vanilla_gan.graph.averages import average_name
from vanilla_gan.graph.inference import Inference, build_inference
from vanilla_gan.graph.restoring import restore_variables
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.weights import Weights, variables_by_name
from vanilla_gan.runfolder.checkpoint import Checkpoint
from vanilla_gan.runfolder.record import RunRecord, data_dir_of
from vanilla_gan.settings import default_data_dir

Array = npt.NDArray[np.float32]

# The prefix of the variables' files in a SavedModel.
VARIABLES = "variables/variables"


class Trained:
    """Both networks of a trained system, in an open session.

    Attributes:
      origin: where they come from.
      tensors: the inputs and outputs of the graph.
      trained: the trained variables.
      variables: these and the statistics that the networks keep.
      session: the open `tf.Session`.
    """

    def __init__(
        self, origin: Origin, tensors: Inference, trained: list[Any], session: Any
    ) -> None:
        self.origin = origin
        self.tensors = tensors
        self.trained = trained
        self.variables = session.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
        self.session = session

    def run(self, signature: str, **inputs: Array) -> dict[str, Array]:
        """Returns the outputs of one of `SIGNATURES` by name; takes inputs by name, as exports do.

        `generate`: z [B, Z_dim], and y, one-hot [B, num_classes], in a conditional system, to
        images [B, size]; `discriminate`: x [B, size], and y, to probability and logit, [B, 1]. With
        the tensors of `with_images` also `generate_images`, see there.
        """
        placeholders = self.tensors.inputs(signature)
        feeds = {placeholders[name]: array for name, array in inputs.items()}
        found: dict[str, Array] = self.session.run(self.tensors.outputs(signature), feeds)
        return found

    def weights(self) -> Weights:
        """Returns the trained variables by name: what `--init_weights` takes."""
        return variables_by_name(self.session, self.trained)


@contextlib.contextmanager
def open_networks(
    record: RunRecord, out_dir: pathlib.Path, device: Device
) -> Iterator[Callable[[Checkpoint], Trained]]:
    """Opens the networks of a run, on a device, without values for their variables.

    Building them takes far longer than reading a checkpoint, which a run that is training may
    delete meanwhile, so the checkpoint is read last.

    Yields:
      A function that reads the variables of a checkpoint. It raises a CheckpointError if the
      checkpoint does not hold the variables of these networks.
    """
    config = record.config.filled({"data_dir": data_dir_of(record, out_dir)})
    origin = Origin(config, 0, record.run_id, record.dataset)
    with _built(origin, device, averaged=record.config.ema is not None) as read:
        yield lambda checkpoint: read(
            origin._replace(iteration=checkpoint.iteration), checkpoint.prefix, checkpoint.folder
        )


@contextlib.contextmanager
def open_export(folder: pathlib.Path, device: Device) -> Iterator[Trained]:
    """Opens the networks of a SavedModel export, on a device.

    Only the record and the variables are read. The graph of a SavedModel is a program, which may
    read and write files; the networks are built by this package instead.

    Raises:
      CheckpointError: it is damaged, or not an export of this program.
    """
    origin = read_origin(folder)
    # An export does not say where the data were.
    origin = origin._replace(config=origin.config.filled({"data_dir": default_data_dir()}))
    with _built(origin, device) as read:
        yield read(origin, str(folder / VARIABLES), folder)


@contextlib.contextmanager
def _built(
    origin: Origin, device: Device, averaged: bool = False
) -> Iterator[Callable[[Origin, str, pathlib.Path], Trained]]:
    """Builds the networks in a session.

    Yields:
      A function `(origin, prefix, folder)` that reads their variables from the files with that path
      prefix. If `averaged`, it reads the generator's from their moving averages; an export has only
      one set, under the plain names. It raises a CheckpointError if the files do not hold the
      variables of these networks.
    """
    # On the CPU, nodes name no device: the session hides the GPUs, and exports must run anywhere.
    on_cpu = device.name.startswith("/CPU")
    with (
        tf.Graph().as_default() as graph,
        # Inside the graph: outside it, `tf.device` acts on eager execution, which takes the GPUs.
        contextlib.nullcontext() if on_cpu else tf.device(device.name),
    ):
        tensors, trained = build_inference(origin.system, origin.config)
        of_G = origin.system.theta(origin.config)[1] if averaged else ()
        names = {v.op.name: v for v in tf.global_variables()}
        kept = {average_name(name) if name in of_G else name: v for name, v in names.items()}
        saver = tf.train.Saver(kept)
    # Whatever it was trained in, the networks should give the same results on any machine.
    config = dataclasses.replace(origin.config, precision="float32")
    # Not the default session, which would disable eager execution for the code that holds it.
    with contextlib.closing(open_session(graph, config, device)) as session:

        def read(origin: Origin, prefix: str, folder: pathlib.Path) -> Trained:
            try:
                with graph.as_default(), without_chatter():
                    restore_variables(session, saver, kept, prefix)
            except ValueError as error:
                raise CheckpointError(
                    f"{folder}: it does not hold the variables of system {origin.config.system} "
                    "with the settings of this run; put the original back"
                ) from error
            return Trained(origin, tensors, trained, session)

        yield read
