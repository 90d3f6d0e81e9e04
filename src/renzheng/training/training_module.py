"""The module that is trained: a backbone with its losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from renzheng.errors import InvalidInput
from renzheng.training import backbones, distributed
from renzheng.training.losses import (
    CenterLoss,
    ContrastiveLoss,
    DistillationLoss,
    MarginSoftmaxLoss,
    SoftmaxLoss,
    TripletLoss,
)
from renzheng.training.recipe import Loss, Model


class TrainingModule(nn.Module):
    """A backbone with its losses, which embeds a batch and sums the losses.

    It is one module, so that DistributedDataParallel sees the losses' weights too.

    Parameters
    ----------
    model, losses
        Parts of the recipe.
    classes
        Number of people.
    teacher_dimension
        Length of the teacher's embeddings, or None without a teacher.
    half
        Whether the backbone computes in bf16.
    """

    def __init__(
        self,
        model: Model,
        losses: tuple[Loss, ...],
        classes: int,
        teacher_dimension: int | None = None,
        half: bool = False,
    ):
        super().__init__()
        self.kind = backbones.get(model.backbone)
        self.size = model.size or self.kind.input_size
        self.backbone = self.kind.build(model.dimension or None, **model.options)
        self.dimension = self.backbone.dimension
        self._half = half
        self._weights = [loss.weight for loss in losses]
        self._names = _names(losses)
        self.losses = nn.ModuleList(
            build_loss(loss, classes, self.dimension, teacher_dimension) for loss in losses
        )

    def forward(
        self, batch: Tensor, labels: Tensor, teacher: Tensor | None, seed: int
    ) -> tuple[Tensor, dict[str, Tensor], Tensor, Tensor]:
        """Compute the loss of a batch.

        Parameters
        ----------
        batch
            float32 (n, 3, size, size): this process's part.
        labels
            int64 (n,)
        teacher
            float32 (n, teacher_dimension), or None.
        seed
            Seed of the mining rules' draws, the same in every process.

        Returns
        -------
        loss, metrics, embeddings, labels
            The weighted sum; scalars for the log by ``loss`` and ``loss/metric``; the whole batch's
            embeddings, float32 (n * processes, dimension), and labels.
        """
        with torch.autocast(batch.device.type, torch.bfloat16, enabled=self._half):
            own = self.backbone(batch)
        rows, labels = distributed.gather(own.float()), distributed.gather(labels)
        if teacher is not None:
            teacher = distributed.gather(teacher)
        rng = torch.Generator().manual_seed(seed)
        total = rows.sum() * 0
        metrics = {}
        for name, weight, loss in zip(self._names, self._weights, self.losses, strict=True):
            if isinstance(loss, DistillationLoss):
                output = loss(rows, teacher)
            else:
                output = loss(rows, labels, rng)
            total = total + weight * output.loss
            metrics[name] = output.loss.detach()
            metrics.update({f"{name}/{key}": value for key, value in output.metrics.items()})
        return total, metrics, rows.detach(), labels


def build_loss(
    loss: Loss, classes: int, dimension: int, teacher_dimension: int | None
) -> nn.Module:
    """Build the module of a recipe's loss.

    Raises
    ------
    InvalidInput
        If the loss has no such parameter, or a value is out of range.
    """
    options: dict[str, Any] = dict(loss.options)
    sizes: dict[str, Any] = {"classes": classes, "dimension": dimension}
    builders: Mapping[str, Any] = {
        "triplet": lambda: TripletLoss(**options),
        "contrastive": lambda: ContrastiveLoss(**options),
        "center": lambda: CenterLoss(**sizes, **options),
        "softmax": lambda: SoftmaxLoss(**sizes, **options),
        "arcface": lambda: MarginSoftmaxLoss(**sizes, margin_kind="arcface", **options),
        "cosface": lambda: MarginSoftmaxLoss(**sizes, margin_kind="cosface", **options),
        "adaface": lambda: MarginSoftmaxLoss(**sizes, margin_kind="adaface", **options),
        "distillation": lambda: _build_distillation(options, dimension, teacher_dimension),
    }
    try:
        built: nn.Module = builders[loss.kind]()
    except TypeError as error:  # an unknown name, or text where a number belongs
        raise InvalidInput(f"the loss {loss.kind!r} does not take {options}: {error}") from error
    return built


def _build_distillation(
    options: dict[str, Any], dimension: int, teacher_dimension: int | None
) -> DistillationLoss:
    options.pop("pack", None)
    assert teacher_dimension is not None
    return DistillationLoss(teacher_dimension, dimension, **options)


def _names(losses: tuple[Loss, ...]) -> list[str]:
    """Return the losses' kinds, with a number where a kind occurs twice."""
    kinds = [loss.kind for loss in losses]
    return [k if kinds.count(k) == 1 else f"{k}.{i}" for i, k in enumerate(kinds)]
