"""Networks written as ONNX, in the one form that all converters share.

Importing this imports onnx, which is slow and needed only where packs are built.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

_OPSET, _IR = 17, 8

Value = tuple[str, Sequence[int | str]]  # a float32 input or output: its name and its shape


class OnnxWriter:
    """A network with one input and one output, written node by node.

    Parameters
    ----------
    named
        Whether each node bears its output's name.

    Attributes
    ----------
    nodes
        The nodes written so far, in the order in which they run.
    constants
        The weights by name, in the order in which they were added.
    """

    def __init__(self, *, named: bool = True):
        self._named = named
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, npt.NDArray[Any]] = {}

    def node(self, operator: str, output: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return its output's name."""
        name = output if self._named else None
        self.nodes.append(helper.make_node(operator, inputs, [output], name, **attributes))
        return output

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        """Add a constant and return its name; floats become float32."""
        single = np.issubdtype(values.dtype, np.floating)
        self.constants[name] = np.ascontiguousarray(values, np.float32 if single else None)
        return name

    def model(self, name: str, given: Value, result: Value) -> ModelProto:
        """Return the network of this name, checked."""
        return make_model(name, self.nodes, self.constants.items(), given, result)


def make_model(
    name: str,
    nodes: Sequence[NodeProto],
    constants: Iterable[tuple[str, npt.NDArray[Any]]],
    given: Value,
    result: Value,
) -> ModelProto:
    """Return a network, checked.

    Parameters
    ----------
    name
        The network's name.
    nodes
        The nodes in the order in which they run.
    constants
        The weights with their names.
    given, result
        The input and the output, both float32.
    """
    inputs, outputs = (
        [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape)]
        for tensor, shape in (given, result)
    )
    weights = [numpy_helper.from_array(values, key) for key, values in constants]
    model = helper.make_model(
        helper.make_graph(nodes, name, inputs, outputs, weights),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
        producer_name="renzheng",
    )
    checker.check_model(model, full_check=True)
    return model


def to_bytes(model: ModelProto) -> bytes:
    """Return a network's file, weights included; equal networks give equal bytes."""
    return bytes(model.SerializeToString(deterministic=True))
