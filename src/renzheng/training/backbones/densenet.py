"""DenseNet (Huang et al. 2017, arXiv:1608.06993), with torchvision's layer names.

Cut off: `classifier`, over ImageNet's 1000 classes; `embedding` takes its place (see
`PooledEmbedding`). ImageNet weights of torchvision's form start the trunk through
`load_state(..., trunk_only=True)`, also those with the names of its first version (`norm.1`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from renzheng.training.backbones.layers import (
    EmbeddingNetwork,
    PooledEmbedding,
    initialise,
    named,
)

_BLOCKS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32)}
_GROWTH = 32  # channels that each layer adds
_BOTTLENECK = 4 * _GROWTH  # channels between a layer's two convolutions


class DenseNet(EmbeddingNetwork):
    """DenseNet-121 or 169; 112 pixels, which leave 3 x 3 to the pooling.

    Parameters
    ----------
    dimension
        Length of an embedding.
    depth
        121 or 169.
    """

    def __init__(self, dimension: int = 512, *, depth: int):
        super().__init__(dimension)
        self.features = named(
            conv0=nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(64),
            relu0=nn.ReLU(),
            pool0=nn.MaxPool2d(3, stride=2, padding=1),
        )
        channels = 64
        blocks = _BLOCKS[depth]
        for k, repeats in enumerate(blocks, start=1):
            self.features.add_module(f"denseblock{k}", _block(channels, repeats))
            channels += repeats * _GROWTH
            if k < len(blocks):
                self.features.add_module(f"transition{k}", _transition(channels))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.embedding = PooledEmbedding(channels, dimension)
        initialise(self)

    def forward(self, crops: Tensor) -> Tensor:
        """Embed float (n, 3, 112, 112) as float (n, dimension)."""
        embeddings: Tensor = self.embedding(self.features(crops).relu())
        return embeddings


class _Layer(nn.Module):
    """A layer that adds its channels to all earlier ones of the block."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, _BOTTLENECK, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(_BOTTLENECK)
        self.conv2 = nn.Conv2d(_BOTTLENECK, _GROWTH, 3, padding=1, bias=False)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.relu(self.norm1(x)))
        y = self.conv2(self.relu(self.norm2(y)))
        return torch.cat([x, y], dim=1)


def _block(channels: int, repeats: int) -> nn.Sequential:
    layers = {f"denselayer{i + 1}": _Layer(channels + i * _GROWTH) for i in range(repeats)}
    return named(**layers)


def _transition(channels: int) -> nn.Sequential:
    """Build a transition, which halves the channels and the side."""
    return named(
        norm=nn.BatchNorm2d(channels),
        relu=nn.ReLU(),
        conv=nn.Conv2d(channels, channels // 2, 1, bias=False),
        pool=nn.AvgPool2d(2),
    )
