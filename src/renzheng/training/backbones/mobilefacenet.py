"""MobileFaceNet (Chen et al. 2018, arXiv:1804.07573), about a million parameters.

Built from table 1 of the paper: inverted residuals as in MobileNetV2, and, in place of global
pooling, a depthwise convolution over the whole 7 x 7 map, which learns how much each place on the
aligned face counts. No checkpoints share one set of layer names (InsightFace's network of this name
has other widths: `insightface_mobilefacenet`), so the names are ours. Nothing is cut off.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from renzheng.errors import InvalidInput
from renzheng.training.backbones.layers import EmbeddingNetwork, initialise, named, numbered

# Table 1, bottlenecks: expansion, output channels, repeats, stride of the first.
_STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
_SLOPE = 0.25  # PReLU's first value


class MobileFaceNet(EmbeddingNetwork):
    """MobileFaceNet; 112 pixels and no other size.

    Parameters
    ----------
    dimension
        Length of an embedding; 128 in the paper.
    activation
        ``prelu``, as in the paper, or ``leaky``: LeakyReLU, whose slope is fixed at PReLU's first
        value. The exported network is a little faster with it:
        `renzheng.models.graph.activations` rewrites PReLU.
    """

    def __init__(self, dimension: int = 128, *, activation: str = "prelu"):
        super().__init__(dimension)
        if activation not in ("prelu", "leaky"):
            raise InvalidInput(f"activation must be prelu or leaky, not {activation!r}")
        self.stem = _convolution(3, 64, 3, stride=2, activation=activation)
        self.depthwise = _convolution(64, 64, 3, groups=64, activation=activation)
        blocks: list[nn.Module] = []
        channels = 64
        for expansion, outputs, repeats, stride in _STAGES:
            for i in range(repeats):
                step = stride if i == 0 else 1
                blocks.append(_Bottleneck(channels, outputs, expansion, step, activation))
                channels = outputs
        self.bottlenecks = numbered(blocks)
        self.expand = _convolution(channels, 512, 1, activation=activation)
        self.spatial = named(
            conv=nn.Conv2d(512, 512, 7, groups=512, bias=False), norm=nn.BatchNorm2d(512)
        )
        self.embedding = named(
            linear=nn.Linear(512, dimension, bias=False), norm=nn.BatchNorm1d(dimension)
        )
        initialise(self)

    def forward(self, crops: Tensor) -> Tensor:
        """Embed float (n, 3, 112, 112) as float (n, dimension)."""
        x = self.bottlenecks(self.depthwise(self.stem(crops)))
        x = self.spatial(self.expand(x))
        embeddings: Tensor = self.embedding(torch.flatten(x, 1))
        return embeddings


class _Bottleneck(nn.Module):
    """Widens, filters each channel, narrows without activation; adds the input where it fits."""

    def __init__(self, channels: int, outputs: int, expansion: int, stride: int, activation: str):
        super().__init__()
        wide = channels * expansion
        self.widen = _convolution(channels, wide, 1, activation=activation)
        self.filter = _convolution(wide, wide, 3, stride=stride, groups=wide, activation=activation)
        self.narrow = _convolution(wide, outputs, 1, activation=None)
        self._residual = stride == 1 and channels == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.narrow(self.filter(self.widen(x)))
        return x + y if self._residual else y


def _convolution(
    inputs: int,
    outputs: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    activation: str | None,
) -> nn.Sequential:
    """Build a convolution that keeps the side (over the stride), normalisation and activation."""
    layers: dict[str, nn.Module] = {
        "conv": nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        "norm": nn.BatchNorm2d(outputs),
    }
    if activation is not None:
        prelu = activation == "prelu"
        layers["activation"] = nn.PReLU(outputs) if prelu else nn.LeakyReLU(_SLOPE)
    return named(**layers)
