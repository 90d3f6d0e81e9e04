"""The arithmetic of an ONNX network, counted from its graph without running it.

The functions import onnx when they are called, since comparing pictures never needs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renzheng.errors import PackError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """One matrix product or convolution of a network.

    Attributes
    ----------
    name
        The name of the graph's node, or of its first output if the node has none.
    operator
        The ONNX name of the operator.
    multiply_adds
        The number of multiply-adds.
    integer
        Whether its factors are 8-bit integers.
    """

    name: str
    operator: str
    multiply_adds: int
    integer: bool = False


@dataclass(frozen=True)
class Count:
    """The arithmetic of one call.

    Attributes
    ----------
    steps
        All matrix products and convolutions, in the order of the graph.
    """

    steps: tuple[Step, ...]

    @property
    def floating(self) -> int:
        """The number of multiply-adds of floating-point numbers."""
        return sum(step.multiply_adds for step in self.steps if not step.integer)

    @property
    def integer(self) -> int:
        """The number of multiply-adds of 8-bit integers."""
        return sum(step.multiply_adds for step in self.steps if step.integer)

    @property
    def multiply_adds(self) -> int:
        """The number of all multiply-adds."""
        return self.floating + self.integer


def count(model: Path | bytes, shape: Sequence[int]) -> Count:
    """Count the multiply-adds of one call.

    Counted are convolutions (also grouped and depthwise), their transposes and matrix products, of
    floats and of 8-bit integers. As in papers, each multiplication with its addition counts once,
    and activations, pooling, normalisation and biases do not count.

    Parameters
    ----------
    model
        The ONNX file, or its bytes, of a network with one input.
    shape
        The shape of the input, such as ``(n, 3, height, width)``.

    Raises
    ------
    PackError
        If it is not such a network, does not accept the shape, or contains an operator whose
        arithmetic cannot be read off the graph.
    """
    import onnx

    source = "<bytes>" if isinstance(model, bytes) else str(model)
    try:
        read = (
            onnx.load_from_string(model)
            if isinstance(model, bytes)
            else onnx.load(str(model), load_external_data=False)
        )
        graph = _shaped(read, shape).graph
        shapes = _shapes(graph)
        quantised = {
            name
            for node in graph.node
            if node.op_type == "DequantizeLinear"
            for name in node.output
        }
        steps = []
        for node in graph.node:
            if any(each.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
                   for each in node.attribute):  # fmt: skip
                raise ValueError(f"{node.op_type} contains a subgraph")
            if node.op_type in _OPAQUE:
                raise ValueError(f"{node.op_type} cannot be counted")
            rule = _RULES.get(node.op_type)
            if rule is not None:
                operands = [node.input[k] for k in rule.operands]
                first, second = (_known(shapes, name) for name in operands)
                made = _known(shapes, node.output[0])
                steps.append(
                    Step(
                        node.name or node.output[0],
                        node.op_type,
                        rule.arithmetic(first, second, made, _attributes(node)),
                        rule.integer or all(name in quantised for name in operands),
                    )
                )
    except Exception as error:  # onnx's and protobuf's own families have no common root
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PackError(f"its arithmetic cannot be counted: {reason}", source=source) from error
    return Count(tuple(steps))


@dataclass(frozen=True)
class _Rule:
    arithmetic: Callable[[Shape, Shape, Shape, dict[str, Any]], int]  # of both operands, the output
    operands: tuple[int, int] = (0, 1)
    integer: bool = False


def _convolution(_: Shape, kernel: Shape, output: Shape, __: dict[str, Any]) -> int:
    # A kernel is (outputs, inputs / groups, ...): every output depends on its own group only.
    return math.prod(output) * math.prod(kernel[1:])


def _transposed(inputs: Shape, kernel: Shape, _: Shape, __: dict[str, Any]) -> int:
    # (inputs, outputs / groups, ...): every input contributes to that many outputs.
    return math.prod(inputs) * math.prod(kernel[1:])


def _product(first: Shape, _: Shape, output: Shape, __: dict[str, Any]) -> int:
    return math.prod(output) * first[-1]


def _gemm(first: Shape, _: Shape, output: Shape, attributes: dict[str, Any]) -> int:
    return math.prod(output) * first[0 if attributes.get("transA") else 1]


_RULES = {
    "Conv": _Rule(_convolution),
    "ConvInteger": _Rule(_convolution, integer=True),
    "QLinearConv": _Rule(_convolution, (0, 3), integer=True),
    "ConvTranspose": _Rule(_transposed),
    "MatMul": _Rule(_product),
    "MatMulInteger": _Rule(_product, integer=True),
    "QLinearMatMul": _Rule(_product, (0, 3), integer=True),
    "Gemm": _Rule(_gemm),
}

_OPAQUE = {"Attention", "DeformConv", "Einsum", "GRU", "LSTM", "RNN"}  # they multiply as well


def _shaped(model: Any, shape: Sequence[int]) -> Any:
    """Return the model for an input of this shape, with all shapes inferred."""
    import onnx

    weights = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in weights]
    if len(inputs) != 1:
        raise ValueError(f"it has {len(inputs)} inputs, not one")
    axes = inputs[0].type.tensor_type.shape.dim
    sizes = [axis.dim_value for axis in axes]
    fits = len(sizes) == len(shape) and all(a in (0, b) for a, b in zip(sizes, shape, strict=True))
    if not fits:
        raise ValueError(f"it takes {sizes} (0 is any), not {list(shape)}")
    for axis, length in zip(axes, shape, strict=True):
        axis.dim_value = length
    # The shapes of intermediate results may name axes that are numbers now.
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)


def _shapes(graph: Any) -> dict[str, Shape | None]:
    found: dict[str, Shape | None] = {each.name: tuple(each.dims) for each in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                found[node.output[0]] = tuple(attribute.t.dims)
    for each in (*graph.input, *graph.value_info, *graph.output):
        axes = each.type.tensor_type.shape.dim
        known = all(axis.HasField("dim_value") for axis in axes)
        found.setdefault(each.name, tuple(axis.dim_value for axis in axes) if known else None)
    return found


def _known(shapes: dict[str, Shape | None], name: str) -> Shape:
    shape = shapes.get(name)
    if shape is None:
        raise ValueError(f"the shape of {name} is not known before it is computed")
    return shape


def _attributes(node: Any) -> dict[str, Any]:
    import onnx

    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
