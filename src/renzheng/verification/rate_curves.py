"""Curves of error rates by distance, as calibrations hold them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput

NO_DISTANCE = -1.0  # a threshold that no distance lies within


def check(called: str, rates: npt.NDArray[np.float64]) -> None:
    """Check the false match rates of a population or a level at increasing distances.

    Raises
    ------
    InvalidInput
        If they are not one finite curve above 0 and up to 1 that never falls; the message calls
        their owner as it is given.
    """
    if rates.ndim != 1 or not rates.size or not np.all(np.isfinite(rates)):
        raise InvalidInput(f"the rates of {called} must be one finite curve")
    if np.any(np.diff(rates) < 0):
        raise InvalidInput(f"the rates of {called} must not fall with the distance")
    if rates[0] <= 0 or rates[-1] > 1:
        raise InvalidInput(f"the rates of {called} must lie above 0 and up to 1")


def six_digits(curve: npt.NDArray[np.float64]) -> list[float]:
    """Return a curve as it is written into a file: rounded to six significant digits."""
    return [float(f"{value:.6g}") for value in curve]
