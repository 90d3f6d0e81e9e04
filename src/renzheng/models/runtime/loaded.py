"""A network as a runtime has loaded it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy.typing as npt

Array = npt.NDArray[Any]
Run = Callable[[Array], list[Array]]


class Loaded(NamedTuple):
    """A network that can be run.

    Attributes
    ----------
    run
        From one batch to all outputs.
    provider
        The execution provider or device that computes it, as its library names it.
    batch
        The number of rows of a batch, if the network takes no other.
    """

    run: Run
    provider: str
    batch: int | None = None
