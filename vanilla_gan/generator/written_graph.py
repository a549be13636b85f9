"""Runs the graph in a SavedModel that was just written, to check what others will load.

Only for what this process itself wrote, because the graph of a SavedModel is a program.
"""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.engines.session import Device, open_session
from vanilla_gan.errors import OutputError
from vanilla_gan.generator.export_record import one_line
from vanilla_gan.generator.trained import VARIABLES
from vanilla_gan.graph.tf1 import tf
from vanilla_gan.settings import RunConfig
from vanilla_gan.storage.plain_path import plain_path

Arrays = Mapping[str, npt.NDArray[np.float32]]


@contextlib.contextmanager
def open_written_graph(
    folder: pathlib.Path, config: RunConfig, device: Device
) -> Iterator[Callable[[str, Arrays], Arrays]]:
    """Yields a function that takes a signature and its inputs by name, and returns its outputs.

    Raises:
      OutputError: it cannot be loaded.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    graph = tf.Graph()
    with contextlib.closing(open_session(graph, config, device)) as session:
        try:
            content = (folder / "saved_model.pb").read_bytes()
            # It has exactly one graph. TensorFlow's own loader for sessions is deprecated.
            (meta,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
            with graph.as_default(), without_chatter(), plain_path(folder / VARIABLES) as plain:
                saver = tf.train.import_meta_graph(meta)
                saver.restore(session, plain)
        except (tf.errors.OpError, ValueError, OSError) as error:
            raise OutputError(f"the export cannot be loaded again: {one_line(error)}") from error

        def run(signature: str, inputs: Arrays) -> Arrays:
            described = meta.signature_def[signature]
            outputs = {name: of.name for name, of in described.outputs.items()}
            feeds = {described.inputs[name].name: array for name, array in inputs.items()}
            found: Arrays = session.run(outputs, feeds)
            return found

        yield run
