"""All exact rewrites of a network, in an order in which each helps the next."""

from __future__ import annotations

from onnx import ModelProto

from renzheng.models.graph import activations, dequantisation, normalisation
from renzheng.models.graph.onnx_graph import Graph, branches


def faster(model: ModelProto) -> ModelProto:
    """Return an equivalent network that onnxruntime runs faster.

    Weights in blocks of 8 bits become floats, PReLU becomes operators that stay in onnxruntime's
    blocked layout, and batch normalisation goes into its neighbours. Outputs differ by rounding
    alone.

    Parameters
    ----------
    model
        Any ONNX network; it is not changed. Unknown parts stay, and so does a network with If or
        Loop.

    Raises
    ------
    PackError
        If the result is not valid ONNX, which is a defect.
    """
    if branches(model):
        return model
    graph = Graph(model)
    dequantisation.fold(graph)
    activations.rewrite(graph)
    normalisation.fold(graph)
    return graph.model()
