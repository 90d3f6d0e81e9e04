"""VGG (Simonyan and Zisserman 2015, arXiv:1409.1556) with batch normalisation.

Layers bear torchvision's names (`features.N` of `vgg11_bn`, `vgg16_bn`, `vgg19_bn`), so ImageNet
weights start the trunk through `load_state(..., trunk_only=True)`.

Cut off: `classifier`, three fully connected layers that hold 124 of VGG-16's 138 million parameters
and expect 224 pixels. They are the costliest and the least useful part of the network for
embeddings; `embedding` (see `PooledEmbedding`) has 0.26 million.
"""

from __future__ import annotations

from torch import Tensor, nn

from renzheng.training.backbones.layers import (
    EmbeddingNetwork,
    PooledEmbedding,
    initialise,
    numbered,
)

_CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_WIDTHS = (64, 128, 256, 512, 512)


class VGG(EmbeddingNetwork):
    """VGG-11, 16 or 19 with batch normalisation; 112 pixels, which leave 3 x 3 to the pooling.

    Parameters
    ----------
    dimension
        Length of an embedding.
    depth
        11, 16 or 19.
    """

    def __init__(self, dimension: int = 512, *, depth: int):
        super().__init__(dimension)
        layers: list[nn.Module] = []
        channels = 3
        for repeats, width in zip(_CONVOLUTIONS[depth], _WIDTHS, strict=True):
            for _ in range(repeats):
                # The bias does nothing before a normalisation, but checkpoints have it.
                convolution = nn.Conv2d(channels, width, 3, padding=1)
                layers += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = numbered(layers)
        self.embedding = PooledEmbedding(channels, dimension)
        initialise(self)

    def forward(self, crops: Tensor) -> Tensor:
        """Embed float (n, 3, 112, 112) as float (n, dimension)."""
        embeddings: Tensor = self.embedding(self.features(crops))
        return embeddings
