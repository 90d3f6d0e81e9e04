"""PReLU as a convolution, a ReLU and a sum: exact, and fast in onnxruntime.

onnxruntime keeps pictures in blocks of 16 channels between convolutions, and its PReLU takes plain
pictures and a slow, broadcasting way through them: in MobileFaceNet it costs three times as much as
all convolutions together. With slopes ``a``

    PReLU(x) = x + s * relu(c * x),    c = -|1 - a|,  s = 1 where a <= 1 and -1 elsewhere

for every slope: where x >= 0 the second term is 0, and where x < 0 it is s * |1 - a| * |x|, which
is (a - 1) * x. A factor for each channel is a depthwise 1 x 1 convolution; the ReLU is fused into
it, and both stay in blocks.

The other exact ways were measured and are slower: two convolutions [W; -W] cost twice the
arithmetic of either neighbour, and computing relu(c * x) by a second convolution with weights c * W
pays at most for the stem.
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, helper

from renzheng.models.graph.onnx_graph import Graph


def rewrite(graph: Graph) -> int:
    """Rewrite every PReLU with constant slopes, in place, and return the number.

    A slope that all channels share becomes a LeakyRelu or a Relu, which convolutions absorb.
    """
    done = 0
    for node in [each for each in graph.nodes if each.op_type == "PRelu"]:
        slopes = graph.constant(node, 1)
        if slopes is None:
            continue
        if np.all(slopes == slopes.flat[0]):
            graph.replace(node, [_shared(node, float(slopes.flat[0]))])
        elif graph.rank(node.input[0]) == 4 and slopes.shape[-3:] == (slopes.size, 1, 1):
            graph.replace(node, _per_channel(graph, node, slopes.reshape(-1)))
        else:
            continue
        done += 1
    return done


def _shared(node: NodeProto, slope: float) -> NodeProto:
    name, ends = node.name, ([node.input[0]], [node.output[0]])
    if slope == 0:
        return helper.make_node("Relu", *ends, name=name)
    return helper.make_node("LeakyRelu", *ends, name=name, alpha=slope)


def _per_channel(graph: Graph, node: NodeProto, slopes: np.ndarray) -> list[NodeProto]:
    given, made = node.input[0], node.output[0]
    below = slopes <= 1
    nodes = []

    def scaled(tensor: str, factors: np.ndarray, name: str) -> str:
        weight = graph.add_constant(factors.astype(np.float32)[:, None, None, None], name)
        out = graph.fresh(name)
        nodes.append(
            helper.make_node(
                "Conv",
                [tensor, weight],
                [out],
                name=out,
                group=len(factors),
                kernel_shape=[1, 1],
                strides=[1, 1],
                pads=[0, 0, 0, 0],
                dilations=[1, 1],
            )
        )
        return out

    negative = scaled(given, -np.abs(1 - slopes.astype(np.float64)), f"{made}.negative")
    more = graph.fresh(f"{made}.more")
    nodes.append(helper.make_node("Relu", [negative], [more], name=more))
    if not below.all():
        # This costs nothing more: the sum goes into this convolution.
        more = scaled(more, np.where(below, 1, -1), f"{made}.signed")
    nodes.append(helper.make_node("Add", [given, more], [made], name=node.name or made))
    return nodes
