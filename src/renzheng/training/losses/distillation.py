"""Distillation: a small network learns to answer as a teacher does."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from renzheng.errors import InvalidInput
from renzheng.training.distances import root, squared_distances, unit
from renzheng.training.losses.outcome import Outcome

MODES = ("embeddings", "distances")


class DistillationLoss(nn.Module):
    """How far a student's embeddings or distances are from the teacher's. No labels are needed.

    ``embeddings``: half the mean squared distance between both unit embeddings, which is 1 minus
    their cosine; a linear map brings the teacher's dimension to the student's where they differ.
    ``distances``: the mean smooth L1 difference of the batch's distances (Park et al. 2019,
    relational knowledge distillation), which leaves the student free to turn its space.

    Parameters
    ----------
    mode
        One of `MODES`.
    teacher_dimension, dimension
        Of the embeddings.
    """

    def __init__(self, teacher_dimension: int, dimension: int, mode: str = "embeddings"):
        super().__init__()
        if mode not in MODES:
            raise InvalidInput(f"no distillation is called {mode!r}", remedy=f"one of {MODES}")
        self.mode = mode
        self.map: nn.Module = nn.Identity()
        if mode == "embeddings" and teacher_dimension != dimension:
            self.map = nn.Linear(dimension, teacher_dimension, bias=False)

    def forward(self, embeddings: Tensor, teacher: Tensor) -> Outcome:
        """The loss of a batch: float (n, d) and float (n, teacher's d)."""
        theirs = unit(teacher)
        if self.mode == "embeddings":
            ours = unit(self.map(embeddings.to(theirs.dtype)))
            loss = (ours - theirs).square().sum(1).mean() / 2
        else:
            ours = unit(embeddings)
            upper = torch.ones(len(ours), len(ours), dtype=torch.bool, device=ours.device).triu(1)
            mine, wanted = (root(squared_distances(r, r))[upper] for r in (ours, theirs))
            loss = functional.smooth_l1_loss(mine, wanted, beta=0.1)
        return Outcome(loss, {"teacher_gap": loss.detach()})
