"""Which triplets of a batch to learn from.

A triplet is an anchor, a positive (the same person, another picture) and a negative (someone
else). Of the many in a batch most are solved already; the miners choose the others. All choose from
a matrix of distances between anchors (this process's rows) and candidates (the whole batch, also
across processes), so nothing is embedded twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Triplets:
    """Indices of triplets, int64 (t,) each, into the batch."""

    anchor: Tensor
    positive: Tensor
    negative: Tensor

    def __len__(self) -> int:
        return len(self.anchor)


@dataclass(frozen=True, eq=False)
class Batch:
    """What a miner sees.

    Attributes
    ----------
    squared
        float (n, n): squared distances, without gradient.
    same
        bool (n, n): two different pictures of one person.
    other
        bool (n, n): two people.
    dimension
        Of the embeddings.
    """

    squared: Tensor
    same: Tensor
    other: Tensor
    dimension: int

    @classmethod
    def of(cls, squared: Tensor, labels: Tensor, dimension: int) -> Batch:
        """The batch of a distance matrix and int64 (n,) labels."""
        alike = labels[:, None] == labels[None, :]
        itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        return cls(squared.detach(), alike & ~itself, ~alike, dimension)

    def pairs(self) -> tuple[Tensor, Tensor]:
        """Every anchor with every positive of it, whose anchor has a negative: int64 (p,) each."""
        usable = self.same & self.other.any(1)[:, None]
        anchor, positive = usable.nonzero(as_tuple=True)
        return anchor, positive


Miner = Callable[[Batch, float, torch.Generator | None], Triplets]


def everything(batch: Batch, margin: float, rng: torch.Generator | None = None) -> Triplets:
    """Every triplet that still costs something ("batch all", Hermans et al. 2017)."""
    anchor, positive = batch.pairs()
    near, far = batch.squared[anchor], batch.squared[anchor, positive]
    active = batch.other[anchor] & (near < far[:, None] + margin)
    pair, negative = active.nonzero(as_tuple=True)
    return Triplets(anchor[pair], positive[pair], negative)


def random(batch: Batch, margin: float, rng: torch.Generator | None = None) -> Triplets:
    """For every pair of one person any negative: the baseline."""
    anchor, positive = batch.pairs()
    return Triplets(anchor, positive, _draw(batch.other[anchor].float(), rng))


def semi_hard(batch: Batch, margin: float, rng: torch.Generator | None = None) -> Triplets:
    """For every pair a random negative farther than the positive, but within the margin.

    FaceNet's choice (Schroff et al. 2015, section 3.2): the hardest negatives make the network
    collapse early on. A pair without such a negative gives no triplet.
    """
    anchor, positive = batch.pairs()
    near, far = batch.squared[anchor], batch.squared[anchor, positive][:, None]
    fitting = batch.other[anchor] & (near > far) & (near < far + margin)
    kept = fitting.any(1)
    return Triplets(anchor[kept], positive[kept], _draw(fitting[kept].float(), rng))


def batch_hard(batch: Batch, margin: float, rng: torch.Generator | None = None) -> Triplets:
    """For every anchor its farthest positive and its nearest negative (Hermans et al. 2017)."""
    anchor = (batch.same.any(1) & batch.other.any(1)).nonzero()[:, 0]
    far = batch.squared[anchor].masked_fill(~batch.same[anchor], -torch.inf)
    near = batch.squared[anchor].masked_fill(~batch.other[anchor], torch.inf)
    return Triplets(anchor, far.argmax(1), near.argmin(1))


def distance_weighted(
    batch: Batch, margin: float, rng: torch.Generator | None = None, cutoff: float = 0.5
) -> Triplets:
    """For every pair a negative drawn so that all distances come up alike (Wu et al. 2017).

    On a sphere of high dimension nearly all random pairs lie near distance 1.41. Drawing by the
    inverse of the density of distances shows the network near negatives without only ever showing
    the nearest, which are mostly noise. Distances below `cutoff` count as `cutoff`.
    """
    anchor, positive = batch.pairs()
    squared = batch.squared[anchor].clamp(cutoff**2, 4 - 1e-3).double()
    d = batch.dimension
    log_density = 0.5 * (d - 2) * squared.log() + 0.5 * (d - 3) * (1 - squared / 4).log()
    usable = batch.other[anchor] & (batch.squared[anchor] < 4 - 1e-3)
    # Where nobody is usable any negative will do: the loss of such a triplet is 0.
    usable = torch.where(usable.any(1)[:, None], usable, batch.other[anchor])
    weight = (-log_density).masked_fill(~usable, -torch.inf)
    weight = (weight - weight.max(1, keepdim=True).values).exp()
    return Triplets(anchor, positive, _draw(weight.float(), rng))


def _draw(weight: Tensor, rng: torch.Generator | None) -> Tensor:
    """One column a row by weight: int64 (rows,)."""
    if not len(weight):
        return torch.zeros(0, dtype=torch.int64, device=weight.device)
    # On the CPU, so that a seed means the same on every device.
    drawn = torch.multinomial(weight.cpu(), 1, generator=rng)[:, 0]
    return drawn.to(weight.device)


MINERS: Mapping[str, Miner] = MappingProxyType(
    {
        "all": everything,
        "random": random,
        "semi-hard": semi_hard,
        "batch-hard": batch_hard,
        "distance-weighted": distance_weighted,
    }
)
