"""Weights in blocks of 8 bits become the floats that onnxruntime makes of them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from renzheng.models.graph import dequantisation, rewrites
from renzheng.models.graph.onnx_graph import Graph
from renzheng.models.runtime import Network

_INTEGERS = {"int8": (np.int8, -128), "uint8": (np.uint8, 0)}


def network(
    weights: np.ndarray,
    scale: np.ndarray,
    zero: np.ndarray | None,
    axis: int,
    block: int,
    *,
    shape: tuple[int, ...] | None = None,
) -> onnx.ModelProto:
    """A network that adds what its dequantised, perhaps reshaped weights are to its input."""
    names = ["q", "s"] + (["z"] if zero is not None else [])
    attributes = {"axis": axis, "block_size": block} if block else {"axis": axis}
    nodes = [helper.make_node("DequantizeLinear", names, ["w"], **attributes)]
    constants = {"q": weights, "s": scale} | ({} if zero is None else {"z": zero})
    if shape is not None:
        nodes.append(helper.make_node("Reshape", ["w", "shape"], ["r"]))
        constants["shape"] = np.array(shape, np.int64)
    nodes.append(helper.make_node("Add", ["x", nodes[-1].output[0]], ["y"]))
    axes = list(shape or weights.shape)
    graph = helper.make_graph(
        nodes,
        "blocks",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, axes)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, axes)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def drawn(
    rng: np.random.Generator, shape: tuple[int, ...], kind: str, axis: int, block: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    integer, least = _INTEGERS[kind]
    blocks = list(shape)
    blocks[axis] = -(-shape[axis] // block)
    weights = rng.integers(least, least + 256, shape).astype(integer)
    scale = rng.uniform(1e-3, 0.1, blocks).astype(np.float32)
    return weights, scale, rng.integers(least, least + 256, blocks).astype(integer)


@settings(max_examples=60)
@given(
    shape=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    data=st.data(),
    kind=st.sampled_from(sorted(_INTEGERS)),
    zeros=st.booleans(),
    seed=st.integers(0, 99),
)
def test_as_onnxruntime_dequantises(
    shape: list[int], data: st.DataObject, kind: str, zeros: bool, seed: int
) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    block = data.draw(st.integers(1, shape[axis] + 1))  # also such as do not divide the axis
    rng = np.random.default_rng(seed)
    weights, scale, zero = drawn(rng, tuple(shape), kind, axis, block)
    assume(scale.size > 1)  # onnxruntime takes a single scale for that of a whole tensor
    model = network(weights, scale, zero if zeros else None, axis, block)
    folded = rewrites.faster(model)
    assert [node.op_type for node in folded.graph.node] == ["Add"]
    nothing = np.zeros(shape, np.float32)
    wanted = Network(model.SerializeToString())(nothing)[0]
    found = Network(folded.SerializeToString())(nothing)[0]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_what_reshapes_the_weights_goes_with_them() -> None:
    weights, scale, zero = drawn(np.random.default_rng(0), (6, 20), "int8", 1, 8)
    model = network(weights, scale, zero, 1, 8, shape=(4, 5, 6))
    graph = Graph(model)
    assert dequantisation.fold(graph) == 1
    assert [node.op_type for node in graph.nodes] == ["Add"]
    nothing = np.zeros((4, 5, 6), np.float32)
    np.testing.assert_allclose(
        Network(graph.model().SerializeToString())(nothing)[0],
        Network(model.SerializeToString())(nothing)[0],
        atol=1e-5,
    )


@pytest.mark.parametrize("axes", [(), (1,)])
def test_one_scale_for_a_tensor_or_channel_stays(axes: tuple[int, ...]) -> None:
    # Runtimes compute with such integers as they are: `packs quantise` writes them.
    weights = np.arange(12, dtype=np.int8).reshape(3, 4)
    scale = np.full([weights.shape[k] for k in axes], 0.1, np.float32)
    graph = Graph(network(weights, scale, None, 1, 0))
    assert dequantisation.fold(graph) == 0
    assert [node.op_type for node in graph.nodes] == ["DequantizeLinear", "Add"]


def test_an_output_of_the_network_is_no_constant() -> None:
    weights, scale, zero = drawn(np.random.default_rng(0), (6, 20), "int8", 1, 8)
    model = network(weights, scale, zero, 1, 8)
    model.graph.output.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [6, 20]))
    graph = Graph(model)
    assert dequantisation.fold(graph) == 0
    graph.model()
