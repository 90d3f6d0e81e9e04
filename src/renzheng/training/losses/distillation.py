"""Distillation: a small network learns to embed as a teacher does."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from renzheng.errors import InvalidInput
from renzheng.training.distances import safe_sqrt, squared_distances, unit
from renzheng.training.losses.output import LossOutput

MODES = ("embeddings", "distances")


class DistillationLoss(nn.Module):
    """Difference of a student's unit embeddings s_i from the teacher's t_i; it needs no labels.

        embeddings: L = mean of 1/2 ||s_i - t_i||^2 = mean of 1 - cos(s_i, t_i)
        distances: L = mean over pairs i < j of smooth_l1(||s_i - s_j|| - ||t_i - t_j||)

    In mode ``embeddings`` a linear map takes the student's dimension to the teacher's where they
    differ. Mode ``distances`` is relational knowledge distillation (Park et al. 2019), which leaves
    the student free to turn its space.

    Parameters
    ----------
    teacher_dimension, dimension
        Lengths of the teacher's and the student's embeddings.
    mode
        One of `MODES`.
    """

    def __init__(self, teacher_dimension: int, dimension: int, mode: str = "embeddings"):
        super().__init__()
        if mode not in MODES:
            raise InvalidInput(f"unknown distillation mode {mode!r}", remedy=f"one of {MODES}")
        self.mode = mode
        self.map: nn.Module = nn.Identity()
        if mode == "embeddings" and teacher_dimension != dimension:
            self.map = nn.Linear(dimension, teacher_dimension, bias=False)

    def forward(self, embeddings: Tensor, teacher: Tensor) -> LossOutput:
        """Compute the loss of a batch: float (n, d) and the teacher's float (n, teacher_dimension).

        Metric: ``teacher_gap``, the loss itself.
        """
        teacher = unit(teacher)
        if self.mode == "embeddings":
            student = unit(self.map(embeddings.to(teacher.dtype)))
            loss = (student - teacher).square().sum(1).mean() / 2
        else:
            student = unit(embeddings)
            n = len(student)
            upper = torch.ones(n, n, dtype=torch.bool, device=student.device).triu(1)
            d_student, d_teacher = (
                safe_sqrt(squared_distances(rows, rows))[upper] for rows in (student, teacher)
            )
            loss = functional.smooth_l1_loss(d_student, d_teacher, beta=0.1)
        return LossOutput(loss, {"teacher_gap": loss.detach()})
