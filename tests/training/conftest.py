"""Made-up people to train on, and a small recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from renzheng.training.recipe import Recipe, parse


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small networks are slower with two threads on busy cores, and one repeats exactly."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def small(people: Path) -> Callable[..., Recipe]:
    """A recipe of a few seconds; tables given by name are laid over it."""

    def make(**tables: Any) -> Recipe:
        plain: dict[str, Any] = {
            "run": {"epochs": 2, "device": "cpu", "seed": 1},
            "data": {"sources": [str(people / "train")], "workers": 0},
            "model": {"backbone": "resnet-18", "size": 48, "dimension": 16},
            "batch": {"people": 4, "pictures": 3},
            "loss": [{"kind": "triplet"}, {"kind": "softmax"}, {"kind": "center", "weight": 0.1}],
            "augmentation": {"flip": 0.5, "colour": 0.5, "erase": 0.3},
            "average": {"decay": 0.9},
            "checkpoint": {"every": 1},
        }
        for name, table in tables.items():
            plain[name] = {**plain.get(name, {}), **table} if isinstance(table, dict) else table
        return parse(plain)

    return make
