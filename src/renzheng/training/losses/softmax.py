"""Softmax over identities: plain, and with margins on the angle (ArcFace, CosFace, AdaFace)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from renzheng.errors import InvalidInput
from renzheng.training.distances import unit
from renzheng.training.losses.output import LossOutput


class SoftmaxLoss(nn.Module):
    """Cross-entropy of a linear classifier on the embedding x, as identification trains it.

        L = mean of -ln softmax(z)_y, with z_j = w_j . x + b_j

    It separates people, but does not ask that one person's images lie close together.

    Parameters
    ----------
    classes, dimension
        Number of people, and length of an embedding.
    """

    def __init__(self, classes: int, dimension: int):
        super().__init__()
        _check_sizes(classes, dimension)
        self.classifier = nn.Linear(dimension, classes)

    def forward(
        self, embeddings: Tensor, labels: Tensor, rng: torch.Generator | None = None
    ) -> LossOutput:
        """Compute the loss of a batch: float (n, d) and int64 (n,).

        Metric: ``identified``, the share of images whose own class has the highest logit.
        """
        logits = self.classifier(embeddings.to(self.classifier.weight.dtype))
        return LossOutput(functional.cross_entropy(logits, labels), _accuracy(logits, labels))


class MarginSoftmaxLoss(nn.Module):
    """Softmax over scaled cosines, with a margin m on the cosine cos(theta) of the own class.

        L = mean of -ln softmax(z)_y, with z_y = s g(theta_y) and z_j = s cos(theta_j) else

        arcface: g(theta) = cos(theta + m)                  (Deng et al. 2019, m = 0.5)
        cosface: g(theta) = cos(theta) - m                  (Wang et al. 2018, m = 0.35)
        adaface: g(theta) = cos(theta - m q) - (m q + m)    (Kim et al. 2022, m = 0.4)

    AdaFace's q, from -1 to 1, comes from the embedding's length, a stand-in for the image's
    quality: good images must keep a wide margin, bad ones a small one.

    Parameters
    ----------
    classes, dimension
        Number of people, and length of an embedding.
    margin_kind
        ``arcface``, ``cosface`` or ``adaface``.
    margin
        m, from 0 to below 1.5; by default the paper's.
    scale
        s, above 0.
    """

    MARGINS: ClassVar[Mapping[str, float]] = MappingProxyType(
        {"arcface": 0.5, "cosface": 0.35, "adaface": 0.4}
    )
    norm_mean: Tensor
    norm_spread: Tensor

    def __init__(
        self,
        classes: int,
        dimension: int,
        margin_kind: str = "arcface",
        margin: float | None = None,
        scale: float = 64.0,
    ):
        super().__init__()
        _check_sizes(classes, dimension)
        if margin_kind not in self.MARGINS:
            raise InvalidInput(
                f"unknown margin kind {margin_kind!r}", remedy=f"one of {list(self.MARGINS)}"
            )
        margin = self.MARGINS[margin_kind] if margin is None else margin
        if not 0 <= margin < 1.5:
            raise InvalidInput(f"the margin must be from 0 to below 1.5, not {margin!r}")
        if not scale > 0:
            raise InvalidInput(f"the scale must be above 0, not {scale!r}")
        self.margin_kind, self.margin, self.scale = margin_kind, margin, scale
        self.weight = nn.Parameter(torch.empty(classes, dimension))
        nn.init.normal_(self.weight, std=0.01)
        # AdaFace's running mean and standard deviation of the embeddings' lengths.
        self.register_buffer("norm_mean", torch.tensor(20.0))
        self.register_buffer("norm_spread", torch.tensor(100.0))

    def forward(
        self, embeddings: Tensor, labels: Tensor, rng: torch.Generator | None = None
    ) -> LossOutput:
        """Compute the loss of a batch: float (n, d) and int64 (n,).

        Metrics: ``own_cosine``, the mean cosine to the own class; ``identified``, as in
        `SoftmaxLoss`.
        """
        rows = unit(embeddings)
        cosine = rows @ unit(self.weight).to(rows.dtype).T
        own = cosine.gather(1, labels[:, None])[:, 0].clamp(-1 + 1e-7, 1 - 1e-7)
        if self.margin_kind == "cosface":
            with_margin = own - self.margin
        elif self.margin_kind == "arcface":
            with_margin = _turn(own, torch.full_like(own, self.margin))
        else:
            quality = self._quality(embeddings.detach()).to(own.dtype)
            with_margin = _turn(own, -self.margin * quality) - self.margin * (1 + quality)
        logits = self.scale * cosine.scatter(1, labels[:, None], with_margin[:, None])
        metrics = {"own_cosine": own.detach().mean(), **_accuracy(cosine, labels)}
        return LossOutput(functional.cross_entropy(logits, labels), metrics)

    @torch.no_grad()
    def _quality(self, embeddings: Tensor) -> Tensor:
        """Estimate AdaFace's quality from the embeddings' lengths: (n,), -1 bad to 1 good."""
        length = embeddings.float().norm(dim=1).clamp(0.001, 100)
        if self.training and len(length) > 1:
            self.norm_mean.lerp_(length.mean(), 0.01)
            self.norm_spread.lerp_(length.std(), 0.01)
        quality: Tensor = 0.333 * (length - self.norm_mean) / (self.norm_spread + 1e-3)
        return quality.clamp(-1, 1)


def _turn(cosine: Tensor, angle: Tensor) -> Tensor:
    """Return cos(theta + angle), continued as a line where theta + angle leaves 0 to pi.

    Beyond pi the cosine rises again and would reward an error; the line keeps it falling.
    """
    theta = torch.arccos(cosine) + angle
    turned = torch.cos(theta.clamp(0, math.pi))
    below, above = (theta - math.pi).clamp_min(0), (-theta).clamp_min(0)
    return turned - below + above


def _check_sizes(classes: int, dimension: int) -> None:
    if classes < 2 or dimension < 1:
        raise InvalidInput(
            f"a softmax needs at least 2 people and 1 dimension, not {classes} and {dimension}"
        )


def _accuracy(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    return {"identified": (logits.detach().argmax(1) == labels).float().mean()}
