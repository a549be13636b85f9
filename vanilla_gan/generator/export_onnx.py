"""ONNX files of the networks: tf2onnx converts TensorFlow's operations.

tf2onnx gets the operations that depend on a network's inputs, and everything else as constants.
Otherwise it would compute these itself, in sessions of its own that take the memory of a GPU.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import pathlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from vanilla_gan import __version__
from vanilla_gan.engines.quiet import without_chatter
from vanilla_gan.errors import UsageError
from vanilla_gan.generator.export_record import made_with
from vanilla_gan.generator.trained import Array, Trained
from vanilla_gan.graph.tf1 import load_tensorflow, tf

# Old enough for any onnxruntime that is still in use; nothing newer is needed.
OPSET = 13

_PACKAGES = ("onnx", "onnxruntime", "tf2onnx")


def check_onnx_installed() -> None:
    """Checks that the packages of the extra `onnx` are installed.

    Raises:
      UsageError: one is not.
    """
    for package in _PACKAGES:
        try:
            with without_chatter():
                if package == "tf2onnx":
                    # It imports TensorFlow, without the environment that TensorFlow should see.
                    load_tensorflow()
                importlib.import_module(package)
        except ImportError as error:
            raise UsageError(
                f"--format=onnx needs the package {package} (the extra [onnx]); install it with "
                f"{sys.executable} -m pip install {' '.join(_PACKAGES)}"
            ) from error


def write_onnx(path: pathlib.Path, trained: Trained, signature: str) -> None:
    """Writes one signature of `EXPORTED` as an ONNX file, with the signature's names.

    Raises:
      UsageError: the network has an operation that tf2onnx does not know.
      OSError: the file could not be written.
    """
    onnx = importlib.import_module("onnx")
    inputs, outputs = trained.tensors.inputs(signature), trained.tensors.outputs(signature)
    with _without_log():
        converted = importlib.import_module("tf2onnx.tfonnx").process_tf_graph(
            _dependent(trained, inputs.values(), outputs.values()),
            opset=OPSET,
            input_names=[tensor.name for tensor in inputs.values()],
            output_names=[tensor.name for tensor in outputs.values()],
            tensors_to_rename={t.name: name for name, t in {**inputs, **outputs}.items()},
        )
        optimized = importlib.import_module("tf2onnx.optimizer").optimize_graph(converted)
        model = optimized.make_model(
            "",
            graph_name=signature,
            producer_name="vanilla_gan",
            producer_version=__version__,
            opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        )
    for node in model.graph.node:
        # tf2onnx leaves operations that it does not know unconverted.
        if not onnx.defs.has(node.op_type):
            raise UsageError(
                f"--format=onnx: the network has an operation {node.op_type} ({node.name}), which "
                "this program cannot write as ONNX; export a saved_model instead"
            )
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    if signature == "discriminate" and trained.origin.config.pack > 1:
        for value in model.graph.output:
            value.type.tensor_type.shape.dim[0].dim_param = "groups"
    _count_afresh(model.graph)
    origin = trained.origin
    about = {
        **{"system": origin.config.system, "dataset": origin.dataset["name"]},
        **{"iteration": str(origin.iteration), "run_id": origin.run_id},
        **made_with(),
    }
    onnx.helper.set_model_props(model, about)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def run_onnx(path: pathlib.Path, inputs: dict[str, Array]) -> dict[str, Array]:
    """Returns the outputs of an ONNX file by name, computed by onnxruntime on the CPU."""
    session = importlib.import_module("onnxruntime").InferenceSession(
        path.read_bytes(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def _dependent(trained: Trained, inputs: Iterable[Any], outputs: Iterable[Any]) -> Any:
    """Returns a new graph with the operations from `inputs` to `outputs`, and constants.

    Whatever else they use, variables or values computed from these, becomes a constant of the same
    name.
    """
    operations = trained.session.graph.get_operations()
    dependent = {tensor.op for tensor in inputs}
    # Operations come after those that they take their inputs from. One with several outputs is not
    # replaced, because a constant has only one.
    for op in operations:
        if len(op.outputs) > 1 or any(tensor.op in dependent for tensor in op.inputs):
            dependent.add(op)
    needed = {tensor.op for tensor in outputs}
    for op in reversed(operations):
        if op in needed & dependent:
            needed.update(tensor.op for tensor in op.inputs)
    values = trained.session.run({op.name: op.outputs[0] for op in needed - dependent})
    nodes = [op.node_def for op in operations if op in needed & dependent]
    for name, value in values.items():
        proto = tf.make_tensor_proto(value)
        fields = {"value": tf.AttrValue(tensor=proto), "dtype": tf.AttrValue(type=proto.dtype)}
        nodes.append(tf.NodeDef(name=name, op="Const", attr=fields))
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(tf.GraphDef(node=nodes), name="")
    return graph


def _count_afresh(graph: Any) -> None:
    """Renames all but inputs and outputs by their order, so that equal networks give equal files.

    tf2onnx keeps counting from one export to the next, and puts constants in any order.
    """
    names = {value.name: value.name for value in (*graph.input, *graph.output)}
    names[""] = ""  # an optional input that a node does not use
    for node in graph.node:
        for tensors in (node.input, node.output):
            tensors[:] = [names.setdefault(name, f"tensor_{len(names)}") for name in tensors]
        node.name = node.output[0]
    for constant in graph.initializer:
        constant.name = names[constant.name]
    graph.initializer.sort(key=lambda constant: int(constant.name.removeprefix("tensor_")))
    # Intermediate shapes, which any reader infers.
    del graph.value_info[:]


@contextlib.contextmanager
def _without_log() -> Iterator[None]:
    """Silences tf2onnx's log during the block."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
