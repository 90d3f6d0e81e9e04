"""The rewrites give the same function, and leave nothing slow where they can do without."""

from __future__ import annotations

import collections
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from renzheng.errors import InvalidInput
from renzheng.models.graph import quantisation, rewrites
from renzheng.models.runtime import Network
from renzheng.training import backbones, export

_SLOPES = st.one_of(st.floats(-2, 2, width=32), st.sampled_from([0.0, 1.0, -1.0, 0.25, 1.5]))


def kinds(model: onnx.ModelProto) -> collections.Counter[str]:
    return collections.Counter(node.op_type for node in model.graph.node)


def exported(network: nn.Module, side: int, path: Path) -> onnx.ModelProto:
    """As torch writes it, nothing rewritten."""
    export.write_onnx(network.eval(), side, path, rewrite=False)
    return onnx.load(path)


def settled(network: nn.Module, side: int, seed: int = 0) -> nn.Module:
    """A network whose normalisations have seen something, with slopes and shifts of all signs."""
    torch.manual_seed(seed)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.3)
            part.momentum = None
        elif isinstance(part, nn.PReLU):
            nn.init.uniform_(part.weight, -0.5, 1.5)
    network.train()
    with torch.no_grad():
        network(torch.randn(8, 3, side, side))
    return network.eval()


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(
    "name", ["inception-resnet-v1", "resnet-18", "iresnet-18", "vgg-11", "densenet-121"]
)
def test_every_family_is_exported_as_torch_computes_it(name: str, tmp_path: Path) -> None:
    same_as_torch(name, tmp_path)


@pytest.mark.parametrize("activation", ["prelu", "leaky"])
def test_so_is_mobilefacenet(activation: str, tmp_path: Path) -> None:
    same_as_torch("mobilefacenet", tmp_path, activation=activation)


def same_as_torch(name: str, folder: Path, **options: str) -> None:
    kind = backbones.get(name)
    network = settled(kind.build(**options), kind.input_size)
    path = folder / "network.onnx"
    export.write_onnx(network, kind.input_size, path)
    pictures = torch.randn(3, 3, kind.input_size, kind.input_size)
    with torch.inference_mode():
        wanted = unit(network(pictures).numpy())
    found = unit(Network(path)(pictures.numpy())[0])
    assert np.abs(found - wanted).max() < 1e-5
    left = kinds(onnx.load(path))
    assert left["PRelu"] == 0
    # DenseNet's come before a ReLU and stay; all the others go.
    assert (left["BatchNormalization"] == 0) == (name != "densenet-121")


@settings(max_examples=40)
@given(st.lists(_SLOPES, min_size=1, max_size=5), st.integers(0, 1000))
def test_prelu_is_the_same_with_any_slopes(slopes: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(2, len(slopes), 3, 4)).astype(np.float32)
    values[0, 0, 0, :3] = (0.0, -0.0, 1e-30)
    model = prelu(np.array(slopes, np.float32)[:, None, None])
    fast = rewrites.faster(model)
    assert kinds(fast)["PRelu"] == 0
    found = Network(fast.SerializeToString())(values)[0]
    wanted = np.where(values < 0, np.array(slopes, np.float32)[:, None, None] * values, values)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def test_a_shared_slope_becomes_what_a_convolution_takes_with_it() -> None:
    assert kinds(rewrites.faster(prelu(np.full((4, 1, 1), 0.25, np.float32)))) == {"LeakyRelu": 1}
    assert kinds(rewrites.faster(prelu(np.zeros((1, 1, 1), np.float32)))) == {"Relu": 1}


def test_a_slope_for_each_place_is_left_alone() -> None:
    slopes = np.random.default_rng(0).normal(size=(4, 3, 4)).astype(np.float32)
    assert kinds(rewrites.faster(prelu(slopes))) == {"PRelu": 1}


def test_pictures_without_a_batch_and_branches_are_left_alone() -> None:
    slopes = np.random.default_rng(0).normal(size=(4, 1, 1)).astype(np.float32)
    single = prelu(slopes)
    for value in (*single.graph.input, *single.graph.output):
        del value.type.tensor_type.shape.dim[0]
    assert kinds(rewrites.faster(single)) == {"PRelu": 1}
    branched = prelu(slopes)
    inner = helper.make_graph([], "inner", [], [])
    branched.graph.node.append(
        helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)
    )
    assert kinds(rewrites.faster(branched)) == {"PRelu": 1, "If": 1}
    with pytest.raises(InvalidInput, match="branches"):
        quantisation.check(branched)


def prelu(slopes: np.ndarray) -> onnx.ModelProto:
    channels = slopes.shape[0] if slopes.ndim == 3 and slopes.shape[0] > 1 else len(slopes)
    shape = ["n", channels, 3, 4]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("PRelu", ["x", "slopes"], ["y"])],
        "prelu",
        [value("x", TensorProto.FLOAT, shape)],
        [value("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(slopes, "slopes")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class PreActivated(nn.Module):
    """A stream of sums with normalisation before padded convolutions, as IResNet's."""

    def __init__(self, slope: float | None, *, spoil: str = ""):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.slope = nn.PReLU(8)
        self.norms = nn.ModuleList(nn.BatchNorm2d(8) for _ in range(3))
        self.inner = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1, groups=g) for g in (1, 2, 8))
        self.outer = nn.ModuleList(nn.Conv2d(8, 8, 1) for _ in range(3))
        self.shortcut = nn.Conv2d(8, 8, 1, groups=4)
        self.spoil = spoil
        nn.init.uniform_(self.slope.weight, -0.5, 0.9 if slope is None else slope)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.slope(self.stem(x))
        for k, (norm, inner, outer) in enumerate(
            zip(self.norms, self.inner, self.outer, strict=True)
        ):
            shortcut = self.shortcut(x) if k == 1 else x
            if self.spoil == "seen" and k == 2:
                shortcut = shortcut.relu()
            x = shortcut + outer(inner(norm(x)))
        return x.mean((2, 3))


@pytest.mark.parametrize("slope", [0.9, 2.0])
def test_a_shift_before_padding_moves_into_the_stream(slope: float, tmp_path: Path) -> None:
    network = settled(PreActivated(slope), 9)
    plain = exported(network, 9, tmp_path / "plain.onnx")
    assert kinds(plain)["BatchNormalization"] == 3
    fast = rewrites.faster(plain)
    assert kinds(fast)["BatchNormalization"] == 0
    agree(plain, fast, network)


def test_a_shift_that_somebody_would_notice_stays(tmp_path: Path) -> None:
    network = settled(PreActivated(0.9, spoil="seen"), 9)
    plain = exported(network, 9, tmp_path / "plain.onnx")
    fast = rewrites.faster(plain)
    assert kinds(fast)["BatchNormalization"] == 1
    agree(plain, fast, network)


@pytest.mark.parametrize("factor", [0.0, 1e-6])
def test_a_factor_of_nearly_nothing_is_not_divided_by(factor: float, tmp_path: Path) -> None:
    network = settled(PreActivated(0.9), 9)
    with torch.no_grad():
        network.norms[1].weight[3] = factor
    plain = exported(network, 9, tmp_path / "plain.onnx")
    fast = rewrites.faster(plain)
    assert kinds(fast)["BatchNormalization"] == 1
    agree(plain, fast, network)


def agree(plain: onnx.ModelProto, fast: onnx.ModelProto, network: nn.Module) -> None:
    pictures = torch.randn(2, 3, 9, 9)
    with warnings.catch_warnings(), torch.inference_mode():
        wanted = network(pictures).numpy()
    for model in (plain, fast):
        found = Network(model.SerializeToString())(pictures.numpy())[0]
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
