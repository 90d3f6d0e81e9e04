"""Inception-ResNet-v1, the network that "FaceNet" means in practice.

The architecture is Szegedy et al.'s (2017, arXiv:1602.07261), the 512 numbers and their use are
FaceNet's (Schroff et al. 2015, arXiv:1503.03832), combined as in David Sandberg's `facenet`.
Layers are named as in timesler/facenet-pytorch (`models/inception_resnet_v1.py`), so that the
checkpoints it publishes (VGGFace2, CASIA-WebFace) load unchanged through `load_state`.

Cut off: the classifier over the training set's people (`logits`), which says nothing about anybody
else (`load_state` drops its weights), and facenet-pytorch's last step, the division by the length.

Sandberg's network takes 160 pixels where the paper takes 299, multiplies residuals by 0.17, 0.10
and 0.20 so that training stays stable, and ends in a sixth Block8, neither damped nor rectified.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from renzheng.training.backbones.layers import EmbeddingNetwork, initialise, named

_EPS = 0.001  # TensorFlow's, under which the published weights were trained


class InceptionResNetV1(EmbeddingNetwork):
    """FaceNet's Inception-ResNet-v1; 160 pixels.

    Parameters
    ----------
    dimension
        Length of an embedding; 512 in the published checkpoints.
    dropout
        Share of the 1792 pooled features that training drops at random.
    """

    head: ClassVar[tuple[str, ...]] = ("last_linear", "last_bn")

    def __init__(self, dimension: int = 512, *, dropout: float = 0.6):
        super().__init__(dimension)
        self.conv2d_1a = _convolution(3, 32, 3, stride=2)
        self.conv2d_2a = _convolution(32, 32, 3)
        self.conv2d_2b = _convolution(32, 64, 3, padding=1)
        self.maxpool_3a = nn.MaxPool2d(3, stride=2)
        self.conv2d_3b = _convolution(64, 80, 1)
        self.conv2d_4a = _convolution(80, 192, 3)
        self.conv2d_4b = _convolution(192, 256, 3, stride=2)
        self.repeat_1 = nn.Sequential(*(_block35() for _ in range(5)))
        self.mixed_6a = _Branches(
            _convolution(256, 384, 3, stride=2),
            nn.Sequential(
                _convolution(256, 192, 1),
                _convolution(192, 192, 3, padding=1),
                _convolution(192, 256, 3, stride=2),
            ),
            nn.MaxPool2d(3, stride=2),
        )
        self.repeat_2 = nn.Sequential(*(_block17() for _ in range(10)))
        self.mixed_7a = _Branches(
            nn.Sequential(_convolution(896, 256, 1), _convolution(256, 384, 3, stride=2)),
            nn.Sequential(_convolution(896, 256, 1), _convolution(256, 256, 3, stride=2)),
            nn.Sequential(
                _convolution(896, 256, 1),
                _convolution(256, 256, 3, padding=1),
                _convolution(256, 256, 3, stride=2),
            ),
            nn.MaxPool2d(3, stride=2),
        )
        self.repeat_3 = nn.Sequential(*(_block8(scale=0.20) for _ in range(5)))
        # Without a ReLU at the end, pooled features may be negative.
        self.block8 = _block8(scale=1.0, rectified=False)
        self.avgpool_1a = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.last_linear = nn.Linear(1792, dimension, bias=False)
        self.last_bn = nn.BatchNorm1d(dimension, eps=_EPS)
        initialise(self)

    def forward(self, crops: Tensor) -> Tensor:
        """Embed float (n, 3, 160, 160) as float (n, dimension)."""
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(crops)))
        x = self.conv2d_3b(self.maxpool_3a(x))
        x = self.repeat_1(self.conv2d_4b(self.conv2d_4a(x)))
        x = self.repeat_2(self.mixed_6a(x))
        x = self.block8(self.repeat_3(self.mixed_7a(x)))
        pooled = torch.flatten(self.avgpool_1a(x), 1)
        embeddings: Tensor = self.last_bn(self.last_linear(self.dropout(pooled)))
        return embeddings


class _Branches(nn.Module):
    """Branches `branch0`, `branch1` ... side by side, their channels joined."""

    def __init__(self, *branches: nn.Module):
        super().__init__()
        self._names = tuple(f"branch{k}" for k in range(len(branches)))
        for name, branch in zip(self._names, branches, strict=True):
            self.add_module(name, branch)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.get_submodule(name)(x) for name in self._names], dim=1)


class _Residual(_Branches):
    """Branches whose joined channels, brought back to `channels`, are added to the input."""

    def __init__(
        self,
        *branches: nn.Module,
        joined: int,
        channels: int,
        scale: float,
        rectified: bool = True,
    ):
        super().__init__(*branches)
        self.conv2d = nn.Conv2d(joined, channels, 1)
        self._scale = scale
        self._rectified = rectified

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = self.conv2d(super().forward(x)) * self._scale + x
        return total.relu() if self._rectified else total


def _convolution(
    inputs: int,
    outputs: int,
    kernel: int | tuple[int, int],
    *,
    stride: int = 1,
    padding: int | tuple[int, int] = 0,
) -> nn.Sequential:
    return named(
        conv=nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False),
        bn=nn.BatchNorm2d(outputs, eps=_EPS),
        relu=nn.ReLU(),
    )


def _block35() -> _Residual:
    return _Residual(
        _convolution(256, 32, 1),
        nn.Sequential(_convolution(256, 32, 1), _convolution(32, 32, 3, padding=1)),
        nn.Sequential(
            _convolution(256, 32, 1),
            _convolution(32, 32, 3, padding=1),
            _convolution(32, 32, 3, padding=1),
        ),
        joined=96,
        channels=256,
        scale=0.17,
    )


def _block17() -> _Residual:
    return _factorised_block(896, 128, kernel=7, scale=0.10)


def _block8(*, scale: float, rectified: bool = True) -> _Residual:
    return _factorised_block(1792, 192, kernel=3, scale=scale, rectified=rectified)


def _factorised_block(
    channels: int, width: int, *, kernel: int, scale: float, rectified: bool = True
) -> _Residual:
    """Build a block whose n x n convolution is a 1 x n and an n x 1 one."""
    side = kernel // 2
    return _Residual(
        _convolution(channels, width, 1),
        nn.Sequential(
            _convolution(channels, width, 1),
            _convolution(width, width, (1, kernel), padding=(0, side)),
            _convolution(width, width, (kernel, 1), padding=(side, 0)),
        ),
        joined=2 * width,
        channels=channels,
        scale=scale,
        rectified=rectified,
    )
