"""Device, optimiser, learning rate and weight average of a run."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from renzheng.errors import InvalidInput
from renzheng.training import distributed
from renzheng.training.recipe import Optimiser, Recipe


def choose_device(name: str) -> torch.device:
    """Return the device of a name; ``auto`` is the GPU where there is one.

    Raises
    ------
    InvalidInput
        If the name is ``cuda`` and there is no GPU.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InvalidInput("torch finds no GPU", remedy='set run.device to "auto" or "cpu"')
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", distributed.local_rank())
    torch.cuda.set_device(device)
    return device


def build_optimiser(module: nn.Module, settings: Optimiser) -> torch.optim.Optimizer:
    """Build a recipe's optimiser; biases and normalisation layers (vectors) do not decay."""
    trained = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if settings.kind == "sgd":
        return torch.optim.SGD(groups, settings.learning_rate, momentum=settings.momentum)
    return torch.optim.AdamW(groups, settings.learning_rate)


def build_average(backbone: nn.Module, decay: float) -> AveragedModel | None:
    """Build the exponential moving average of a backbone's weights; None if `decay` is 0."""
    if decay == 0:
        return None
    update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(backbone, multi_avg_fn=update, use_buffers=True)


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Return the learning rate of step 0 to `steps` - 1: warm-up first, then the schedule."""
    schedule, highest = recipe.schedule, recipe.optimiser.learning_rate
    warmup = round(schedule.warmup * steps)
    if step < warmup:
        return highest * (step + 1) / warmup
    if schedule.kind == "cosine":
        done = (step - warmup) / max(steps - warmup, 1)
        return highest * (1 + math.cos(math.pi * done)) / 2
    if schedule.kind == "step":
        passed = sum(step >= share * steps for share in schedule.milestones)
        return highest * schedule.factor**passed
    return highest
