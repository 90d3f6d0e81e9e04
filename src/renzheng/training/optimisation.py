"""Where a run computes, how weights move, and how fast."""

from __future__ import annotations

import math

import torch
from torch import nn

from renzheng.errors import InvalidInput
from renzheng.training import distributed
from renzheng.training.recipe import Optimiser, Recipe


def choose_device(named: str) -> torch.device:
    """The device of a name; ``auto`` is the GPU where there is one.

    Raises
    ------
    InvalidInput
        If it asks for a GPU and there is none.
    """
    if named == "cuda" and not torch.cuda.is_available():
        raise InvalidInput("torch sees no GPU", remedy='run.device = "auto" or "cpu"')
    if named == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", distributed.local())
    torch.cuda.set_device(device)
    return device


def optimiser(module: nn.Module, settings: Optimiser) -> torch.optim.Optimizer:
    """The optimiser of a recipe; biases and normalisation layers (vectors) do not decay."""
    every = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in every if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in every if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if settings.kind == "sgd":
        return torch.optim.SGD(groups, settings.learning_rate, momentum=settings.momentum)
    return torch.optim.AdamW(groups, settings.learning_rate)


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of a step, from 0, of so many: warm-up first, then the schedule."""
    schedule, top = recipe.schedule, recipe.optimiser.learning_rate
    warm = round(schedule.warmup * steps)
    if step < warm:
        return top * (step + 1) / warm
    if schedule.kind == "cosine":
        done = (step - warm) / max(steps - warm, 1)
        return top * (1 + math.cos(math.pi * done)) / 2
    if schedule.kind == "step":
        passed = sum(step >= share * steps for share in schedule.milestones)
        return top * schedule.factor**passed
    return top
