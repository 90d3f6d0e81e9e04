"""Weights in 8 bits by blocks, converted to float once instead of at every start.

Such a file is small but computes in float all the same: a loaded network gains nothing from the
integers, and the other rewrites see no weights behind them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from onnx import ModelProto

from renzheng.models.graph.onnx_graph import Graph, attributes

Array = npt.NDArray[np.generic]


def as_float(model: ModelProto) -> ModelProto:
    """Return a network with float weights and no inputs but those that a caller gives.

    OpenCV Zoo's files in 8 bits list the weights that they dequantise among their inputs, and no
    other library than onnxruntime computes with their blocks.

    Parameters
    ----------
    model
        Any ONNX network; it is not changed.
    """
    one = ModelProto()
    one.CopyFrom(model)
    one.ir_version = max(one.ir_version, 4)  # before, weights had to be among the inputs
    made = {name for node in one.graph.node for name in node.output}
    made |= {each.name for each in one.graph.initializer}
    used = {name for node in one.graph.node for name in node.input}
    given = [each for each in one.graph.input if each.name in used - made]
    del one.graph.input[:]
    one.graph.input.extend(given)
    graph = Graph(one)
    fold(graph)
    return graph.model()


def fold(graph: Graph) -> int:
    """Fold every block-wise DequantizeLinear of constants, and what reshapes it, in place.

    Integers with one scale for a whole tensor or channel stay: onnxruntime computes with these as
    they are (QDQ).

    Returns
    -------
    int
        The number of dequantised weights.
    """
    folded: set[str] = set()
    count = 0
    for node in list(graph.nodes):
        made = node.output[0]
        if made in graph.outputs:  # must come from a node
            continue
        if node.op_type == "DequantizeLinear":
            given = attributes(node)
            quantised, scale = graph.constant(node, 0), graph.constant(node, 1)
            if (
                not given.get("block_size", 0)
                or quantised is None
                or quantised.dtype not in (np.int8, np.uint8)
                or scale is None
                or scale.dtype != np.float32
            ):
                continue
            graph.constants[made] = dequantised(
                quantised,
                scale,
                graph.constant(node, 2),
                axis=given.get("axis", 1),
                block=given["block_size"],
            )
            count += 1
        elif node.op_type == "Reshape" and node.input[0] in folded:
            shape = graph.constant(node, 1)
            if shape is None or not (shape > 0).all():
                continue
            graph.constants[made] = graph.constants[node.input[0]].reshape(shape)
        else:
            continue
        folded.add(made)
        graph.replace(node, [])
    return count


def dequantised(
    quantised: Array, scale: Array, zero: Array | None, *, axis: int, block: int
) -> npt.NDArray[np.float32]:
    """Return float weights, as DequantizeLinear of ONNX 21 defines them.

    Parameters
    ----------
    quantised
        Integers of any shape.
    scale, zero
        One value a block: the shape of `quantised`, with ``ceil(n / block)`` along the axis. No
        zero means 0.
    axis
        The axis that blocks divide.
    block
        The number of neighbours along the axis that share a scale; the last block may be smaller.
    """
    length = quantised.shape[axis]

    def spread(values: Array) -> npt.NDArray[np.float32]:
        wide = np.repeat(values.astype(np.float32), block, axis)
        return np.asarray(np.take(wide, np.arange(length), axis))

    shifted = quantised.astype(np.float32)
    if zero is not None:
        shifted = shifted - spread(zero)
    return np.asarray(shifted * spread(scale), np.float32)
