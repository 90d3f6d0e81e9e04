"""Percentiles without `numpy.percentile`, whose first call imports more than a detection takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def percentile(values: npt.ArrayLike, percent: float) -> npt.NDArray[Any]:
    """Return a percentile of values along their first axis, interpolated between two values.

    Parameters
    ----------
    values
        (n, ...), n at least 1; integers or floats without NaN.
    percent
        0 to 100.

    Returns
    -------
    float64 (...)
        The same as ``numpy.percentile(values, percent, axis=0)``.
    """
    array = np.asarray(values)
    place = percent / 100 * (len(array) - 1)
    below = int(place)
    above = min(below + 1, len(array) - 1)
    ordered = np.partition(array, (below, above), axis=0)
    low, high = ordered[below].astype(np.float64), ordered[above].astype(np.float64)
    return np.asarray(low + (high - low) * (place - below))


def counted_percentile(counts: npt.NDArray[np.integer[Any]], percent: float) -> float:
    """Return a percentile of whole numbers from 0 on, given how often each occurs.

    Where many of them are equal this is faster than sorting them.

    Parameters
    ----------
    counts
        (k,): how often 0, 1 ... k - 1 occur; not all 0.
    percent
        0 to 100.
    """
    upto = np.cumsum(counts)
    place = percent / 100 * (int(upto[-1]) - 1)
    below = int(place)
    low = int(np.searchsorted(upto, below, side="right"))
    high = int(np.searchsorted(upto, min(below + 1, int(upto[-1]) - 1), side="right"))
    return low + (high - low) * (place - below)
