"""Small ONNX networks of random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def network(
    path: Path,
    *,
    batch: object = "n",
    side: object = 32,
    channels: int = 3,
    classifier: str = "Gemm",
    inputs: int = 1,
    kind: int = FLOAT,
) -> Path:
    """Make a small classifier of random weights: two convolutions, pooling, 10 classes."""
    rng = np.random.default_rng(3)

    def weights(name: str, *shape: int) -> object:
        return numpy_helper.from_array(rng.normal(0, 0.3, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["pictures", "w1"], ["c1"], strides=[2, 2]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], strides=[2, 2]),
        helper.make_node("Relu", ["c2"], ["r2"]),
    ]
    nodes.append(helper.make_node("GlobalAveragePool", ["r2"], ["pool"]))
    nodes.append(helper.make_node("Flatten", ["pool"], ["flat"]))
    last = "flat"
    if classifier == "Gemm":
        nodes.append(helper.make_node("Gemm", [last, "w3", "b3"], ["logits"]))
        nodes.append(helper.make_node("Softmax", ["logits"], ["classes"]))
    elif classifier == "MatMul":
        nodes.append(helper.make_node("MatMul", [last, "w3"], ["classes"]))
    else:
        nodes.append(helper.make_node("Identity", [last], ["classes"]))
    given = [
        helper.make_tensor_value_info(name, kind, [batch, channels, side, side])
        for name in ("pictures", "more")[:inputs]
    ]
    out = helper.make_tensor_value_info("classes", FLOAT, ["n", None])
    graph = helper.make_graph(
        nodes, "small", given, [out],
        [weights("w1", 8, channels, 3, 3), weights("w2", 12, 8, 3, 3), weights("w3", 12, 10),
         weights("b3", 10)],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path
