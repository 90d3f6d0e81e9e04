"""Confidence intervals by drawing people, not comparisons.

Comparisons share people, so they are not independent: someone whom the network sees badly spoils
many of them. A replicate draws as many people as there are, with replacement; a genuine comparison
counts as often as its person was drawn, an impostor comparison as often as the product of both
(Snijders and Borgatti 1999, the bootstrap for pairs of vertices; Bolle, Ratha and Pankanti 2004,
the subsets bootstrap). Thresholds are chosen anew in every replicate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from renzheng.evaluation.comparisons.scores import Array, Scores

Progress = Callable[[int, int], None]  # replicates done, replicates in all

REPLICATES = 400
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A measured number with its interval.

    Attributes
    ----------
    value
        Measured on all the people.
    low, high
        The middle 95 % of the replicates (percentile bootstrap); widened to hold `value`.
    """

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """Plain numbers for JSON; None for what there is not."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {name: v if np.isfinite(v) else None for name, v in numbers.items()}


class Weighted:
    """Scores in which people count more or less often: one replicate, or the measurement itself.

    Parameters
    ----------
    scores
        The comparisons.
    weight
        float64 (people,): how often each person counts; None for once each.
    per_person
        Whether each person's genuine comparisons count together as one, so that whoever has the
        most pictures does not decide the rate.
    """

    def __init__(self, scores: Scores, weight: Array | None = None, *, per_person: bool = False):
        self._scores = scores
        count = int(scores.person.max()) + 1
        weight = np.ones(count) if weight is None else weight
        owner = scores.person[scores.genuine_pairs[:, 0]]
        genuine = weight[owner]
        if per_person:
            genuine = genuine / np.bincount(owner, minlength=count)[owner]
        self._rejected_from = np.append(np.cumsum(genuine[::-1])[::-1], 0.0)
        first, second = (scores.person[scores.impostor_pairs[:, k]] for k in (0, 1))
        self._accepted = np.concatenate([[0.0], np.cumsum(weight[first] * weight[second])])
        self._impostors = self._total(weight)

    @property
    def complete(self) -> bool:
        """Whether there are both kinds of comparisons; else the missing kind's rates are NaN."""
        return bool(self._rejected_from[0] > 0 and self._impostors > 0)

    def fnmr_at(self, threshold: npt.ArrayLike) -> Array:
        """The share of genuine comparisons farther than these distances."""
        first = np.searchsorted(self._scores.genuine, threshold, side="right")
        return self._share(self._rejected_from[first], self._rejected_from[0])

    def fmr_at(self, threshold: npt.ArrayLike) -> Array:
        """The share of impostor comparisons at these distances or nearer.

        Beyond `Scores.complete_to` people count once each: that many comparisons hardly vary.
        """
        threshold = np.asarray(threshold, np.float64)
        near = np.searchsorted(self._scores.impostor, threshold, side="right")
        rate = self._share(self._accepted[near], self._impostors)
        if self._scores.histogram is not None:
            plain = self._scores.impostors_within(threshold) / self._scores.impostors
            rate = np.where(threshold <= self._scores.complete_to, rate, plain)
        return np.asarray(np.minimum(rate, 1.0))

    def fnmr_at_fmr(self, max_fmr: float) -> tuple[float, float]:
        """The lowest FNMR that keeps FMR at or below `max_fmr`, and its threshold.

        The threshold is the largest that occurs among all the distances.
        """
        allowed = max_fmr * self._impostors * (1 + 1e-12)
        accepted = int(np.searchsorted(self._accepted, allowed, side="right")) - 1
        impostor = self._scores.impostor
        if accepted < len(impostor):
            # All that is nearer than the first impostor too many.
            first = int(np.searchsorted(self._scores.genuine, impostor[accepted], side="left"))
            tied = int(np.searchsorted(impostor, impostor[accepted], side="left"))
            below = [self._scores.genuine[first - 1]] if first else []
            below += [impostor[tied - 1]] if tied else []
            threshold = float(max(below, default=-np.inf))
            return float(self._share(self._rejected_from[first], self._rejected_from[0])), threshold
        genuine = self._scores.genuine
        fine = self._fmr_of_genuine <= max_fmr * (1 + 1e-12)
        last = int(np.flatnonzero(fine)[-1]) if fine.any() else len(genuine)
        threshold = max([*genuine[last : last + 1], *impostor[-1:]], default=-np.inf)
        return float(self.fnmr_at(threshold)), float(threshold)

    def equal_error_rate(self) -> float:
        """The rate at which FMR and FNMR meet, interpolated between genuine distances."""
        if not self.complete:
            return float("nan")
        fmr = np.concatenate([[0.0], self._fmr_of_genuine])
        fnmr = np.concatenate([[1.0], self.fnmr_at(self._scores.genuine)])
        difference = fmr - fnmr
        after = int(np.argmax(difference >= 0))
        part = -difference[after - 1] / (difference[after] - difference[after - 1])
        return float(fmr[after - 1] + part * (fmr[after] - fmr[after - 1]))

    def area_under_roc(self) -> float:
        """The chance that a genuine comparison is nearer than an impostor; ties count half."""
        if not self.complete:
            return float("nan")
        genuine = self._scores.genuine
        weight = -np.diff(self._rejected_from)
        nearer = self.fmr_at(np.nextafter(genuine, -np.inf))
        return float(1 - weight @ ((nearer + self._fmr_of_genuine) / 2) / weight.sum())

    @staticmethod
    def _share(part: npt.ArrayLike, whole: float) -> Array:
        part = np.asarray(part, np.float64)
        return part / whole if whole > 0 else np.full(part.shape, np.nan)

    @cached_property
    def _fmr_of_genuine(self) -> Array:
        return self.fmr_at(self._scores.genuine)

    def _total(self, weight: Array) -> float:
        """The weight of all impostor comparisons."""
        scores = self._scores
        if scores.appearances is None:
            return float(self._accepted[-1])
        # All pairs less those within a person; a symmetric set holds each pair once.
        of_person = [
            np.bincount(scores.person, weights=side, minlength=len(weight)) * weight
            for side in scores.appearances
        ]
        everyone = float(of_person[0].sum() * of_person[1].sum())
        within = float(of_person[0] @ of_person[1])
        return (everyone - within) / (2 if scores.symmetric else 1)


def replicates(
    scores: Scores,
    count: int = REPLICATES,
    *,
    seed: int = 0,
    per_person: bool = False,
    progress: Progress | None = None,
) -> Iterator[Weighted]:
    """Draw the people again and again.

    Parameters
    ----------
    scores
        The comparisons.
    count
        How many draws.
    seed
        Of the random numbers.
    per_person
        As in `Weighted`.
    progress
        Told after each draw.
    """
    rng = np.random.default_rng(seed)
    known = np.unique(scores.person)
    size = int(scores.person.max()) + 1
    for done in range(count):
        drawn = known[rng.integers(len(known), size=len(known))]
        weight = np.bincount(drawn, minlength=size).astype(np.float64)
        yield Weighted(scores, weight, per_person=per_person)
        if progress:
            progress(done + 1, count)


def interval(value: float, drawn: npt.ArrayLike, independent: int | None = None) -> Estimate:
    """The measured value with the middle 95 % of what the replicates gave.

    Parameters
    ----------
    value
        Measured on all the people.
    drawn
        (replicates,): what each gave; NaN gave nothing.
    independent
        For an error rate: over how many people, or pairs of people, it was measured. Where none
        of them erred no replicate can either; by the rule of three (ISO/IEC 19795-1) the rate
        could still be 3 in that many, at 95 %.
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
