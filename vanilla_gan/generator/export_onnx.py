"""ONNX files of the networks: a walk over the graph's operations, a few lines for each type.

Knows the operations that the systems' networks are made of in inference. Images inside the graph
are [B, H, W, C], those of ONNX's convolutions [B, C, H, W]; a convolution is wrapped in transposes,
which onnxruntime cancels out where it can.
"""

from __future__ import annotations

import importlib
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from vanilla_gan.errors import UsageError
from vanilla_gan.generator.trained import Array, Trained
from vanilla_gan.graph.tf1 import tf

# Old enough for any onnxruntime that is still about; nothing newer is needed.
OPSET = 13
IR_VERSION = 7


def check_onnx_installed() -> None:
    """Checks that the packages of the extra `onnx` are there.

    Raises:
      UsageError: one is not.
    """
    for package in ("onnx", "onnxruntime"):
        try:
            _package(package)
        except ImportError as error:
            raise UsageError(
                f"--format=onnx needs the package {package} (the extra [onnx]); install it with "
                f"{sys.executable} -m pip install onnx onnxruntime"
            ) from error


def write_onnx(path: pathlib.Path, trained: Trained, signature: str) -> None:
    """Writes one network as an ONNX file, with the names that its signature has.

    Args:
      path: where the file shall stand.
      trained: the networks.
      signature: which one, `generate` or `discriminate`.

    Raises:
      UsageError: the network has an operation that this module does not know.
      OSError: the file could not be written.
    """
    onnx = _package("onnx")
    walk = _Walk(trained)
    inputs = trained.tensors.inputs(signature)
    for name, tensor in inputs.items():
        walk.names[tensor.name] = name
    outputs = trained.tensors.outputs(signature)
    for name, tensor in outputs.items():
        walk.add("Identity", [walk.visit(tensor)], output=name)
    helper = onnx.helper

    def described(tensors: dict[str, Any]) -> list[Any]:
        return [
            helper.make_tensor_value_info(
                name, onnx.TensorProto.FLOAT, ["batch", tensor.shape.as_list()[-1]]
            )
            for name, tensor in tensors.items()
        ]

    graph = helper.make_graph(
        walk.nodes, signature, described(inputs), described(outputs), walk.constants
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="vanilla_gan",
    )
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def run_onnx(path: pathlib.Path, inputs: dict[str, Array]) -> dict[str, Array]:
    """Returns the outputs of an ONNX file by name, computed by onnxruntime on the CPU."""
    session = _package("onnxruntime").InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def _package(name: str) -> Any:
    """Returns a package of the extra; it is not imported before it is needed."""
    return importlib.import_module(name)


class _Walk:
    """Nodes and constants of an ONNX graph, added while the TensorFlow graph is walked.

    Attributes:
      names: the ONNX name of each tensor that has one, by its name in TensorFlow.
      nodes: in an order in which they can be computed.
      constants: the ONNX initializers.
    """

    def __init__(self, trained: Trained) -> None:
        values = trained.session.run({v.op.name: v for v in trained.variables})
        self._values = {v.handle.name: values[v.op.name] for v in trained.variables}
        self.names: dict[str, str] = {}
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def visit(self, tensor: Any) -> str:
        """Returns the ONNX name of a tensor, after adding what it is computed from."""
        if tensor.name not in self.names:
            emit = _EMIT.get(tensor.op.type)
            if emit is None:
                raise UsageError(
                    f"--format=onnx: the network has an operation {tensor.op.type} "
                    f"({tensor.op.name}), which this program cannot write as ONNX; export a "
                    "saved_model instead"
                )
            self.names[tensor.name] = emit(self, tensor.op)
        return self.names[tensor.name]

    def add(self, kind: str, inputs: list[str], output: str | None = None, **fields: Any) -> str:
        """Adds a node, and returns the name of its output."""
        name = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(_package("onnx").helper.make_node(kind, inputs, [name], **fields))
        return name

    def constant(self, array: npt.NDArray[Any]) -> str:
        """Adds a constant, and returns its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(
            _package("onnx").numpy_helper.from_array(np.ascontiguousarray(array), name)
        )
        return name

    def variable(self, op: Any) -> npt.NDArray[np.float32]:
        """Returns the value of the variable whose reading is `op`."""
        return np.asarray(self._values[op.inputs[0].name])


def _same(kind: str, *attributes: str) -> Callable[[_Walk, Any], str]:
    """Returns the rule for an operation that ONNX has too, with these attributes."""

    def emit(walk: _Walk, op: Any) -> str:
        fields = {attribute: op.get_attr(attribute) for attribute in attributes}
        return walk.add(kind, [walk.visit(tensor) for tensor in op.inputs], **fields)

    return emit


def _matmul(walk: _Walk, op: Any) -> str:
    _expect(op, transpose_a=False, transpose_b=False)
    return walk.add("MatMul", [walk.visit(tensor) for tensor in op.inputs])


def _rsqrt(walk: _Walk, op: Any) -> str:
    return walk.add("Reciprocal", [walk.add("Sqrt", [walk.visit(op.inputs[0])])])


def _concat(walk: _Walk, op: Any) -> str:
    *parts, axis = op.inputs
    return walk.add("Concat", [walk.visit(part) for part in parts], axis=int(_static(axis)))


def _reshape(walk: _Walk, op: Any) -> str:
    shape = walk.constant(np.asarray(_static(op.inputs[1]), np.int64))
    return walk.add("Reshape", [walk.visit(op.inputs[0]), shape])


def _conv(walk: _Walk, op: Any) -> str:
    image, kernel = op.inputs
    pads = _pads(op, image.shape, op.outputs[0].shape, kernel.shape)
    # [H, W, in, out] -> [out, in, H, W]
    weights = walk.add("Transpose", [walk.visit(kernel)], perm=[3, 2, 0, 1])
    return _with_channels_first(walk, "Conv", image, weights, op, pads)


def _conv_transpose(walk: _Walk, op: Any) -> str:
    # Its first input is the shape of the result, which the graph knows but for the batch.
    _, kernel, image = op.inputs
    pads = _pads(op, op.outputs[0].shape, image.shape, kernel.shape)
    # [H, W, out, in] -> [in, out, H, W]
    weights = walk.add("Transpose", [walk.visit(kernel)], perm=[3, 2, 0, 1])
    return _with_channels_first(walk, "ConvTranspose", image, weights, op, pads)


def _with_channels_first(
    walk: _Walk, kind: str, image: Any, weights: str, op: Any, pads: list[int]
) -> str:
    first = walk.add("Transpose", [walk.visit(image)], perm=[0, 3, 1, 2])
    strides = op.get_attr("strides")[1:3]
    result = walk.add(kind, [first, weights], strides=strides, pads=pads)
    return walk.add("Transpose", [result], perm=[0, 2, 3, 1])


def _pads(op: Any, large: Any, small: Any, kernel: Any) -> list[int]:
    """Returns the rows and columns of zeros of a "SAME" convolution from `large` to `small`.

    TensorFlow lays `(small - 1) * stride + kernel - large` of them around the image, the odd one
    behind it. ONNX wants them as top, left, bottom, right.
    """
    _expect(op, padding=b"SAME", data_format=b"NHWC", dilations=[1, 1, 1, 1])
    strides = op.get_attr("strides")
    before, behind = [], []
    for axis in (1, 2):
        zeros = (small[axis] - 1) * strides[axis] + kernel[axis - 1] - large[axis]
        before.append(max(zeros, 0) // 2)
        behind.append(max(zeros, 0) - before[-1])
    return before + behind


def _expect(op: Any, **attributes: Any) -> None:
    for name, expected in attributes.items():
        found = op.get_attr(name)
        if found != expected:
            raise UsageError(
                f"--format=onnx: {op.type} {op.name} has {name} {found}, this program can write "
                f"{expected}; export a saved_model instead"
            )


def _static(tensor: Any) -> Any:
    return tf.get_static_value(tensor)


_EMIT: dict[str, Callable[[_Walk, Any], str]] = {
    "Const": lambda walk, op: walk.constant(_static(op.outputs[0])),
    "ReadVariableOp": lambda walk, op: walk.constant(walk.variable(op)),
    "Identity": _same("Identity"),
    "MatMul": _matmul,
    "Add": _same("Add"),
    "AddV2": _same("Add"),
    "BiasAdd": _same("Add"),  # of the last axis, to which ONNX adds a vector too
    "Sub": _same("Sub"),
    "Mul": _same("Mul"),
    "Rsqrt": _rsqrt,
    "Relu": _same("Relu"),
    "LeakyRelu": _same("LeakyRelu", "alpha"),
    "Sigmoid": _same("Sigmoid"),
    "Tanh": _same("Tanh"),
    "ConcatV2": _concat,
    "Reshape": _reshape,
    "Conv2D": _conv,
    "Conv2DBackpropInput": _conv_transpose,
}
