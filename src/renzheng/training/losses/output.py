"""The result of every loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True, eq=False)
class LossOutput:
    """A loss and its metrics.

    Attributes
    ----------
    loss
        Scalar, with gradient.
    metrics
        Scalars without gradient, by name, for the log: collapse of the training shows here first.
    """

    loss: Tensor
    metrics: Mapping[str, Tensor] = field(default_factory=dict)
