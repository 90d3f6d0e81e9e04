"""Statistics of embeddings that show early when a network collapses, and warnings about them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from renzheng.training.distances import safe_sqrt, squared_distances, unit


@torch.no_grad()
def statistics(embeddings: Tensor, labels: Tensor) -> dict[str, float]:
    """Compute statistics of a batch's embeddings.

    Parameters
    ----------
    embeddings
        float (n, d), as the network gives them.
    labels
        int64 (n,)

    Returns
    -------
    dict
        ``norm``: mean length; ``within`` and ``between``: mean Euclidean distance of unit
        embeddings between two images of one person and of two people; ``effective_rank``: the
        exponential of the entropy of the singular values (Roy and Vetterli 2007), from 1 (all on a
        line) to d or n - 1.
    """
    rows = unit(embeddings)
    distance = safe_sqrt(squared_distances(rows, rows))
    same_person = labels[:, None] == labels[None, :]
    genuine = same_person & torch.ones_like(same_person).triu(1)
    if not torch.isfinite(rows).all():
        return dict.fromkeys(("norm", "within", "between", "effective_rank"), float("nan"))
    singular_values = torch.linalg.svdvals(rows - rows.mean(0))
    share = singular_values / singular_values.sum().clamp_min(1e-12)
    entropy = -(share * share.clamp_min(1e-12).log()).sum()
    return {
        "norm": float(embeddings.float().norm(dim=1).mean()),
        "within": float(distance[genuine].mean()) if genuine.any() else float("nan"),
        "between": float(distance[~same_person].mean()) if not same_person.all() else float("nan"),
        "effective_rank": float(entropy.exp()),
    }


def warnings(values: Mapping[str, float], dimension: int) -> list[str]:
    """Return in words what is wrong with a batch whose `statistics` are these values."""
    if any(values[name] != values[name] for name in ("norm", "effective_rank")):
        return ["embeddings are not numbers: lower the learning rate or clip gradients"]
    found = []
    if values["between"] < 0.05:
        found.append(
            "all embeddings are nearly one point (collapse): lower the learning rate, mine "
            "semi-hard instead of batch-hard at first, or add a softmax loss"
        )
    elif values["effective_rank"] < min(3.0, dimension / 2):
        found.append(
            f"embeddings use {values['effective_rank']:.1f} of {dimension} dimensions: "
            "training is collapsing or has hardly begun"
        )
    if values["norm"] > 1e4:
        found.append(
            f"embeddings are {values['norm']:.0f} long and running away: clip gradients, or "
            "let the loss normalise them"
        )
    return found
