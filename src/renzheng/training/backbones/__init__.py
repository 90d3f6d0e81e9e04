"""Backbones: the networks that embed, by name.

``get("iresnet-50").build()`` gives a module with fresh weights; the `Backbone` also describes the
module's input. Every module is written here and needs torch alone; `load_state` loads weights that
others trained.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import torch

from renzheng.errors import InvalidInput
from renzheng.training.backbones.cost import Cost, cost
from renzheng.training.backbones.densenet import DenseNet
from renzheng.training.backbones.inception_resnet import InceptionResNetV1
from renzheng.training.backbones.insightface_mobilefacenet import InsightFaceMobileFaceNet
from renzheng.training.backbones.iresnet import IResNet
from renzheng.training.backbones.layers import EmbeddingNetwork
from renzheng.training.backbones.mobilefacenet import MobileFaceNet
from renzheng.training.backbones.resnet import ResNet
from renzheng.training.backbones.state import load_state
from renzheng.training.backbones.vgg import VGG

__all__ = ["BACKBONES", "Backbone", "Cost", "EmbeddingNetwork", "cost", "get", "load_state"]


@dataclass(frozen=True)
class Backbone:
    """A kind of network with its input, which is ``(pixel - mean) * scale`` of RGB from 0 to 255.

    Parameters
    ----------
    name
        Name in recipes and on the command line.
    family
        Architecture, of one or several depths.
    paper
        Publication.
    make
        Constructor of the module, with the dimension first and options by name.
    dimension
        Default length of an embedding.
    input_size
        Side of the crops in pixels.
    template
        Name of the alignment template that crops are cut by.
    mean
        Number that is subtracted from every pixel.
    scale
        Factor of the difference.
    """

    name: str
    family: str
    paper: str
    make: Callable[..., EmbeddingNetwork]
    dimension: int = 512
    input_size: int = 112
    template: str = "arcface-112"
    mean: float = 127.5
    scale: float = 1 / 127.5

    @property
    def options(self) -> Mapping[str, object]:
        """Options of `build` besides the dimension, with their defaults."""
        fixed = self.make.keywords if isinstance(self.make, partial) else {}
        parameters = inspect.signature(self.make).parameters.values()
        return {
            each.name: each.default
            for each in parameters
            if each.name != "dimension" and each.name not in fixed
        }

    def build(self, dimension: int | None = None, **options: Any) -> EmbeddingNetwork:
        """Build the network, with first weights drawn from torch's global generator.

        Parameters
        ----------
        dimension
            Length of an embedding; the backbone's default if None.
        options
            Options of the architecture: see `Backbone.options`.

        Returns
        -------
        EmbeddingNetwork
            From float (n, 3, input_size, input_size) to float (n, dimension), not of unit length.

        Raises
        ------
        InvalidInput
            If the backbone has no such option, or an option or the dimension is out of range.
        """
        for name in options:
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise InvalidInput(f"{self.name} has no option {name!r}; its options: {known}")
        return self.make(self.dimension if dimension is None else dimension, **options)

    def cost(self, dimension: int | None = None, **options: Any) -> Cost:
        """Count what one picture costs, without drawing weights or computing anything.

        Parameters
        ----------
        dimension, options
            Arguments of `build`.
        """
        with torch.device("meta"):
            network = self.build(dimension, **options)
        return cost(network, self.input_size)


_RESNET = "He et al. 2016, Deep Residual Learning for Image Recognition, arXiv:1512.03385"
_ARCFACE = "Deng et al. 2019, ArcFace, arXiv:1801.07698"
_VGG = "Simonyan and Zisserman 2015, Very Deep Convolutional Networks, arXiv:1409.1556"
_DENSENET = "Huang et al. 2017, Densely Connected Convolutional Networks, arXiv:1608.06993"
_FACENET = "Szegedy et al. 2017, Inception-v4, arXiv:1602.07261; Schroff et al. 2015, FaceNet"
_MOBILE = "Chen et al. 2018, MobileFaceNets, arXiv:1804.07573"


def _backbones() -> dict[str, Backbone]:
    backbones = [
        Backbone(
            "inception-resnet-v1",
            "Inception-ResNet",
            _FACENET,
            InceptionResNetV1,
            input_size=160,
            template="facenet-160",
            scale=1 / 128,  # facenet-pytorch's fixed_image_standardization
        ),
        *(
            Backbone(f"resnet-{depth}", "ResNet", _RESNET, partial(ResNet, depth=depth))
            for depth in (18, 34, 50, 101, 152)
        ),
        *(  # arcface_torch: (pixel / 255 - 0.5) / 0.5, which is (pixel - 127.5) / 127.5
            Backbone(f"iresnet-{depth}", "IResNet", _ARCFACE, partial(IResNet, depth=depth))
            for depth in (18, 34, 50, 100, 200)
        ),
        *(
            Backbone(f"vgg-{depth}", "VGG", _VGG, partial(VGG, depth=depth))
            for depth in (11, 16, 19)
        ),
        *(
            Backbone(f"densenet-{depth}", "DenseNet", _DENSENET, partial(DenseNet, depth=depth))
            for depth in (121, 169)
        ),
        Backbone(
            "mobilefacenet",
            "MobileFaceNet",
            _MOBILE,
            MobileFaceNet,
            dimension=128,
            scale=1 / 128,  # section 4.1 of the paper
        ),
        Backbone("mobilefacenet-insightface", "MobileFaceNet", _MOBILE, InsightFaceMobileFaceNet),
    ]
    return {backbone.name: backbone for backbone in backbones}


BACKBONES: Mapping[str, Backbone] = MappingProxyType(_backbones())


def get(name: str) -> Backbone:
    """Look up a backbone.

    Parameters
    ----------
    name
        A key of `BACKBONES`.

    Raises
    ------
    InvalidInput
        If no backbone has this name.
    """
    if name not in BACKBONES:
        raise InvalidInput(f"unknown backbone {name!r}", remedy=f"one of {', '.join(BACKBONES)}")
    return BACKBONES[name]
