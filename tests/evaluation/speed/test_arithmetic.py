"""Multiply-adds by hand, from a graph, and by torch."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from renzheng import PackError
from renzheng.evaluation.speed.arithmetic import Step, count
from renzheng.models.packs import Pack


def network(
    nodes: list, shape: tuple[int | str, ...], *, kind: int = TensorProto.FLOAT, **weights: object
) -> bytes:
    """A network from ``x`` of this shape to ``y``; weights by name, as shapes or as arrays."""
    constants = [
        numpy_helper.from_array(
            np.zeros(value, np.float32) if isinstance(value, tuple) else np.asarray(value), name
        )
        for name, value in weights.items()
    ]
    graph = helper.make_graph(
        nodes,
        "made up",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_empty_tensor_value_info("y")],
        constants,
    )
    opset = helper.make_opsetid("", 13)
    made: bytes = helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    return made


def conv(weight: str = "w", operator: str = "Conv", **attributes: object) -> list:
    return [helper.make_node(operator, ["x", weight], ["y"], name="only", **attributes)]


@pytest.mark.parametrize(
    ("nodes", "shape", "weights", "expected"),
    [
        # 8 outputs of 10 x 12 pixels, each of 3 x 3 x 3 factors.
        (conv(pads=[1] * 4), (1, 3, 10, 12), {"w": (8, 3, 3, 3)}, 8 * 120 * 27),
        (conv(), (4, 3, 10, 12), {"w": (8, 3, 3, 3)}, 4 * 8 * 80 * 27),
        (conv(strides=[2, 2]), (1, 3, 11, 11), {"w": (8, 3, 3, 3)}, 8 * 25 * 27),
        (conv(dilations=[2, 2]), (1, 3, 11, 11), {"w": (8, 3, 3, 3)}, 8 * 49 * 27),
        # In groups each output sees its own inputs; depthwise only one.
        (conv(group=2), (1, 4, 5, 5), {"w": (6, 2, 3, 3)}, 6 * 9 * 18),
        (conv(group=4), (1, 4, 5, 5), {"w": (4, 1, 3, 3)}, 4 * 9 * 9),
        (conv(), (1, 2, 9), {"w": (5, 2, 3)}, 5 * 7 * 6),  # along a line
        (conv(operator="ConvTranspose"), (1, 3, 5, 5), {"w": (3, 8, 2, 2)}, 75 * 32),
        (
            [helper.make_node("MatMul", ["x", "w"], ["y"])],
            (7, 5, 20),
            {"w": (20, 3)},
            7 * 5 * 3 * 20,
        ),
        (
            [helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)],
            (7, 20),
            {"w": (3, 20), "b": (3,)},
            7 * 3 * 20,
        ),
        ([helper.make_node("Gemm", ["x", "w"], ["y"], transA=1)], (20, 7), {"w": (20, 3)}, 420),
        # Neither activation nor pooling nor normalisation counts.
        ([helper.make_node("Relu", ["x"], ["y"])], (1, 3, 5, 5), {}, 0),
    ],
)
def test_by_hand(
    nodes: list, shape: tuple[int, ...], weights: dict[str, tuple[int, ...]], expected: int
) -> None:
    counted = count(network(nodes, shape, **weights), shape)
    assert counted.multiply_adds == counted.floating == expected
    assert counted.integer == 0


def test_shapes_flow_through_a_network_of_any_size() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["c"], name="first"),
        helper.make_node("MaxPool", ["c"], ["p"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        helper.make_node("Conv", ["p", "b"], ["d"]),
        helper.make_node("GlobalAveragePool", ["d"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "e"], ["y"]),
    ]
    made = network(
        nodes, ("n", 3, "h", "w"), a=(4, 3, 3, 3), b=(6, 4, 1, 1), e=np.zeros((6, 9), np.float32)
    )
    counted = count(made, (2, 3, 11, 14))
    assert counted.steps == (
        Step("first", "Conv", 2 * 4 * 9 * 12 * 27),
        Step("d", "Conv", 2 * 6 * 5 * 6 * 4),  # 9 x 12 halved, rounded up
        Step("y", "Gemm", 2 * 6 * 9),
    )
    assert count(made, (1, 3, 11, 14)).multiply_adds * 2 == counted.multiply_adds


def test_integers_are_counted_by_themselves() -> None:
    scale = np.array(0.1, np.float32)
    zero, signed = np.array(0, np.uint8), np.array(0, np.int8)
    weights = np.zeros((8, 3, 3, 3), np.int8)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("QLinearConv", ["q", "s", "z", "w", "s", "i", "s", "z"], ["c"]),
        helper.make_node("DequantizeLinear", ["c", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["v", "s", "i"], ["e"]),
        helper.make_node("Conv", ["d", "e"], ["f"], name="of integers in floats' clothes"),
        helper.make_node("Conv", ["f", "g"], ["y"], name="of floats"),
    ]
    made = network(
        nodes, (1, 3, 6, 6), s=scale, z=zero, i=signed, w=weights,
        v=np.zeros((5, 8, 1, 1), np.int8), g=(2, 5, 1, 1),
    )  # fmt: skip
    counted = count(made, (1, 3, 6, 6))
    assert counted.integer == 8 * 16 * 27 + 5 * 16 * 8
    assert counted.floating == 2 * 16 * 5
    product = [helper.make_node("MatMulInteger", ["x", "w"], ["y"])]
    made = network(product, (4, 9), kind=TensorProto.UINT8, w=np.zeros((9, 2), np.int8))
    assert count(made, (4, 9)).integer == 4 * 2 * 9


def test_what_cannot_be_counted_is_refused(tmp_path: Path) -> None:
    plain = network(conv(), ("n", 3, "h", "w"), w=(8, 3, 3, 3))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network")
    missing = tmp_path / "missing.onnx"
    einsum = [helper.make_node("Einsum", ["x", "w"], ["y"], equation="ij,jk->ik")]
    for source, shape, told in (
        (plain, (1, 4, 9, 9), "0 is any"),
        (plain, (1, 3, 9), "0 is any"),
        (network(einsum, (2, 3), w=(3, 4)), (2, 3), "Einsum"),
        (broken, (1,), "broken.onnx"),
        (missing, (1,), "missing.onnx"),
    ):
        with pytest.raises(PackError, match="cannot be counted") as caught:
            count(source, shape)
        assert told in str(caught.value)


def test_the_cascade_costs_what_its_paper_says_and_the_rewriting_adds(mtcnn_pack: Pack) -> None:
    # R-Net and O-Net of Zhang et al. 2016, layer by layer; activations and zeros may be written as
    # convolutions, so the graph has a little more and nothing less.
    rnet = 22 * 22 * 28 * 27 + 9 * 9 * 48 * 28 * 9 + 3 * 3 * 64 * 48 * 4 + 576 * 128 + 128 * 6
    counted = count(mtcnn_pack.file("rnet.onnx"), (1, 3, 24, 24)).multiply_adds
    assert rnet <= counted < 2 * rnet
    one, many = (count(mtcnn_pack.file("onet.onnx"), (n, 3, 48, 48)).multiply_adds for n in (1, 16))
    assert many == 16 * one


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch on its own TorchScript exporter
@pytest.mark.parametrize("name", ["mobilefacenet", "iresnet-18"])
def test_torch_counts_the_same(name: str) -> None:
    torch = pytest.importorskip("torch")
    from renzheng.training import backbones

    backbone = backbones.get(name)
    size = backbone.input_size
    network = backbone.build().eval()
    file = io.BytesIO()
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, size, size),),
        file,
        dynamo=False,
        input_names=["pictures"],
        dynamic_axes={"pictures": {0: "n"}},
    )
    wanted = backbones.cost(network, size).multiply_adds
    assert count(file.getvalue(), (1, 3, size, size)).multiply_adds == wanted
    assert count(file.getvalue(), (3, 3, size, size)).multiply_adds == 3 * wanted
