"""Numbers that show early when a network collapses, and words for them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from renzheng.training.distances import root, squared_distances, unit


@torch.no_grad()
def examine(embeddings: Tensor, labels: Tensor) -> dict[str, float]:
    """Look at a batch's embeddings.

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
        embeddings between two pictures of one person and of two people; ``effective_rank``: the
        exponential of the entropy of the singular values (Roy and Vetterli 2007), from 1 (all on a
        line) to d or n - 1.
    """
    rows = unit(embeddings)
    apart = root(squared_distances(rows, rows))
    alike = labels[:, None] == labels[None, :]
    upper = torch.ones_like(alike).triu(1)
    if not torch.isfinite(rows).all():
        return dict.fromkeys(("norm", "within", "between", "effective_rank"), float("nan"))
    spread = torch.linalg.svdvals(rows - rows.mean(0))
    share = spread / spread.sum().clamp_min(1e-12)
    entropy = -(share * share.clamp_min(1e-12).log()).sum()
    return {
        "norm": float(embeddings.float().norm(dim=1).mean()),
        "within": float(apart[alike & upper].mean()) if (alike & upper).any() else float("nan"),
        "between": float(apart[~alike].mean()) if (~alike).any() else float("nan"),
        "effective_rank": float(entropy.exp()),
    }


def warnings(seen: Mapping[str, float], dimension: int) -> list[str]:
    """What is wrong with the batch that `examine` looked at, for a person."""
    found = []
    if any(seen[name] != seen[name] for name in ("norm", "effective_rank")):
        return ["embeddings are not numbers: lower the learning rate or clip gradients"]
    if seen["between"] < 0.05:
        found.append(
            "all embeddings are nearly one point (collapse): lower the learning rate, mine "
            "semi-hard instead of batch-hard at first, or add a softmax loss"
        )
    elif seen["effective_rank"] < min(3.0, dimension / 2):
        found.append(
            f"embeddings use {seen['effective_rank']:.1f} of {dimension} dimensions: training is "
            "collapsing or has hardly begun"
        )
    if seen["norm"] > 1e4:
        found.append(
            f"embeddings are {seen['norm']:.0f} long and running away: clip gradients, or let the "
            "loss normalise them"
        )
    return found
