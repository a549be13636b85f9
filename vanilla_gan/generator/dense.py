"""The networks of a trained system as plain layers, if all their layers are fully connected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vanilla_gan.generator.export_record import Origin
from vanilla_gan.generator.generator import open_trained
from vanilla_gan.generator.trained import Trained
from vanilla_gan.graph.update import uses

Floats = npt.NDArray[np.float32]

# The names used here, by the type of the graph's operation.
_ACTIVATIONS = {"Relu": "leaky", "LeakyRelu": "leaky", "Sigmoid": "sigmoid", "Tanh": "tanh"}
_SUMS = ("Add", "AddV2", "BiasAdd")


class NotDense(Exception):
    """A network has a part that is not a fully connected layer; the message says which."""


class Layer(NamedTuple):
    """One layer: `activation(x W + b)`.

    Attributes:
      W, b: float32 [n, m] and [m].
      activation: `none`, `leaky`, `sigmoid` or `tanh`.
      slope: the slope of `leaky` for negative inputs; 0 means ReLU.
    """

    W: Floats
    b: Floats
    activation: str
    slope: float


class DenseNetworks(NamedTuple):
    """Both networks of a system.

    Attributes:
      generator: its layers; takes noise, followed by the one-hot class if `G_sees_class`.
      discriminator: its layers up to the logit; takes an image, and the class if `D_sees_class`.
      G_sees_class, D_sees_class: whether the class is among the inputs.
    """

    generator: list[Layer]
    discriminator: list[Layer]
    G_sees_class: bool
    D_sees_class: bool


def read_dense(path: str, inform: Callable[[str], None]) -> tuple[Origin, DenseNetworks]:
    """Returns where a trained system comes from, and the layers of its networks.

    The weights are those that are applied, with averaging and normalisation already done.

    Args:
      path: as `Generator.load` takes it.
      inform: called with a line for each damaged checkpoint that is passed over.

    Raises:
      NotDense: one of the networks has other layers.
      CheckpointError: there is nothing to load.
    """
    with open_trained(path, inform=inform) as trained:
        tensors = trained.tensors
        G, G_sees_class = _layers(trained, tensors.G_sample, tensors.Z)
        D, D_sees_class = _layers(trained, tensors.D_logit, tensors.X)
        return trained.origin, DenseNetworks(G, D, G_sees_class, D_sees_class)


def _layers(trained: Trained, output: Any, first: Any) -> tuple[list[Layer], bool]:
    """Returns the layers from an input to an output, and whether labels are joined to the input."""
    tensors = trained.tensors
    inputs = [each for each in (tensors.X, tensors.Z, tensors.y) if each is not None]
    found: list[tuple[Any, Any, str, float]] = []
    at = output
    while at is not first:
        if at.op.type == "ConcatV2":
            beside = [each for each in at.op.inputs if each is first or each is tensors.y]
            if len(beside) == 2 and beside[0] is first:
                break
        at, *layer = _behind(at, inputs)
        found.append((*layer,))
    values = trained.session.run([layer[:2] for layer in found])
    layers = [
        Layer(np.asarray(W, np.float32), np.asarray(b, np.float32).reshape(-1), activation, slope)
        for (W, b), (_, _, activation, slope) in zip(values, found, strict=True)
    ]
    return layers[::-1], at is not first


def _behind(at: Any, inputs: list[Any]) -> tuple[Any, Any, Any, str, float]:
    """Returns the input of the layer whose output is `at`, its W and b, and its activation."""
    at, activation, slope = _plain(at), "none", 0.0
    if at.op.type in _ACTIVATIONS:
        activation = _ACTIVATIONS[at.op.type]
        slope = float(at.op.get_attr("alpha")) if at.op.type == "LeakyRelu" else 0.0
        at = _plain(at.op.inputs[0])
    if at.op.type not in _SUMS:
        raise NotDense(f"{at.op.name} is a {at.op.type}")
    product, b = at.op.inputs
    product = _plain(product)
    is_product = product.op.type == "MatMul" and not any(
        product.op.get_attr(side) for side in ("transpose_a", "transpose_b")
    )
    if not is_product or any(uses([b, product.op.inputs[1]], each) for each in inputs):
        raise NotDense(f"{product.op.name} is a {product.op.type}")
    before, W = product.op.inputs
    return _plain(before), W, b, activation, slope


def _plain(tensor: Any) -> Any:
    while tensor.op.type == "Identity":
        tensor = tensor.op.inputs[0]
    return tensor
