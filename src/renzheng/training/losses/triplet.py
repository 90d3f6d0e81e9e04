"""Triplet loss: an anchor nearer to its own person than to anyone else, by a margin."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from renzheng.errors import InvalidInput
from renzheng.training.distances import root, squared_distances, unit
from renzheng.training.losses.outcome import Outcome
from renzheng.training.mining import MINERS, Batch


class TripletLoss(nn.Module):
    """Mean of max(0, d(a, p) - d(a, n) + margin) over the mined triplets of a batch.

    FaceNet (Schroff et al. 2015, equation 1) takes d as the squared Euclidean distance between
    unit embeddings, with margin 0.2; Hermans et al. 2017 the distance itself, and ln(1 + exp(.))
    in place of the hinge ("soft margin").

    Parameters
    ----------
    mining
        One of `MINERS`.
    margin
        Above 0, or ``"soft"``.
    squared
        Whether d is squared.
    normalise
        Whether embeddings are brought to unit length first, as they are when faces are compared.
        Without it the loss can be met by making all embeddings longer.
    """

    def __init__(
        self,
        mining: str = "semi-hard",
        margin: float | Literal["soft"] = 0.2,
        squared: bool = True,
        normalise: bool = True,
    ):
        super().__init__()
        if mining not in MINERS:
            raise InvalidInput(f"no mining is called {mining!r}", remedy=f"one of {list(MINERS)}")
        if margin != "soft" and not (isinstance(margin, (int, float)) and margin > 0):
            raise InvalidInput(f"a margin is above 0 or 'soft', not {margin!r}")
        if mining == "semi-hard" and margin == "soft":
            raise InvalidInput("semi-hard mining needs a margin to lie within", remedy="0.2")
        if mining == "distance-weighted" and not normalise:
            raise InvalidInput("distance-weighted mining is for unit embeddings")
        self.mining, self.margin, self.squared, self.normalise = mining, margin, squared, normalise

    def forward(
        self, embeddings: Tensor, labels: Tensor, rng: torch.Generator | None = None
    ) -> Outcome:
        """The loss of a batch.

        Parameters
        ----------
        embeddings
            float (n, d).
        labels
            int64 (n,): who it is.
        rng
            For the miners that draw.

        Returns
        -------
        Outcome
            Watches ``triplets``, ``active`` (the share of all triplets of the batch that still
            cost something: 0 is solved or starved, and staying near 1 with a loss at the margin
            is collapsed).
        """
        rows = unit(embeddings) if self.normalise else embeddings
        squared = squared_distances(rows, rows)
        # The miners see the distance that the margin is stated in.
        distance = squared if self.squared else root(squared)
        batch = Batch.of(distance, labels, rows.shape[1])
        margin = 0.0 if self.margin == "soft" else float(self.margin)
        seen = batch
        if self.mining == "distance-weighted" and not self.squared:
            seen = Batch.of(squared, labels, rows.shape[1])
        mined = MINERS[self.mining](seen, margin, rng)
        watch = {"triplets": torch.tensor(float(len(mined))), "active": _active(batch, margin)}
        if not len(mined):
            return Outcome(rows.sum() * 0, watch)  # a step without gradient, not an error
        gap = distance[mined.anchor, mined.positive] - distance[mined.anchor, mined.negative]
        if self.margin == "soft":
            loss = functional.softplus(gap).mean()
        else:
            loss = (gap + margin).clamp_min(0).mean()
        return Outcome(loss, watch)


def _active(batch: Batch, margin: float) -> Tensor:
    """The share of the batch's triplets within the margin, by counting and not by listing."""
    anchor, positive = batch.pairs()
    if not len(anchor):
        return torch.tensor(float("nan"))
    limit = batch.squared[anchor, positive] + margin
    near = batch.squared.masked_fill(~batch.other, torch.inf).sort(1).values[anchor].contiguous()
    count = torch.searchsorted(near, limit[:, None].contiguous()).sum()
    return (count / batch.other[anchor].sum()).detach().cpu()
