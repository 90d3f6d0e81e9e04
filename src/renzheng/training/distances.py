"""Distances between all embeddings of a batch, with gradients that stay finite."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def unit(embeddings: Tensor) -> Tensor:
    """Rows brought to length 1, in float32 at least: (n, d).

    Half-precision squares lose what a margin is about, so bf16 goes up to float32 first. A row of
    zeros stays zeros.
    """
    return functional.normalize(_precise(embeddings), dim=1, eps=1e-12)


def squared_distances(left: Tensor, right: Tensor) -> Tensor:
    """Squared Euclidean distance of every row of `left` to every row of `right`.

    Parameters
    ----------
    left, right
        float (n, d) and (m, d).

    Returns
    -------
    float (n, m)
        0 or more: rounding cannot make it negative.
    """
    left, right = _precise(left), _precise(right)
    squares = left.square().sum(1)[:, None] + right.square().sum(1)[None, :]
    return (squares - 2 * left @ right.T).clamp_min(0)


def root(squared: Tensor) -> Tensor:
    """The Euclidean distance of a squared one; its slope at 0 is 0 and not infinite.

    Two copies of one picture in a batch have distance 0, and 1 / (2 * 0) would turn the whole
    network into NaN.
    """
    positive = squared > 1e-12
    return torch.where(positive, torch.where(positive, squared, 1.0).sqrt(), 0.0)


def _precise(values: Tensor) -> Tensor:
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
