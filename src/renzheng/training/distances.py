"""Distances between all embeddings of a batch, with gradients that stay finite."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def unit(embeddings: Tensor) -> Tensor:
    """Scale rows to length 1, in float32 at least: (n, d).

    Squares in half precision lose the differences that a margin is about, so bf16 becomes float32
    first. A row of zeros stays zeros.
    """
    return functional.normalize(_at_least_float32(embeddings), dim=1, eps=1e-12)


def squared_distances(left: Tensor, right: Tensor) -> Tensor:
    """Return the squared Euclidean distance of every row of `left` to every row of `right`.

    Parameters
    ----------
    left, right
        float (n, d) and (m, d).

    Returns
    -------
    float (n, m)
        0 or more: rounding cannot make a distance negative.
    """
    left, right = _at_least_float32(left), _at_least_float32(right)
    squares = left.square().sum(1)[:, None] + right.square().sum(1)[None, :]
    return (squares - 2 * left @ right.T).clamp_min(0)


def safe_sqrt(squared: Tensor) -> Tensor:
    """Return the square root, whose slope at 0 is 0 here and not infinite.

    Two copies of one image in a batch have distance 0, and the slope 1 / (2 * 0) would turn the
    whole network into NaN.
    """
    positive = squared > 1e-12
    return torch.where(positive, torch.where(positive, squared, 1.0).sqrt(), 0.0)


def _at_least_float32(values: Tensor) -> Tensor:
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
