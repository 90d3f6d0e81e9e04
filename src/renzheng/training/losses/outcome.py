"""What every loss answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Outcome:
    """A loss and what to watch.

    Attributes
    ----------
    loss
        Scalar, with gradient.
    watch
        Scalars without gradient, by name: whether training collapses shows here first.
    """

    loss: Tensor
    watch: Mapping[str, Tensor] = field(default_factory=dict)
