"""Triplet mining: which triplets of a batch a network learns from.

A triplet is an anchor a, a positive p (the same person, another image) and a negative n (another
person). Most of a batch's triplets are solved already; a mining rule selects among the others. All
rules select from one matrix of distances between the images of the whole batch, also across
processes, so nothing is embedded twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Triplets:
    """Indices of triplets into the batch, int64 (t,) each."""

    anchor: Tensor
    positive: Tensor
    negative: Tensor

    def __len__(self) -> int:
        return len(self.anchor)


@dataclass(frozen=True, eq=False)
class PairMatrix:
    """All pairs of a batch's images: anchors in rows, the others in columns.

    Attributes
    ----------
    distance
        float (n, n), without gradient: the distance that the loss states its margin in, Euclidean
        or squared Euclidean.
    is_positive
        bool (n, n): two different images of one person.
    is_negative
        bool (n, n): images of two people.
    dimension
        Length of an embedding.
    """

    distance: Tensor
    is_positive: Tensor
    is_negative: Tensor
    dimension: int

    @classmethod
    def of(cls, distance: Tensor, labels: Tensor, dimension: int) -> PairMatrix:
        """Build the matrix from float (n, n) distances and int64 (n,) labels."""
        same_person = labels[:, None] == labels[None, :]
        same_image = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        return cls(distance.detach(), same_person & ~same_image, ~same_person, dimension)

    def anchor_positive_pairs(self) -> tuple[Tensor, Tensor]:
        """Return every anchor with each of its positives, int64 (p,) each.

        Anchors without any negative in the batch are left out.
        """
        usable = self.is_positive & self.is_negative.any(1)[:, None]
        anchor, positive = usable.nonzero(as_tuple=True)
        return anchor, positive


MiningRule = Callable[[PairMatrix, float, torch.Generator | None], Triplets]


def batch_all(pairs: PairMatrix, margin: float, rng: torch.Generator | None = None) -> Triplets:
    """Select every triplet that still has a loss: d_an < d_ap + margin.

    This is "batch all" of Hermans et al. 2017.
    """
    anchor, positive = pairs.anchor_positive_pairs()
    d_an, d_ap = pairs.distance[anchor], pairs.distance[anchor, positive]
    active = pairs.is_negative[anchor] & (d_an < d_ap[:, None] + margin)
    pair, negative = active.nonzero(as_tuple=True)
    return Triplets(anchor[pair], positive[pair], negative)


def random(pairs: PairMatrix, margin: float, rng: torch.Generator | None = None) -> Triplets:
    """Draw any negative for every anchor and positive: the baseline."""
    anchor, positive = pairs.anchor_positive_pairs()
    return Triplets(anchor, positive, _draw_columns(pairs.is_negative[anchor].float(), rng))


def semi_hard(pairs: PairMatrix, margin: float, rng: torch.Generator | None = None) -> Triplets:
    """Draw for every anchor and positive a negative with d_ap < d_an < d_ap + margin.

    This is FaceNet's rule (Schroff et al. 2015, section 3.2): the hardest negatives make the
    network collapse early on. A pair without such a negative gives no triplet.
    """
    anchor, positive = pairs.anchor_positive_pairs()
    d_an, d_ap = pairs.distance[anchor], pairs.distance[anchor, positive][:, None]
    is_semi_hard = pairs.is_negative[anchor] & (d_an > d_ap) & (d_an < d_ap + margin)
    kept = is_semi_hard.any(1)
    return Triplets(anchor[kept], positive[kept], _draw_columns(is_semi_hard[kept].float(), rng))


def batch_hard(pairs: PairMatrix, margin: float, rng: torch.Generator | None = None) -> Triplets:
    """Select for every anchor the positive of largest d_ap and the negative of smallest d_an.

    This is "batch hard" of Hermans et al. 2017.
    """
    anchor = (pairs.is_positive.any(1) & pairs.is_negative.any(1)).nonzero()[:, 0]
    d_ap = pairs.distance[anchor].masked_fill(~pairs.is_positive[anchor], -torch.inf)
    d_an = pairs.distance[anchor].masked_fill(~pairs.is_negative[anchor], torch.inf)
    return Triplets(anchor, d_ap.argmax(1), d_an.argmin(1))


def distance_weighted(
    pairs: PairMatrix, margin: float, rng: torch.Generator | None = None, cutoff: float = 0.5
) -> Triplets:
    """Draw for every anchor and positive a negative, with all distances equally likely.

    Distance weighted sampling of Wu et al. 2017, for unit embeddings of D numbers:

        P(n | a) proportional to 1 / q(d_an), q(d) = d^(D - 2) (1 - d^2 / 4)^((D - 3) / 2)

    On a sphere of high dimension nearly all random pairs lie near distance 1.41. Weights that
    invert the density q of distances show the network near negatives, but not the nearest alone,
    which are mostly noise. Distances below `cutoff` count as `cutoff`. The matrix must hold squared
    distances.
    """
    anchor, positive = pairs.anchor_positive_pairs()
    squared_d_an = pairs.distance[anchor].clamp(cutoff**2, 4 - 1e-3).double()
    d = pairs.dimension
    log_q = 0.5 * (d - 2) * squared_d_an.log() + 0.5 * (d - 3) * (1 - squared_d_an / 4).log()
    usable = pairs.is_negative[anchor] & (pairs.distance[anchor] < 4 - 1e-3)
    # Without a usable negative any other will do: the loss of such a triplet is 0.
    usable = torch.where(usable.any(1)[:, None], usable, pairs.is_negative[anchor])
    log_weight = (-log_q).masked_fill(~usable, -torch.inf)
    weight = (log_weight - log_weight.max(1, keepdim=True).values).exp()
    return Triplets(anchor, positive, _draw_columns(weight.float(), rng))


def _draw_columns(weight: Tensor, rng: torch.Generator | None) -> Tensor:
    """Draw one column of each row by weight: int64 (rows,)."""
    if not len(weight):
        return torch.zeros(0, dtype=torch.int64, device=weight.device)
    # On the CPU, so that a seed gives the same draws on every device.
    drawn = torch.multinomial(weight.cpu(), 1, generator=rng)[:, 0]
    return drawn.to(weight.device)


MINING_RULES: Mapping[str, MiningRule] = MappingProxyType(
    {
        "all": batch_all,
        "random": random,
        "semi-hard": semi_hard,
        "batch-hard": batch_hard,
        "distance-weighted": distance_weighted,
    }
)
