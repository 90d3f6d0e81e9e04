"""3 x 3 convolutions with two thirds of the multiplications, in plain ONNX operators.

Once a float network is nothing but convolutions, near the processor's peak, only fewer
multiplications make it faster. Winograd's F(2, 3) (Lavin and Gray 2015, arXiv:1509.09308) along one
axis gives two neighbouring rows by four products in place of six: with input rows d0 to d3 and
kernel rows g0 to g2, the rows of the output are

    m0 + m1 + m2  and  m1 - m2 - m3,    where
    m0 = (d0 - d2) g0                   m1 = (d1 + d2) (g0 + g1 + g2) / 2
    m2 = (d2 - d1) (g0 - g1 + g2) / 2   m3 = (d1 - d3) g2

and each product is a 1 x 3 convolution. The differences of rows are depthwise convolutions of
stride 2, which onnxruntime runs in its blocked layout; the sums go into convolutions. Along both
axes it would save more multiplications, and lose them to moving numbers about.

The result is exact up to rounding (some 1e-6 of the greatest value). The file grows by a third of
its 3 x 3 weights, and runtimes that have Winograd convolutions of their own gain nothing. It is not
for 8 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, helper, shape_inference

from renzheng.models.graph.onnx_graph import Graph, attributes

# Below, what is saved is lost to the depthwise convolutions.
_FEWEST_CHANNELS = 128
_BLOCK = 16  # onnxruntime's
_MARK = "renzheng.winograd"


def fewer_products(model: ModelProto) -> ModelProto:
    """Rewrite every 3 x 3 convolution that gains by it.

    Parameters
    ----------
    model
        With a fixed size of pictures, rewritten by `rewriting.faster` before.

    Returns
    -------
    ModelProto
        Another model, marked so that `is_rewritten` knows it.
    """
    graph = Graph(model)
    shapes = {
        each.name: [d.dim_value for d in each.type.tensor_type.shape.dim]
        for each in shape_inference.infer_shapes(graph.model()).graph.value_info
    }
    for node in [each for each in graph.nodes if each.op_type == "Conv"]:
        shape = shapes.get(node.output[0], [])
        if _gains(graph, node, shape):
            graph.replace(node, _in_four(graph, node, shape))
    rewritten = graph.model()
    rewritten.metadata_props.add(key=_MARK, value="1")
    return rewritten


def is_rewritten(model: ModelProto) -> bool:
    """Whether `fewer_products` made it."""
    return any(each.key == _MARK for each in model.metadata_props)


def _gains(graph: Graph, node: NodeProto, shape: list[int]) -> bool:
    weight, given = graph.constant(node, 1), attributes(node)
    if weight is None or len(shape) != 4 or weight.shape[2:] != (3, 3):
        return False
    plain = (
        given.get("group", 1) == 1
        and list(given.get("strides", (1, 1))) == [1, 1]
        and list(given.get("dilations", (1, 1))) == [1, 1]
        and list(given.get("pads", (0, 0, 0, 0))) == [1, 1, 1, 1]
        and given.get("auto_pad", b"NOTSET") == b"NOTSET"
        and (len(node.input) < 3 or graph.constant(node, 2) is not None)
    )
    wide = min(weight.shape[:2]) >= _FEWEST_CHANNELS and not any(
        count % _BLOCK for count in weight.shape[:2]
    )
    # A size of 0 is one that is not fixed; of few rows, an odd one would be too much of the work.
    return plain and wide and shape[3] > 0 and (shape[2] >= 7 or shape[2] in (2, 4, 6))


def _in_four(graph: Graph, node: NodeProto, shape: list[int]) -> list[NodeProto]:
    weight = graph.constant(node, 1)
    assert weight is not None
    kernel = weight.astype(np.float64)
    first, middle, last = (kernel[:, :, k : k + 1] for k in range(3))
    outputs, inputs = kernel.shape[:2]
    bias = graph.constant(node, 2)
    odd_rows = shape[2] % 2  # then a row of zeros is added below, and what it gives cut off
    nodes: list[NodeProto] = []
    name = node.name or node.output[0]

    def add(kind: str, part: str, *given: str, **more: Any) -> str:
        tensor = graph.fresh(f"{name}.{part}")
        nodes.append(helper.make_node(kind, list(given), [tensor], name=tensor, **more))
        return tensor

    def rows(part: str, taps: tuple[int, int], apart: int, before: int, after: int) -> str:
        """Every second row times a tap, and a later row times the other."""
        factors = np.tile(np.array(taps, np.float32).reshape(1, 1, 2, 1), (inputs, 1, 1, 1))
        return add(
            "Conv", part, node.input[0], graph.add_constant(factors, f"{name}.{part}"),
            group=inputs, kernel_shape=[2, 1], strides=[2, 1], dilations=[apart, 1],
            pads=[before, 0, after + odd_rows, 0],
        )  # fmt: skip

    def product(part: str, tensor: str, values: np.ndarray, shift: np.ndarray | None = None) -> str:
        constants = [graph.add_constant(values.astype(np.float32), f"{name}.{part}")]
        if shift is not None:
            constants.append(graph.add_constant(shift.astype(np.float32), f"{name}.{part}.bias"))
        return add("Conv", part, tensor, *constants, kernel_shape=[1, 3], pads=[0, 1, 0, 1])

    def times(part: str, tensor: str, factor: float) -> str:
        factors = np.full((outputs, 1, 1, 1), factor, np.float32)
        constant = graph.add_constant(factors, f"{name}.{part}")
        return add("Conv", part, tensor, constant, group=outputs, kernel_shape=[1, 1])

    twice_m1 = product("m1", rows("d1+d2", (1, 1), 1, 0, 0), first + middle + last)
    minus_twice_m2 = product("m2", rows("d2-d1", (-1, 1), 1, 0, 0), -(first - middle + last))
    twice_less = add("Add", "2m1-2m2", minus_twice_m2, twice_m1)
    total = add("Add", "m1+m2", times("m2-m1", twice_less, -0.5), twice_m1)
    less = times("m1-m2", twice_less, 0.5)
    m0 = product("m0", rows("d0-d2", (1, -1), 2, 1, 0), first, bias)
    m3 = product("m3", rows("d1-d3", (1, -1), 2, 0, 1), -last, bias)
    even, odd = add("Add", "even", m0, total), add("Add", "odd", m3, less)
    # Side by side in memory, a row of each after the other is the whole picture.
    joined = add("Concat", "rows", even, odd, axis=3)
    size = np.array([0, outputs, shape[2] + odd_rows, shape[3]], np.int64)
    whole = add("Reshape", "whole", joined, graph.add_constant(size, f"{name}.size"))
    if odd_rows:
        ends = [np.array([value], np.int64) for value in (0, shape[2], 2)]
        names = [graph.add_constant(end, f"{name}.end") for end in ends]
        whole = add("Slice", "rows", whole, *names)
    nodes[-1].output[0] = node.output[0]
    return nodes
