"""Contrastive loss: pairs of one person together, pairs of two people apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from renzheng.errors import InvalidInput
from renzheng.training.distances import root, squared_distances, unit
from renzheng.training.losses.outcome import Outcome


class ContrastiveLoss(nn.Module):
    """Mean of d^2 over genuine pairs plus mean of max(0, margin - d)^2 over impostor pairs.

    Hadsell et al. 2006; the two kinds are averaged by themselves, since a batch holds many more
    impostor pairs, and over those impostors that lie within the margin, or the solved majority
    would drown them.

    Parameters
    ----------
    margin
        Above 0; unit embeddings are at most 2 apart.
    normalise
        Whether embeddings are brought to unit length first.
    """

    def __init__(self, margin: float = 1.0, normalise: bool = True):
        super().__init__()
        if not margin > 0:
            raise InvalidInput(f"a margin is above 0, not {margin!r}")
        self.margin, self.normalise = margin, normalise

    def forward(
        self, embeddings: Tensor, labels: Tensor, rng: torch.Generator | None = None
    ) -> Outcome:
        """The loss of a batch: float (n, d) and int64 (n,)."""
        rows = unit(embeddings) if self.normalise else embeddings
        squared = squared_distances(rows, rows)
        upper = torch.ones_like(squared, dtype=torch.bool).triu(1)
        alike = labels[:, None] == labels[None, :]
        genuine = squared[alike & upper]
        short = (self.margin - root(squared[~alike & upper])).clamp_min(0)
        active = int((short > 0).sum())
        loss = genuine.sum() / max(len(genuine), 1) + short.square().sum() / max(active, 1)
        return Outcome(loss, {"active": torch.tensor(active / max(len(short), 1))})
