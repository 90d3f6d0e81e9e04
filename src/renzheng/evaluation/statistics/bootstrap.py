"""Confidence intervals by drawing people, not comparisons.

Comparisons share people, so they are not independent: someone whom the network sees badly spoils
many of them. A replicate draws as many people as there are, with replacement; a genuine comparison
counts as often as its person was drawn, an impostor comparison as often as the product of both
(Snijders and Borgatti 1999, the bootstrap for pairs of vertices; Bolle, Ratha and Pankanti 2004,
the subsets bootstrap). Thresholds are chosen anew in every replicate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renzheng.datasets.types import Indices

Array = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]  # replicates done, replicates in all

# Named statistics of the people's weights, float64 (people,); None counts everyone once.
Statistics = Callable[[Array | None], Mapping[str, npt.ArrayLike]]

REPLICATES = 400
CONFIDENCE = 0.95
RULE_OF_30 = 30  # errors from which on a rate is within 30 % of the true one, at 90 %


@dataclass(frozen=True)
class Estimate:
    """A measured number with its interval.

    Attributes
    ----------
    value
        The number as measured on all the people.
    low, high
        The middle 95 % of the replicates (percentile bootstrap); widened to hold `value`.
    """

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """Return plain numbers for JSON, None in place of those that are not finite."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {name: v if np.isfinite(v) else None for name, v in numbers.items()}


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Named statistics, measured on all the people and in every replicate.

    Attributes
    ----------
    measured
        By name, float64 (k,): the values on all the people.
    drawn
        By name, float64 (replicates, k): the values in the replicates.
    """

    measured: Mapping[str, Array]
    drawn: Mapping[str, Array]

    def estimates(self, name: str, independent: int | None = None) -> list[Estimate]:
        """Return the values of a statistic with their intervals; `independent` as in `interval`."""
        drawn = self.drawn[name].T
        return [
            interval(float(value), column, independent)
            for value, column in zip(self.measured[name], drawn, strict=True)
        ]

    def estimate(self, name: str, independent: int | None = None) -> Estimate:
        """Return a statistic of a single value with its interval."""
        (found,) = self.estimates(name, independent)
        return found


def bootstrap(
    people: Indices,
    statistics: Statistics,
    draws: int = REPLICATES,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Bootstrap:
    """Compute statistics on all the people and on people drawn again and again.

    Parameters
    ----------
    people
        int (n,): the numbers of the people to draw from; each counts once, however often it is
        here.
    statistics
        The function that is bootstrapped: named numbers, or arrays (k,), of the people's weights.
    draws
        The number of replicates.
    seed
        Seed of the random numbers.
    progress
        Called after each replicate.
    """
    measured = _arrays(statistics(None))
    rows = [
        _arrays(statistics(weight))
        for weight in draw_weights(people, draws, seed=seed, progress=progress)
    ]
    drawn = {
        name: np.array([row[name] for row in rows]).reshape(len(rows), len(values))
        for name, values in measured.items()
    }
    return Bootstrap(measured, drawn)


def draw_weights(
    people: Indices, draws: int = REPLICATES, *, seed: int = 0, progress: Progress | None = None
) -> Iterator[Array]:
    """Draw as many people as there are, with replacement, again and again.

    Parameters
    ----------
    people, draws, seed, progress
        As in `bootstrap`.

    Yields
    ------
    float64 (largest number of a person + 1,)
        How often each person was drawn.
    """
    rng = np.random.default_rng(seed)
    known = np.unique(people)
    for done in range(draws):
        drawn = known[rng.integers(len(known), size=len(known))]
        yield np.bincount(drawn, minlength=int(known[-1]) + 1).astype(np.float64)
        if progress:
            progress(done + 1, draws)


def interval(value: float, drawn: npt.ArrayLike, independent: int | None = None) -> Estimate:
    """Return the measured value with the middle 95 % of the replicates.

    Parameters
    ----------
    value
        The number as measured on all the people.
    drawn
        (replicates,): the number in each; NaN where it could not be computed.
    independent
        For an error rate: the number of people, or pairs of people, that it was measured over.
        Where none of them erred no replicate can either; by the rule of three (ISO/IEC 19795-1)
        the rate could still be 3 in that many, at 95 %.
    """
    known = np.asarray(drawn, np.float64)
    known = known[np.isfinite(known)]
    if not known.size or not np.isfinite(value):
        return Estimate(value, float("nan"), float("nan"))
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, (outside, 1 - outside))
    if independent and value == 0:
        high = max(float(high), min(1.0, 3 / independent))
    return Estimate(value, min(float(low), value), max(float(high), value))


def _arrays(found: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
    return {name: np.atleast_1d(np.asarray(v, np.float64)) for name, v in found.items()}
