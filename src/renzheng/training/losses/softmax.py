"""Softmax over identities: plain, and with margins on the angle (ArcFace, CosFace, AdaFace)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from renzheng.errors import InvalidInput
from renzheng.training.distances import unit
from renzheng.training.losses.outcome import Outcome


class SoftmaxLoss(nn.Module):
    """A linear classifier on the embedding with cross-entropy: what identification trains.

    It separates people and does not ask that one person's pictures lie close together.

    Parameters
    ----------
    classes, dimension
        How many people, and of the embeddings.
    """

    def __init__(self, classes: int, dimension: int):
        super().__init__()
        _check(classes, dimension)
        self.classifier = nn.Linear(dimension, classes)

    def forward(
        self, embeddings: Tensor, labels: Tensor, rng: torch.Generator | None = None
    ) -> Outcome:
        """The loss of a batch: float (n, d) and int64 (n,)."""
        logits = self.classifier(embeddings.to(self.classifier.weight.dtype))
        return Outcome(functional.cross_entropy(logits, labels), _accuracy(logits, labels))


class MarginSoftmaxLoss(nn.Module):
    """Softmax over scaled cosines, the own person's made harder by a margin.

    ``arcface`` adds the margin to the angle, cos(theta + m) (Deng et al. 2019, m = 0.5);
    ``cosface`` takes it off the cosine, cos(theta) - m (Wang et al. 2018, m = 0.35);
    ``adaface`` weighs both by the embedding's length, a stand-in for the picture's quality
    (Kim et al. 2022, m = 0.4): good pictures must keep a wide margin, bad ones a small one.

    Parameters
    ----------
    classes, dimension
        How many people, and of the embeddings.
    margin_kind
        ``arcface``, ``cosface`` or ``adaface``.
    margin
        m; by default the paper's.
    scale
        s, which the cosines are multiplied by.
    """

    MARGINS = {"arcface": 0.5, "cosface": 0.35, "adaface": 0.4}  # noqa: RUF012
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
        _check(classes, dimension)
        if margin_kind not in self.MARGINS:
            raise InvalidInput(
                f"no margin is called {margin_kind!r}", remedy=f"one of {list(self.MARGINS)}"
            )
        margin = self.MARGINS[margin_kind] if margin is None else margin
        if not 0 <= margin < 1.5:
            raise InvalidInput(f"a margin lies between 0 and 1.5, not {margin!r}")
        if not scale > 0:
            raise InvalidInput(f"a scale is above 0, not {scale!r}")
        self.margin_kind, self.margin, self.scale = margin_kind, margin, scale
        self.weight = nn.Parameter(torch.empty(classes, dimension))
        nn.init.normal_(self.weight, std=0.01)
        # AdaFace's running mean and standard deviation of the embeddings' lengths.
        self.register_buffer("norm_mean", torch.tensor(20.0))
        self.register_buffer("norm_spread", torch.tensor(100.0))

    def forward(
        self, embeddings: Tensor, labels: Tensor, rng: torch.Generator | None = None
    ) -> Outcome:
        """The loss of a batch: float (n, d) and int64 (n,)."""
        rows = unit(embeddings)
        cosine = rows @ unit(self.weight).to(rows.dtype).T
        own = cosine.gather(1, labels[:, None])[:, 0].clamp(-1 + 1e-7, 1 - 1e-7)
        if self.margin_kind == "cosface":
            harder = own - self.margin
        elif self.margin_kind == "arcface":
            harder = _turned(own, torch.full_like(own, self.margin))
        else:
            quality = self._quality(embeddings.detach()).to(own.dtype)
            harder = _turned(own, -self.margin * quality) - self.margin * (1 + quality)
        logits = self.scale * cosine.scatter(1, labels[:, None], harder[:, None])
        watch = {"own_cosine": own.detach().mean(), **_accuracy(cosine, labels)}
        return Outcome(functional.cross_entropy(logits, labels), watch)

    @torch.no_grad()
    def _quality(self, embeddings: Tensor) -> Tensor:
        """AdaFace's estimate from the embeddings' lengths: (n,), -1 bad to 1 good."""
        length = embeddings.float().norm(dim=1).clamp(0.001, 100)
        if self.training and len(length) > 1:
            self.norm_mean.lerp_(length.mean(), 0.01)
            self.norm_spread.lerp_(length.std(), 0.01)
        quality: Tensor = 0.333 * (length - self.norm_mean) / (self.norm_spread + 1e-3)
        return quality.clamp(-1, 1)


def _turned(cosine: Tensor, angle: Tensor) -> Tensor:
    """cos(theta + angle), continued straight where theta + angle would leave 0 to pi.

    Beyond, the cosine rises again and would reward being wrong; the line keeps it falling.
    """
    theta = torch.arccos(cosine) + angle
    turned = torch.cos(theta.clamp(0, math.pi))
    below, above = (theta - math.pi).clamp_min(0), (-theta).clamp_min(0)
    return turned - below + above


def _check(classes: int, dimension: int) -> None:
    if classes < 2 or dimension < 1:
        raise InvalidInput(f"{classes} classes of dimension {dimension}: two people at least")


def _accuracy(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    return {"identified": (logits.detach().argmax(1) == labels).float().mean()}
