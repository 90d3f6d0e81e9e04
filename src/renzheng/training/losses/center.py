"""Center loss: every embedding near the center of its person."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from renzheng.errors import InvalidInput
from renzheng.training.distances import unit
from renzheng.training.losses.output import LossOutput


class CenterLoss(nn.Module):
    """Center loss of Wen et al. 2016, for embeddings x_i of the people y_i.

        L = mean of 1/2 ||x_i - c_(y_i)||^2

    It is for use with a softmax loss, which keeps people apart: alone it is met by one point for
    all.

    An optimiser does not move the centers. After each step they move by equation 4 of the paper:

        c_j <- c_j - alpha * sum over y_i = j of (c_j - x_i) / (1 + number of y_i = j)

    The sum and the number run over the batch by label, so that a label that occurs several times
    moves its center once, by the mean; ``centers[labels] -= ...`` would keep only the last of them.

    Parameters
    ----------
    classes, dimension
        Number of people, and length of an embedding.
    alpha
        Rate of the centers, above 0 and up to 1 (the paper: 0.5).
    normalise
        Whether embeddings are scaled to unit length first. The paper's are not, but faces are
        compared by unit embeddings, and lengths that run away take the loss to NaN.
    """

    centers: Tensor

    def __init__(self, classes: int, dimension: int, alpha: float = 0.5, normalise: bool = True):
        super().__init__()
        if classes < 1 or dimension < 1:
            raise InvalidInput(
                f"center loss needs at least 1 class and 1 dimension, not {classes} and {dimension}"
            )
        if not 0 < alpha <= 1:
            raise InvalidInput(f"alpha must be above 0 and at most 1, not {alpha!r}")
        self.alpha, self.normalise = alpha, normalise
        self.register_buffer("centers", torch.zeros(classes, dimension))

    def forward(
        self, embeddings: Tensor, labels: Tensor, rng: torch.Generator | None = None
    ) -> LossOutput:
        """Compute the loss of a batch: float (n, d) and int64 (n,).

        In training mode the centers move. Metric: ``center_distance``, the mean distance to the
        centers.
        """
        rows = unit(embeddings) if self.normalise else embeddings
        rows = rows if rows.dtype == torch.float64 else rows.float()
        difference = rows - self.centers[labels].to(rows.dtype)
        loss = difference.square().sum(1).mean() / 2
        difference = difference.detach()
        if self.training:
            self._move_centers(difference, labels)
        return LossOutput(loss, {"center_distance": difference.square().sum(1).sqrt().mean()})

    @torch.no_grad()
    def _move_centers(self, difference: Tensor, labels: Tensor) -> None:
        """Move the centers towards their embeddings; `difference` is x_i - c_(y_i)."""
        total = torch.zeros_like(self.centers)
        total.index_add_(0, labels, difference.to(total.dtype))
        count = torch.bincount(labels, minlength=len(total)).to(total.dtype)
        self.centers += self.alpha * total / (1 + count)[:, None]
