"""Backbones: the networks that training makes embeddings with, by name.

``get("iresnet-50").build()`` gives a module with fresh weights; the `Backbone` also says what the
module is to be fed with. Every module is ours and needs torch alone; `load_state` brings in weights
that others trained.
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
from renzheng.training.backbones.iresnet import IResNet
from renzheng.training.backbones.layers import EmbeddingNetwork
from renzheng.training.backbones.mobilefacenet import MobileFaceNet
from renzheng.training.backbones.resnet import ResNet
from renzheng.training.backbones.state import load_state
from renzheng.training.backbones.vgg import VGG

__all__ = ["BACKBONES", "Backbone", "Cost", "EmbeddingNetwork", "cost", "get", "load_state"]


@dataclass(frozen=True)
class Backbone:
    """A kind of network, and what it takes.

    A network's input is ``(pixel - mean) * scale`` of RGB pixels from 0 to 255.

    Parameters
    ----------
    name
        What recipes and the command line call it.
    family
        The architecture, of one or several depths.
    paper
        Where it was published.
    make
        Makes the module; takes the dimension first and options by name.
    dimension
        The length of an embedding unless another is asked for.
    input_size
        The pictures' side in pixels.
    template
        The name of the alignment template that crops are made with.
    mean
        What is subtracted from every pixel.
    scale
        What the difference is multiplied by.
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
        """What `build` takes besides the dimension, with the defaults."""
        fixed = self.make.keywords if isinstance(self.make, partial) else {}
        parameters = inspect.signature(self.make).parameters.values()
        return {
            each.name: each.default
            for each in parameters
            if each.name != "dimension" and each.name not in fixed
        }

    def build(self, dimension: int | None = None, **options: Any) -> EmbeddingNetwork:
        """Make the network, with first weights drawn from torch's global generator.

        Parameters
        ----------
        dimension
            The length of an embedding; the backbone's own if None.
        options
            What the architecture lets one choose: see `options`.

        Returns
        -------
        EmbeddingNetwork
            Takes float (n, 3, input_size, input_size), gives float (n, dimension), not brought to
            unit length.

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
        """What one picture costs, counted without drawing weights or computing anything.

        Parameters
        ----------
        dimension
            As for `build`.
        options
            As for `build`.

        Returns
        -------
        Cost
            Parameters and multiply-adds.
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
            for depth in (18, 34, 50)
        ),
        *(  # arcface_torch: (pixel / 255 - 0.5) / 0.5, which is (pixel - 127.5) / 127.5
            Backbone(f"iresnet-{depth}", "IResNet", _ARCFACE, partial(IResNet, depth=depth))
            for depth in (18, 50, 100)
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
    ]
    return {backbone.name: backbone for backbone in backbones}


BACKBONES: Mapping[str, Backbone] = MappingProxyType(_backbones())


def get(name: str) -> Backbone:
    """Look a backbone up.

    Parameters
    ----------
    name
        A key of `BACKBONES`.

    Returns
    -------
    Backbone
        What bears the name.

    Raises
    ------
    InvalidInput
        If no backbone bears it.
    """
    if name not in BACKBONES:
        raise InvalidInput(f"there is no backbone {name!r}; there are {', '.join(BACKBONES)}")
    return BACKBONES[name]
