"""ResNet (He et al. 2016, arXiv:1512.03385), with torchvision's layer names.

Cut off: `fc`, the classifier over ImageNet's 1000 classes; `embedding` takes its place (see
`PooledEmbedding`). ImageNet weights of torchvision's form start the trunk through
`load_state(..., trunk_only=True)`.

At 112 pixels the stem of the paper, a 7 x 7 convolution of stride 2 and a pooling of stride 2,
leaves 28 x 28 to the first stage and 4 x 4 to the last. That is coarse for a face, and the reason
why `iresnet` has no such stem; it is also why ResNet-18 does a fifth of IResNet-18's work.
"""

from __future__ import annotations

from torch import Tensor, nn

from renzheng.training.backbones.layers import (
    EmbeddingNetwork,
    PooledEmbedding,
    initialise,
    numbered,
)

_BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


class ResNet(EmbeddingNetwork):
    """ResNet-18, 34, 50, 101 or 152; 112 pixels.

    Parameters
    ----------
    dimension
        Length of an embedding.
    depth
        18 or 34 (two 3 x 3 convolutions a block); 50, 101 or 152 (1 x 1, 3 x 3, 1 x 1).
    """

    def __init__(self, dimension: int = 512, *, depth: int):
        super().__init__(dimension)
        block: type[_Basic | _Bottleneck] = _Basic if depth < 50 else _Bottleneck
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = 64
        for k, repeats in enumerate(_BLOCKS[depth]):
            stage: list[nn.Module] = []
            for i in range(repeats):
                width = 64 * 2**k
                stage.append(block(channels, width, stride=2 if k > 0 and i == 0 else 1))
                channels = width * block.expansion
            self.add_module(f"layer{k + 1}", numbered(stage))
        self.embedding = PooledEmbedding(channels, dimension)
        initialise(self)

    def forward(self, crops: Tensor) -> Tensor:
        """Embed float (n, 3, 112, 112) as float (n, dimension)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(crops))))
        for k in range(1, 5):
            x = self.get_submodule(f"layer{k}")(x)
        embeddings: Tensor = self.embedding(x)
        return embeddings


class _Basic(nn.Module):
    """Two 3 x 3 convolutions, to whose output the input is added."""

    expansion = 1

    def __init__(self, channels: int, width: int, *, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.downsample = _shortcut(channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        out: Tensor = self.relu(y + (x if self.downsample is None else self.downsample(x)))
        return out


class _Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions; the 3 x 3 one has the stride, as in torchvision."""

    expansion = 4

    def __init__(self, channels: int, width: int, *, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * 4)
        self.relu = nn.ReLU()
        self.downsample = _shortcut(channels, width * 4, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        out: Tensor = self.relu(y + (x if self.downsample is None else self.downsample(x)))
        return out


def _shortcut(channels: int, outputs: int, stride: int) -> nn.Sequential | None:
    """Build the convolution that fits the input to the output; None where they agree."""
    if stride == 1 and channels == outputs:
        return None
    return nn.Sequential(
        nn.Conv2d(channels, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
    )
