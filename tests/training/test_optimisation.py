from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from renzheng.training.optimisation import build_optimiser, learning_rate
from renzheng.training.recipe import Optimiser, Recipe, Schedule


def rates(**schedule: object) -> list[float]:
    recipe = Recipe(optimiser=Optimiser(learning_rate=2.0), schedule=Schedule(**schedule))
    return [learning_rate(recipe, step, 100) for step in range(100)]


def test_it_warms_up_and_goes_down_by_a_cosine() -> None:
    found = rates(kind="cosine", warmup=0.1)
    assert found[:10] == pytest.approx([0.2 * k for k in range(1, 11)])
    assert found[10] == 2.0
    assert found[55] == pytest.approx(1.0)
    assert found[-1] == pytest.approx(0, abs=2e-3)
    assert all(a >= b for a, b in pairwise(found[10:]))


def test_it_steps_down_at_milestones() -> None:
    found = rates(kind="step", warmup=0.0, milestones=(0.5, 0.75), factor=0.1)
    assert found[49:51] == pytest.approx([2.0, 0.2])
    assert found[74:76] == pytest.approx([0.2, 0.02])
    assert rates(kind="constant", warmup=0.0) == [2.0] * 100


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_vectors_do_not_decay(kind: str) -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    made = build_optimiser(network, Optimiser(kind=kind, weight_decay=0.1))
    decay = {p: g["weight_decay"] for g in made.param_groups for p in g["params"]}
    assert decay[network[0].weight] == 0.1
    assert {decay[p] for p in (network[0].bias, network[1].weight)} == {0.0}
    assert len(decay) == len(list(network.parameters()))
    assert isinstance(made, (torch.optim.SGD, torch.optim.AdamW))
