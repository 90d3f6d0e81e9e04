"""A share of a whole, with its exact interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput

_TAIL = 0.025  # at either end of an interval of 95 %


@dataclass(frozen=True)
class Proportion:
    """A share of a whole.

    Attributes
    ----------
    count, of
        The numbers of the part and of the whole.
    low, high
        The exact 95 % interval of the share (Clopper and Pearson 1934), which takes the cases as
        independent.
    """

    count: int
    of: int
    low: float
    high: float

    @classmethod
    def counted(cls, mask: npt.NDArray[np.bool_]) -> Proportion:
        """Return the share of True in a mask."""
        return cls.exact(int(np.count_nonzero(mask)), len(mask))

    @classmethod
    def exact(cls, count: int, of: int) -> Proportion:
        """Return `count` of `of` with its interval.

        Raises
        ------
        InvalidInput
            If `count` is not between 0 and `of`, or `of` is below 1.
        """
        if not 0 <= count <= of or of < 1:
            raise InvalidInput(f"{count} of {of} is no share")
        return cls(count, of, 1 - _upper(of - count, of), _upper(count, of))

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self.count / self.of

    def to_dict(self) -> dict[str, float | int]:
        """Return plain numbers for JSON."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "count": self.count,
            "of": self.of,
        }


def _upper(count: int, of: int) -> float:
    """Return the share at which `count` or fewer of `of` have a probability of 2.5 %."""
    if count == of:
        return 1.0
    k = np.arange(count + 1)
    # log of the binomial coefficients, summed up from one to the next
    steps = np.log(of - k[:-1]) - np.log(k[1:])
    coefficients = np.concatenate([[0.0], np.cumsum(steps)])
    low, high = count / of, 1.0
    for _ in range(60):
        share = (low + high) / 2
        if share == 1.0:
            break
        logs = coefficients + k * math.log(share) + (of - k) * math.log1p(-share)
        if np.exp(logs).sum() > _TAIL:
            low = share
        else:
            high = share
    return (low + high) / 2
