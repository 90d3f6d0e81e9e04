"""False match rates that are too low to be measured: a curve continued below its data."""

from __future__ import annotations

import numpy as np

from renzheng.evaluation.statistics.bootstrap import Array

# In multiples of the resolution: the measured tail up to there decides the slope. In 60 random
# halvings of 990 East Asian women, and of as many men, the half left out showed on average 1.01 and
# 0.80 times the promised 1e-4 (30: 1.07 and 0.88, 300: 0.92 and 0.71; a parabola 1.2 and 1.0).
REACH = 100.0
_MAX_RATE = 0.1  # above, a curve bends towards 1 and is no longer a tail
_MIN_RATE = 1e-15  # a rate stays above 0, so that it has a logarithm


def extrapolate(distance: Array, fmr: Array, resolution: float, *, reach: float = REACH) -> Array:
    """Return the curve with its part below the resolution replaced by a fitted exponential tail.

    The logarithm of the rate goes on as a line from the first point that reaches `resolution`. Its
    slope is the weighted least-squares slope of log FMR against distance between `resolution` and
    `reach` times it, or 0.1 if that is less. A rate of n counted pairs has the relative variance
    1 / n (Poisson), so a point's weight is its rate. Where fewer than two points lie there the
    curve stays level: without a slope no lower rate can be claimed.

    Parameters
    ----------
    distance
        float64 (n,): increasing distances.
    fmr
        float64 (n,): measured rates, never decreasing, 0 to 1.
    resolution
        The lowest rate that was measured well enough, above 0.
    reach
        The upper end of the fitted tail, in times the resolution.

    Returns
    -------
    float64 (n,)
        The rates, above 0 and never decreasing; from the first point at `resolution` on, the
        measured ones.
    """
    measured = fmr >= resolution * (1 - 1e-9)
    if not measured.any():
        return np.full(fmr.shape, max(resolution, _MIN_RATE))
    first = int(np.argmax(measured))
    below = distance[:first] - distance[first]
    highest = min(resolution * reach, _MAX_RATE) * (1 + 1e-9)
    slope = _slope(distance, fmr, measured & (fmr <= highest))
    tail = fmr[first] * np.exp(slope * below)
    return np.concatenate([np.maximum(tail, _MIN_RATE), fmr[first:]])


def _slope(distance: Array, fmr: Array, chosen: np.ndarray) -> float:
    """Return the slope of log FMR, 0 or more, per unit of distance."""
    x, y, weight = distance[chosen], np.log(fmr[chosen]), fmr[chosen]
    if len(x) < 2:
        return 0.0
    x = x - np.average(x, weights=weight)
    y = y - np.average(y, weights=weight)
    return max(float((weight * x) @ y / ((weight * x) @ x)), 0.0)
