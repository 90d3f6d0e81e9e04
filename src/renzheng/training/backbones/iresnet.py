"""IResNet, the network of ArcFace (Deng et al. 2019, arXiv:1801.07698), with InsightFace's names.

Layers are named as in InsightFace's `recognition/arcface_torch/backbones/iresnet.py`, so that
checkpoints of that trainer (and the many published in its form) load unchanged through
`load_state`. They take RGB as (pixel / 255 - 0.5) / 0.5.

Against ResNet: no pooling in the stem, so 112 pixels enter the first stage and 7 x 7 leave the
last; blocks of BN, convolution, BN, PReLU, convolution, BN; and a head that keeps where on the
aligned face each feature was (BN, dropout, linear over 512 x 7 x 7, BN: the paper's setting E).
Nothing is cut off: in arcface_torch the classifier of a margin loss belongs to the loss.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from renzheng.training.backbones.layers import EmbeddingNetwork, initialise, numbered

_BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 14, 3),
    100: (3, 13, 30, 3),
    200: (6, 26, 60, 6),
}
_SIDE = 7  # of the last feature map, at 112 pixels


class IResNet(EmbeddingNetwork):
    """IResNet-18, 34, 50, 100 or 200; 112 pixels and no other size.

    Parameters
    ----------
    dimension
        Length of an embedding; 512 in the published checkpoints.
    depth
        18, 34, 50, 100 or 200.
    dropout
        Share of the flattened features that training drops; 0 in InsightFace's recipes for
        large data, the paper has 0.4.
    """

    head: ClassVar[tuple[str, ...]] = ("fc", "features")

    def __init__(self, dimension: int = 512, *, depth: int, dropout: float = 0.0):
        super().__init__(dimension)
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        channels = 64
        for k, repeats in enumerate(_BLOCKS[depth]):
            stage: list[nn.Module] = []
            for i in range(repeats):
                width = 64 * 2**k
                stage.append(_Block(channels, width, stride=2 if i == 0 else 1))
                channels = width
            self.add_module(f"layer{k + 1}", numbered(stage))
        self.bn2 = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels * _SIDE * _SIDE, dimension)
        self.features = nn.BatchNorm1d(dimension)
        # A margin loss sees directions only: the numbers of an embedding share one scale, 1.
        self.features.weight.requires_grad = False
        initialise(self)

    def forward(self, crops: Tensor) -> Tensor:
        """Embed float (n, 3, 112, 112) as float (n, dimension)."""
        x = self.prelu(self.bn1(self.conv1(crops)))
        for k in range(1, 5):
            x = self.get_submodule(f"layer{k}")(x)
        flat = self.dropout(torch.flatten(self.bn2(x), 1))
        embeddings: Tensor = self.features(self.fc(flat))
        return embeddings


class _Block(nn.Module):
    """BN, convolution, BN, PReLU, convolution, BN; the input is added, without a ReLU after it."""

    def __init__(self, channels: int, width: int, *, stride: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.prelu = nn.PReLU(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.downsample = (
            None
            if stride == 1 and channels == width
            else nn.Sequential(
                nn.Conv2d(channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        y = self.bn3(self.conv2(y))
        out: Tensor = y + (x if self.downsample is None else self.downsample(x))
        return out
