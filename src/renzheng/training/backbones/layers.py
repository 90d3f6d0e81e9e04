"""Parts that the families share: the base class, the embedding layer, the first weights."""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

import torch
from torch import Tensor, nn

from renzheng.errors import InvalidInput


class EmbeddingNetwork(nn.Module):
    """Base of every backbone: a trunk, and a head that makes embeddings of its features.

    A call takes float (n, 3, size, size), normalised RGB, and gives float (n, dimension), not of
    unit length: losses and `Embedder` scale the embeddings themselves.

    Parameters
    ----------
    dimension
        Length of an embedding.

    Raises
    ------
    InvalidInput
        If the dimension is not at least 1.
    """

    # First names in the state dict of the layers that depend on the dimension or replace a
    # classifier. `load_state` does not touch them when only the trunk is wanted.
    head: ClassVar[tuple[str, ...]] = ("embedding",)

    def __init__(self, dimension: int):
        super().__init__()
        if dimension < 1:
            raise InvalidInput(f"the dimension of an embedding must be at least 1, not {dimension}")
        self.dimension = dimension


class PooledEmbedding(nn.Module):
    """Global average pooling, a linear layer, batch normalisation.

    These take the classifier's place in networks that were made for ImageNet. Pooling keeps the
    head small (512 x 512 against 8192 x 512 for ResNet-18's flattened 4 x 4 map) and takes
    pictures of any size; it forgets where on the face a feature was, which costs accuracy on
    aligned faces (Chen et al. 2018) and is why `iresnet` and `mobilefacenet`, made for faces, do
    not pool. The linear layer chooses the dimension, and lets embeddings have negative numbers,
    which pooled ReLU outputs have not: without them all angles would be below 90 degrees. The
    normalisation centres every number, so that training starts with embeddings spread around the
    sphere, and makes a bias in the linear layer pointless.

    Parameters
    ----------
    channels
        Number of channels of the trunk's last feature map.
    dimension
        Length of an embedding.
    """

    def __init__(self, channels: int, dimension: int):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(channels, dimension, bias=False)
        self.norm = nn.BatchNorm1d(dimension)

    def forward(self, features: Tensor) -> Tensor:
        """Pool float (n, channels, h, w) to float (n, dimension)."""
        pooled = torch.flatten(self.pool(features), 1)
        embeddings: Tensor = self.norm(self.linear(pooled))
        return embeddings


def named(**layers: nn.Module) -> nn.Sequential:
    """Build a sequence of layers with the names that they have in checkpoints."""
    return nn.Sequential(OrderedDict(layers))


def numbered(layers: list[nn.Module]) -> nn.Sequential:
    """Build a sequence whose layers are called 0, 1, 2 and so on."""
    return nn.Sequential(*layers)


def initialise(module: nn.Module) -> None:
    """Draw a network's first weights, in place.

    After He et al. 2015 (arXiv:1502.01852) the variance stays the same from layer to layer, under
    ReLU for convolutions and without it for linear layers, which no ReLU follows here. The variance
    is that of a layer's inputs, not its outputs, because torch miscounts the outputs of depthwise
    convolutions. Biases are 0. Normalisation layers keep torch's 1 and 0, PReLU its slope of 0.25.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        elif isinstance(part, nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="linear")
        else:
            continue
        if part.bias is not None:
            nn.init.zeros_(part.bias)
