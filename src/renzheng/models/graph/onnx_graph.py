"""An ONNX graph that can be edited: nodes in order, and constants as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import (
    AttributeProto,
    ModelProto,
    NodeProto,
    checker,
    helper,
    numpy_helper,
    shape_inference,
)

from renzheng.errors import PackError

Array = npt.NDArray[Any]


class Graph:
    """A model's graph.

    Constants are never changed in place: exporters share them between nodes.

    Parameters
    ----------
    model
        The model; it is not changed.

    Attributes
    ----------
    nodes
        The nodes, in an order in which they can run.
    constants
        Weights and other constants by name.
    """

    def __init__(self, model: ModelProto):
        self._model = ModelProto()
        self._model.CopyFrom(model)
        graph = self._model.graph
        self.constants: dict[str, Array] = {
            each.name: numpy_helper.to_array(each) for each in graph.initializer
        }
        self.outputs = {each.name for each in graph.output}
        self.nodes: list[NodeProto] = []
        for node in graph.node:
            if node.output[0] not in self.outputs:
                value = self._constant_of(node)
                if value is not None:
                    self.constants[node.output[0]] = value
                    continue
            self.nodes.append(node)
        self._fresh = 0
        inferred = shape_inference.infer_shapes(self._model).graph
        self._ranks = {
            each.name: len(each.type.tensor_type.shape.dim)
            for each in (*inferred.input, *inferred.value_info)
            if each.type.tensor_type.HasField("shape")
        }

    def _constant_of(self, node: NodeProto) -> Array | None:
        """Return a node's constant output; torch's exporter shares weights through Identity."""
        if node.op_type == "Identity":
            return self.constants.get(node.input[0])
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            value: Array = numpy_helper.to_array(node.attribute[0].t)
            return value
        return None

    def constant(self, node: NodeProto, place: int) -> Array | None:
        """Return a node's input if it exists and is constant."""
        if place >= len(node.input):
            return None
        return self.constants.get(node.input[place])

    def add_constant(self, value: Array, hint: str) -> str:
        """Add a constant under a new name, and return the name."""
        name = self.fresh(hint)
        self.constants[name] = np.ascontiguousarray(value)
        return name

    def fresh(self, hint: str) -> str:
        """Return a new name for a tensor."""
        self._fresh += 1
        return f"{hint}#{self._fresh}"

    def rank(self, tensor: str) -> int | None:
        """Return the number of a tensor's axes in the original model; None if it is unknown."""
        return self._ranks.get(tensor)

    def producer(self, tensor: str) -> NodeProto | None:
        """Return the node that produces a tensor; None for inputs and constants."""
        return next((node for node in self.nodes if tensor in node.output), None)

    def consumers(self, tensor: str) -> list[NodeProto]:
        """Return the nodes that consume a tensor, once each."""
        return [node for node in self.nodes if tensor in node.input]

    def only_consumer(self, tensor: str) -> NodeProto | None:
        """Return the only node that consumes a tensor; None if there are others or it is output."""
        found = self.consumers(tensor)
        once = len(found) == 1 and tensor not in self.outputs
        return found[0] if once and list(found[0].input).count(tensor) == 1 else None

    def replace(self, node: NodeProto, others: Sequence[NodeProto]) -> None:
        """Replace a node with other nodes."""
        place = next(i for i, each in enumerate(self.nodes) if each is node)
        self.nodes[place : place + 1] = others

    def bypass(self, node: NodeProto) -> None:
        """Remove a node of one input and one output: its consumers take its input."""
        given, made = node.input[0], node.output[0]
        self.replace(node, [])
        if made in self.outputs:
            # The output keeps its name; the tensor before gets it.
            given, made = made, given
            source = self.producer(made)
            assert source is not None
            source.output[list(source.output).index(made)] = given
        for other in self.consumers(made):
            for i, name in enumerate(other.input):
                if name == made:
                    other.input[i] = given

    def model(self) -> ModelProto:
        """Return the edited model, checked.

        Raises
        ------
        PackError
            If it is not valid ONNX.
        """
        used = {name for node in self.nodes for name in node.input} | self.outputs
        model = ModelProto()
        model.CopyFrom(self._model)
        graph = model.graph
        _fill(graph.node, self.nodes)
        kept = (item for item in self.constants.items() if item[0] in used)
        _fill(graph.initializer, (numpy_helper.from_array(v, name) for name, v in kept))
        inputs = [each for each in graph.input if each.name not in self.constants]
        _fill(graph.input, inputs)
        _fill(graph.value_info, ())  # shapes that no longer hold
        try:
            checker.check_model(model)
        except checker.ValidationError as error:
            raise PackError(f"the rewritten network is not valid: {error}") from error
        return model


def branches(model: ModelProto) -> bool:
    """Return whether nodes hold graphs (If, Loop), whose use of tensors is not tracked."""
    return any(
        each.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS)
        for node in model.graph.node
        for each in node.attribute
    )


def read(path: Path) -> ModelProto:
    """Read an ONNX file.

    Raises
    ------
    PackError
        If the file cannot be read as ONNX.
    """
    try:
        return onnx.load(path)
    except (OSError, DecodeError, ValueError, checker.ValidationError) as error:
        raise PackError(f"the network cannot be read: {error}", source=str(path)) from error


def write(model: ModelProto, path: Path) -> None:
    """Write a network to a file, and its weights to one beside it with the suffix ``.weights``.

    onnxruntime maps a file of weights into memory. Weights inside the network it reads, parses and
    copies: for dlib's ResNet that cost a comparison 16 ms and its process 24 MB.
    """
    weights = path.with_suffix(".weights")
    weights.unlink(missing_ok=True)  # onnx appends to what is there
    onnx.save_model(model, path, save_as_external_data=True, location=weights.name)
    if weights.exists():  # weights of less than 1 KiB stay inside
        weights.chmod(path.stat().st_mode & 0o777)  # onnx closes it to all but its owner


def attributes(node: NodeProto) -> dict[str, Any]:
    """Return a node's attributes by name."""
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def padded(convolution: NodeProto) -> bool:
    """Return whether a convolution pads its input."""
    given = attributes(convolution)
    return given.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID") or any(
        given.get("pads", ())
    )


def _fill(field: Any, content: Iterable[Any]) -> None:
    kept = list(content)
    del field[:]
    field.extend(kept)
