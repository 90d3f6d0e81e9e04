"""Triplet loss: an anchor nearer to its own person than to anyone else, by a margin."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from renzheng.errors import InvalidInput
from renzheng.training.distances import safe_sqrt, squared_distances, unit
from renzheng.training.losses.output import LossOutput
from renzheng.training.mining import MINING_RULES, PairMatrix


class TripletLoss(nn.Module):
    """Triplet loss over the mined triplets (a, p, n) of a batch.

        L = mean of max(0, d(a, p) - d(a, n) + margin)

    FaceNet (Schroff et al. 2015, equation 1) takes d as the squared Euclidean distance between
    unit embeddings, with margin 0.2; Hermans et al. 2017 take the distance itself, and
    ln(1 + exp(.)) in place of the hinge ("soft margin").

    Parameters
    ----------
    mining
        A key of `MINING_RULES`.
    margin
        Above 0, or ``"soft"``.
    squared
        Whether d is squared.
    normalise
        Whether embeddings are scaled to unit length first, as they are when faces are compared.
        Otherwise the loss can be met by making all embeddings longer.
    """

    def __init__(
        self,
        mining: str = "semi-hard",
        margin: float | Literal["soft"] = 0.2,
        squared: bool = True,
        normalise: bool = True,
    ):
        super().__init__()
        if mining not in MINING_RULES:
            raise InvalidInput(
                f"unknown mining rule {mining!r}", remedy=f"one of {list(MINING_RULES)}"
            )
        if margin != "soft" and not (isinstance(margin, (int, float)) and margin > 0):
            raise InvalidInput(f"the margin must be above 0 or 'soft', not {margin!r}")
        if mining == "semi-hard" and margin == "soft":
            raise InvalidInput("semi-hard mining needs a margin in numbers", remedy="margin = 0.2")
        if mining == "distance-weighted" and not normalise:
            raise InvalidInput("distance-weighted mining needs unit embeddings")
        self.mining, self.margin, self.squared, self.normalise = mining, margin, squared, normalise

    def forward(
        self, embeddings: Tensor, labels: Tensor, rng: torch.Generator | None = None
    ) -> LossOutput:
        """Compute the loss of a batch.

        Parameters
        ----------
        embeddings
            float (n, d).
        labels
            int64 (n,): the person of each embedding.
        rng
            Generator for the mining rules that draw.

        Returns
        -------
        LossOutput
            Metrics: ``triplets``, the number mined; ``active``, the share of the batch's triplets
            that still have a loss. At 0 they are solved or the batch is starved; near 1, with a
            loss at the margin, the network has collapsed.
        """
        rows = unit(embeddings) if self.normalise else embeddings
        squared = squared_distances(rows, rows)
        # The margin is stated in this distance, and so is mining.
        distance = squared if self.squared else safe_sqrt(squared)
        pairs = PairMatrix.of(distance, labels, rows.shape[1])
        margin = 0.0 if self.margin == "soft" else float(self.margin)
        mined_pairs = pairs
        if self.mining == "distance-weighted" and not self.squared:
            mined_pairs = PairMatrix.of(squared, labels, rows.shape[1])
        triplets = MINING_RULES[self.mining](mined_pairs, margin, rng)
        metrics = {
            "triplets": torch.tensor(float(len(triplets))),
            "active": _active_share(pairs, margin),
        }
        if not len(triplets):
            return LossOutput(rows.sum() * 0, metrics)  # a step without gradient, not an error
        d_ap = distance[triplets.anchor, triplets.positive]
        d_an = distance[triplets.anchor, triplets.negative]
        if self.margin == "soft":
            loss = functional.softplus(d_ap - d_an).mean()
        else:
            loss = (d_ap - d_an + margin).clamp_min(0).mean()
        return LossOutput(loss, metrics)


def _active_share(pairs: PairMatrix, margin: float) -> Tensor:
    """Count the share of all triplets with d_an < d_ap + margin, without a list of them."""
    anchor, positive = pairs.anchor_positive_pairs()
    if not len(anchor):
        return torch.tensor(float("nan"))
    limit = pairs.distance[anchor, positive] + margin
    d_an = pairs.distance.masked_fill(~pairs.is_negative, torch.inf)
    d_an = d_an.sort(1).values[anchor].contiguous()
    active = torch.searchsorted(d_an, limit[:, None].contiguous()).sum()
    return (active / pairs.is_negative[anchor].sum()).detach().cpu()
