"""Trained networks in a session: opened from a run's checkpoint, or from a SavedModel export."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.engines.session import Device, open_session
from vanilla_gan.errors import CheckpointError
from vanilla_gan.generator.export_record import Origin, one_line, read_origin
from vanilla_gan.graph.inference import SIGNATURES, Inference, build_inference
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.graph.weights import Weights, variables_by_name
from vanilla_gan.runfolder.checkpoint import Checkpoint
from vanilla_gan.runfolder.record import RunRecord

Array = npt.NDArray[np.float32]


class Trained:
    """Both networks of a trained system, in an open session.

    Attributes:
      origin: where they come from.
      tensors: of the graph.
      trained: the trained variables.
      variables: these and the statistics that the networks keep.
      session: the open `tf.Session`.
    """

    def __init__(
        self, origin: Origin, tensors: Inference, trained: list[Any], session: Any
    ) -> None:
        """Holds what `open_checkpoint` or `open_export` has opened."""
        self.origin = origin
        self.tensors = tensors
        self.trained = trained
        self.variables = session.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
        self.session = session

    def run(self, signature: str, **inputs: Array) -> dict[str, Array]:
        """Returns the outputs of one of `SIGNATURES` for inputs by name, both as exports name them.

        `generate`: z [B, Z_dim], and y, one-hot [B, 10], in a conditional system, to images
        [B, 784]; `discriminate`: x [B, 784], and y, to probability and logit, [B, 1].
        """
        placeholders = self.tensors.inputs(signature)
        feeds = {placeholders[name]: array for name, array in inputs.items()}
        found: dict[str, Array] = self.session.run(self.tensors.outputs(signature), feeds)
        return found

    def weights(self) -> Weights:
        """Returns the trained variables by name: what `--init_weights` takes."""
        return variables_by_name(self.session, self.trained)


@contextlib.contextmanager
def open_checkpoint(record: RunRecord, checkpoint: Checkpoint, device: Device) -> Iterator[Trained]:
    """Opens the networks of a run as they were at a checkpoint, on a device.

    Raises:
      CheckpointError: the checkpoint does not hold the variables of these networks.
    """
    origin = Origin(record.config, checkpoint.iteration, record.run_id, record.dataset)
    with tf.Graph().as_default() as graph, _placement(device):
        tensors, trained = build_inference(origin.system, origin.config)
        saver = tf.train.Saver(tf.global_variables())
    with _session(graph, origin, device) as session:
        try:
            with graph.as_default():
                saver.restore(session, checkpoint.prefix)
        except (tf.errors.OpError, ValueError) as error:
            raise CheckpointError(
                f"{checkpoint.folder}: it does not hold the variables of system "
                f"{origin.config.system} with the settings of this run; put the run's own "
                "checkpoint back"
            ) from error
        yield Trained(origin, tensors, trained, session)


@contextlib.contextmanager
def open_export(folder: pathlib.Path, device: Device) -> Iterator[Trained]:
    """Opens the networks of a SavedModel export, on a device.

    Raises:
      CheckpointError: it is damaged, or not an export of this program.
    """
    origin = read_origin(folder)
    graph = tf.Graph()
    with _session(graph, origin, device) as session:
        try:
            meta = _meta_graph(folder)
            with graph.as_default():
                with _placement(device):
                    saver = tf.train.import_meta_graph(meta)
                saver.restore(session, str(folder / "variables" / "variables"))
            tensors = _tensors(graph, meta.signature_def)
        except (tf.errors.OpError, ValueError, KeyError, OSError, RuntimeError) as error:
            raise CheckpointError(
                f"{folder} cannot be loaded: {one_line(error)}; export it again"
            ) from error
        trained = graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
        yield Trained(origin, tensors, trained, session)


def _meta_graph(folder: pathlib.Path) -> Any:
    """Returns the one graph of a SavedModel; TensorFlow's own loader for sessions is leaving."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved_model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    (meta,) = saved_model.meta_graphs
    return meta


def _tensors(graph: Any, signatures: Mapping[str, Any]) -> Inference:
    """Returns the tensors that the signatures of a loaded SavedModel name."""
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    for signature in SIGNATURES:
        for found, named in (
            (inputs, signatures[signature].inputs),
            (outputs, signatures[signature].outputs),
        ):
            found.update({name: graph.get_tensor_by_name(of.name) for name, of in named.items()})
    return Inference(
        X=inputs["x"],
        Z=inputs["z"],
        y=inputs.get("y"),
        G_sample=outputs["images"],
        D_prob=outputs["probability"],
        D_logit=outputs["logit"],
    )


def _placement(device: Device) -> Any:
    """Returns the context that places nodes on the device.

    On the CPU they name none: the session hides the GPUs, and an export shall run anywhere.
    """
    return contextlib.nullcontext() if device.name.startswith("/CPU") else tf.device(device.name)


@contextlib.contextmanager
def _session(graph: Any, origin: Origin, device: Device) -> Iterator[Any]:
    """Opens a session, and closes it behind the block.

    It is not made the default one: that would take eager execution away from whoever holds it.
    """
    # Whatever it was trained in: what uses these networks shall get the same from any machine.
    config = dataclasses.replace(origin.config, precision="float32")
    session = open_session(graph, config, device)
    try:
        yield session
    finally:
        session.close()
