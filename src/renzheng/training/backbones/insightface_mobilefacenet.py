"""The MobileFaceNet of InsightFace's arcface_torch (2.06 million parameters), with its names.

It is twice as wide as the paper's (`mobilefacenet`), has other repeats, and embeds in 512 numbers.
Layers are named as in `recognition/arcface_torch/backbones/mobilefacenet.py`, where nearly every
part is a sequence called `layers`, so that checkpoints of that trainer (`get_mbf`) load unchanged
through `load_state`. They take RGB as (pixel / 255 - 0.5) / 0.5. Nothing is cut off.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from renzheng.training.backbones.layers import EmbeddingNetwork, initialise, numbered

# Output channels, channels inside, repeats; a stage begins with a block of stride 2.
_STAGES = ((128, 128, 4), (256, 256, 6), (256, 256, 2))
_FIRST_INSIDE = (128, 256, 512)  # channels inside the block of stride 2


class InsightFaceMobileFaceNet(EmbeddingNetwork):
    """InsightFace's MobileFaceNet; 112 pixels and no other size.

    Parameters
    ----------
    dimension
        Length of an embedding; 512 in the published checkpoints.
    """

    head: ClassVar[tuple[str, ...]] = ("features.layers.2", "features.layers.3")

    def __init__(self, dimension: int = 512):
        super().__init__(dimension)
        stages: list[nn.Module] = [
            _convolution(3, 128, 3, stride=2, padding=1),
            _convolution(128, 128, 3, padding=1, groups=64),  # pairs of channels, not each alone
        ]
        channels = 128
        for (outputs, inside, repeats), first in zip(_STAGES, _FIRST_INSIDE, strict=True):
            stages.append(_Bottleneck(channels, outputs, first, stride=2))
            blocks = [_Bottleneck(outputs, outputs, inside, stride=1) for _ in range(repeats)]
            stages.append(_Layers(*blocks))
            channels = outputs
        self.layers = nn.ModuleList(stages)
        self.conv_sep = _convolution(channels, 512, 1)
        self.features = _Layers(
            _convolution(512, 512, 7, groups=512, activation=False),
            nn.Flatten(),
            nn.Linear(512, dimension, bias=False),
            nn.BatchNorm1d(dimension),
        )
        initialise(self)

    def forward(self, crops: Tensor) -> Tensor:
        """Embed float (n, 3, 112, 112) as float (n, dimension)."""
        x = crops
        for layer in self.layers:
            x = layer(x)
        embeddings: Tensor = self.features(self.conv_sep(x))
        return embeddings


class _Layers(nn.Module):
    """A sequence that the checkpoints call `layers`."""

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.layers = numbered(list(layers))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class _Bottleneck(_Layers):
    """Widens, filters each channel, narrows without activation; adds the input at stride 1."""

    def __init__(self, channels: int, outputs: int, inside: int, *, stride: int):
        super().__init__(
            _convolution(channels, inside, 1),
            _convolution(inside, inside, 3, stride=stride, padding=1, groups=inside),
            _convolution(inside, outputs, 1, activation=False),
        )
        self._residual = stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return torch.add(x, y) if self._residual else y


def _convolution(
    inputs: int,
    outputs: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    activation: bool = True,
) -> _Layers:
    """Build a convolution, normalisation and PReLU."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return _Layers(*layers, *([nn.PReLU(outputs)] if activation else []))
