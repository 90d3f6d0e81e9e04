"""Contrastive loss: pairs of one person together, pairs of two people apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from renzheng.errors import InvalidInput
from renzheng.training.distances import safe_sqrt, squared_distances, unit
from renzheng.training.losses.output import LossOutput


class ContrastiveLoss(nn.Module):
    """Contrastive loss of Hadsell et al. 2006, over all pairs of a batch.

        L = mean over genuine pairs of d^2 + mean over impostor pairs of max(0, margin - d)^2

    The two means are taken separately, since a batch holds many more impostor pairs. The second one
    is over the impostor pairs within the margin, or the solved majority would drown them.

    Parameters
    ----------
    margin
        Above 0; unit embeddings are at most 2 apart.
    normalise
        Whether embeddings are scaled to unit length first.
    """

    def __init__(self, margin: float = 1.0, normalise: bool = True):
        super().__init__()
        if not margin > 0:
            raise InvalidInput(f"the margin must be above 0, not {margin!r}")
        self.margin, self.normalise = margin, normalise

    def forward(
        self, embeddings: Tensor, labels: Tensor, rng: torch.Generator | None = None
    ) -> LossOutput:
        """Compute the loss of a batch: float (n, d) and int64 (n,).

        Metric: ``active``, the share of impostor pairs within the margin.
        """
        rows = unit(embeddings) if self.normalise else embeddings
        squared = squared_distances(rows, rows)
        upper = torch.ones_like(squared, dtype=torch.bool).triu(1)
        same_person = labels[:, None] == labels[None, :]
        genuine = squared[same_person & upper]
        short = (self.margin - safe_sqrt(squared[~same_person & upper])).clamp_min(0)
        active = int((short > 0).sum())
        loss = genuine.sum() / max(len(genuine), 1) + short.square().sum() / max(active, 1)
        return LossOutput(loss, {"active": torch.tensor(active / max(len(short), 1))})
