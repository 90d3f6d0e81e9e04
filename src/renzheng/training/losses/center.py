"""Center loss: every embedding near the center of its person."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from renzheng.errors import InvalidInput
from renzheng.training.distances import unit
from renzheng.training.losses.outcome import Outcome


class CenterLoss(nn.Module):
    """Half the mean squared distance of embeddings to their persons' centers (Wen et al. 2016).

    Used jointly with a softmax, which keeps people apart: alone it is met by one point for all.

    The centers are no parameters that an optimiser moves. After each step center j goes by

        delta_j = sum over its occurrences of (c_j - x_i) / (1 + number of its occurrences)

    times the rate `alfa` (equation 4). The sum and the number run over the batch by label, so that
    a label that comes up several times is moved once, by its mean; `centers[labels] -= ...` would
    keep only the last of them.

    Parameters
    ----------
    classes, dimension
        How many people, and of the embeddings.
    alfa
        Rate of the centers, above 0 and up to 1 (the paper: 0.5).
    normalise
        Whether embeddings are brought to unit length first. The paper's are not, but faces are
        compared by unit embeddings, and lengths that run away take the loss to NaN.
    """

    centers: Tensor

    def __init__(self, classes: int, dimension: int, alfa: float = 0.5, normalise: bool = True):
        super().__init__()
        if classes < 1 or dimension < 1:
            raise InvalidInput(f"{classes} classes of dimension {dimension}: one at least of each")
        if not 0 < alfa <= 1:
            raise InvalidInput(f"alfa lies above 0 and up to 1, not {alfa!r}")
        self.alfa, self.normalise = alfa, normalise
        self.register_buffer("centers", torch.zeros(classes, dimension))

    def forward(
        self, embeddings: Tensor, labels: Tensor, rng: torch.Generator | None = None
    ) -> Outcome:
        """The loss of a batch: float (n, d) and int64 (n,). In training mode the centers move."""
        rows = unit(embeddings) if self.normalise else embeddings
        rows = rows if rows.dtype == torch.float64 else rows.float()
        apart = rows - self.centers[labels].to(rows.dtype)
        loss = apart.square().sum(1).mean() / 2
        if self.training:
            self._move(apart.detach(), labels)
        return Outcome(loss, {"center_distance": apart.detach().square().sum(1).sqrt().mean()})

    @torch.no_grad()
    def _move(self, apart: Tensor, labels: Tensor) -> None:
        """Move centers towards their embeddings; `apart` is x_i - c_(y_i)."""
        total = torch.zeros_like(self.centers)
        total.index_add_(0, labels, apart.to(total.dtype))
        count = torch.bincount(labels, minlength=len(total)).to(total.dtype)
        self.centers += self.alfa * total / (1 + count)[:, None]
